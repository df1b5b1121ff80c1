"""Where strings end, and what must not stand in them, against going through the text one character after the other."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.fast.strings import is_utf8, quotes_of, unusual_of


def letters_of(text: bytes) -> np.ndarray:
    """As the grid sees them."""
    return np.frombuffer(text, np.uint8)


@given(st.text('"\\abu0{', max_size=40).map(lambda text: text + "}"))
@example('\\\\"\\"\\\\\\"}')
def test_quotes_that_are_not_escaped(text: str) -> None:
    """Any number of backslashes may stand before one."""
    expected, place = [], 0
    while place < len(text):
        if text[place] == '"':
            expected.append(place)
        place += 2 if text[place] == "\\" else 1
    assert quotes_of(letters_of(text.encode()))[0].tolist() == expected


@given(
    st.lists(
        st.sampled_from([*'"/bfnrtuxU0aé\\', "u12aF", "u12g4", "ud83d", "uDE00", "ud83d\\ude00", "u00e9"]), max_size=6
    )
)
def test_escapes_that_are_none(parts: list[str]) -> None:
    """Those that the standard library refuses, and halves of characters."""
    body = "".join("\\" + part for part in parts)
    wrong = quotes_of(letters_of(f'"{body}"}}      '.encode()))[1]
    try:
        decoded = json.loads(f'"{body}"')
        decoded.encode()
    except ValueError:
        # One backslash too many takes the last quotation mark: that is no wrong escape, but no string either.
        assert len(wrong) or body.replace("\\\\", "").endswith("\\")
    else:
        assert not len(wrong)


@given(st.binary(max_size=60))
@example(b"\xe2\x82 \xac")
@example(b"\xc3(\xa9)")
@example(b"aa" * 200 + b"\xf0\x9f\x98\x80")
def test_utf8(text: bytes) -> None:
    """Also where much of it is not ASCII, and where a character is interrupted."""
    try:
        text.decode()
        expected = True
    except UnicodeDecodeError:
        expected = False
    for padded in (text, text + b" " * 2000):
        letters = letters_of(padded)
        assert is_utf8(letters, unusual_of(letters)[1]) == expected


@pytest.mark.parametrize("text", ["я" * 70_000, "a" + "€" * 70_000, "\U0001f600" * 40_000])
def test_long_text_that_is_not_ascii(text: str) -> None:
    """Its pieces end between characters."""
    letters = letters_of(text.encode())
    assert is_utf8(letters, unusual_of(letters)[1])


def test_controls_and_others() -> None:
    """Each is found where it stands."""
    controls, others = unusual_of(letters_of(b"a\nb\x1f\x7f\xc3\xa9 \x00"))
    assert controls.tolist() == [1, 3, 8]
    assert others.tolist() == [5, 6]
