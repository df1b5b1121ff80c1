"""Strict JSON, compared with independent judges: the standard library, and msgspec."""

from __future__ import annotations

import json
from typing import NoReturn

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.worker.files import batch, decided, transaction
from worker.syntax import Fault, check_value

SOME_JSON = batch(transaction(), None, transaction(tax=-1.5e-3, x=[[], {}, '\\"é\u2028', True, False])).decode()
PIECES = st.sampled_from(
    [
        *'[]{}:,"\\-+.0123456789eE \n\t\r',
        "null",
        "true",
        "false",
        "NaN",
        "\\u",
        "\\ud800",
        "é",
        "\0",
        "\x1f",
        "\x7f",
        "//",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
MUTATED = st.builds(
    lambda begin, size, instead: SOME_JSON[:begin] + instead + SOME_JSON[begin + size :],
    st.integers(0, len(SOME_JSON)),
    st.integers(0, 3),
    st.lists(PIECES, max_size=2).map("".join),
)


def _refuse(_: str) -> NoReturn:
    raise ValueError


def standard_library_takes(text: str) -> bool:
    """Whether the standard library, told to be strict, takes a text as one JSON value."""
    try:
        json.loads(text, parse_constant=_refuse, parse_int=str, parse_float=str)
    except ValueError:
        return False
    return True


def fault(text: str) -> int | None:
    """Where our own reader finds fault with a text as one JSON value."""
    try:
        end = check_value(text, 0, 64)
    except Fault as found:
        return found.position
    rest = text[end:].lstrip(" \t\r\n")
    return len(text) - len(rest) if rest else None


@settings(deadline=None, max_examples=400)
@given(TEXTS | MUTATED)
@example("[1.5.2]")
@example('{"a" :1 , "b":[ ]}')
@example('{"a":}')
def test_our_reader_takes_what_the_standard_library_takes(text: str) -> None:
    """The reader that names places agrees with the decoder on every text."""
    assert (fault(text) is None) == standard_library_takes(text)


@settings(deadline=None, max_examples=300)
@given(TEXTS | MUTATED)
def test_text_before_a_fault_has_none(text: str) -> None:
    """The place is the first one: cut off there, the text only ends too early, or is complete."""
    place = fault(text)
    if place is not None and place < len(text):
        before = text[:place]
        assert fault(before) in (None, len(before))
        assert all(
            fault(before + letter) != len(before) for letter in ' ,]}"0n' if standard_library_takes(before + letter)
        )


@settings(deadline=None, max_examples=400)
@given(TEXTS.map(lambda text: f"[{text}]") | MUTATED)
def test_whatever_a_judge_calls_invalid_is_malformed(text: str) -> None:
    """In a file: rejected, with a byte; and what the judge takes is not malformed."""
    outcome = decided(text.encode()).outcome
    if standard_library_takes(text):
        assert outcome.code in (None, "no_transactions")
    else:
        assert outcome.code in ("malformed_json", "empty_file")
        assert outcome.offset is None or 0 <= outcome.offset <= len(text.encode())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=40) | MUTATED.map(str.encode))
def test_what_msgspec_takes_is_taken(content: bytes) -> None:
    """Another decoder of another family: valid for it is valid for us (it refuses more: lone surrogates, 1e400)."""
    try:
        msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    assert decided(content).outcome.code in (None, "no_transactions")
