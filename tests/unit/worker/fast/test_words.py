"""Arithmetic on words gives what Python gives, text by text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.fast.numerals import are_numbers, read_cents, read_whole
from worker.fast.words import (
    LONGEST,
    PADDING,
    SIZE,
    distinct,
    holds,
    read,
    stands_at,
    texts_in_words,
)
from worker.money import Number, cents

BEFORE = b'{"some amount": '
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), min_size=1)
DIGITS = st.text("0123456789", min_size=1, max_size=11)
WRITTEN = st.one_of(
    st.decimals(0, 10**9, places=2).map(str),
    st.builds("{}.{}".format, DIGITS, DIGITS),
    DIGITS,
    st.text("0123456789.-+eE", max_size=18),
)


def laid_out(texts: list[str]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Texts between others, and where each begins and ends."""
    encoded = [text.encode() for text in texts]
    sizes = np.array([len(text) for text in encoded])
    begins = len(BEFORE) + np.cumsum(sizes + len(BEFORE)) - (sizes + len(BEFORE))
    return b"".join(BEFORE + text for text in encoded) + PADDING, begins, begins + sizes


AMOUNTS = WRITTEN | st.floats(0, 1e6).map(repr) | st.builds("{}.{}5{}".format, DIGITS, DIGITS, DIGITS)


@given(st.lists(AMOUNTS, min_size=1))
@example(["0", "0.0", "0.5", "12345678.99", "123456789", "1.999", "01", "00.1", "1.", ".5", "-1", "", "1e2", "1..2"])
@example(["0.005", "0.015", "0.0050000000000001", "0.00499999999999999", "29.990000000000002", "1.0000000000000000001"])
def test_amounts_are_those_that_the_plain_check_reads(texts: list[str]) -> None:
    """Whatever has at most eight digits before the point is read; what is no number is not."""
    found, good = read_cents(*laid_out(texts))
    for text, amount, is_good in zip(texts, found.tolist(), good.tolist(), strict=True):
        number = re.fullmatch(r"(0|[1-9][0-9]{0,7})(?:\.([0-9]{1,16}))?", text)
        assert is_good == (number is not None and len(text) <= 24), text
        assert not is_good or amount == cents(Number(text))


@given(st.lists(WRITTEN, min_size=1))
@example(["0", "00", "01", "12345678", "123456789", "", "5.", "-5"])
def test_counts(texts: list[str]) -> None:
    """Whole numbers of up to eight digits, as JSON has them."""
    found, good = read_whole(*laid_out(texts))
    for text, count, is_good in zip(texts, found.tolist(), good.tolist(), strict=True):
        assert is_good == (text.isdigit() and len(text) <= SIZE and text == str(int(text)))
        assert not is_good or count == int(text)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).map(repr) | WRITTEN, min_size=1))
@example(["0", "-0", "-", "00", "-01", "0.10", "-0.5", ".5", "5.", "1.2.3", "1-2", "1e5", "", "48.137432345678912"])
@example(["9" * 24, "9" * 25])
def test_numbers_of_json(texts: list[str]) -> None:
    """All that the grammar knows, but for exponents and long ones."""
    for text, is_number in zip(texts, are_numbers(*laid_out(texts)).tolist(), strict=True):
        assert is_number == (len(text) <= 24 and re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", text) is not None)


@given(TEXTS)
def test_equal_texts_have_equal_codes(texts: list[str]) -> None:
    """In the order in which they come, as a dict would give them."""
    text, begins, ends = laid_out(texts)
    codes, first = distinct(texts_in_words(text, begins, ends - begins))
    numbered: dict[str, int] = {}
    assert codes.tolist() == [numbered.setdefault(one, len(numbered)) for one in texts]
    assert first.tolist() == [texts.index(one) for one in numbered]


def test_codes_of_many_texts_that_share_slots() -> None:
    """More texts than one round can tell apart; differences in the last word, too."""
    texts = [f"{'x' * (number % 3) * 50}{number % 7000}" for number in range(20_000)]
    text, begins, ends = laid_out(texts)
    codes, first = distinct(texts_in_words(text, begins, ends - begins))
    assert len(first) == len(set(texts))
    assert [texts[place] for place in first[codes].tolist()] == texts


def test_no_texts_have_no_codes() -> None:
    """And are no error."""
    codes, first = distinct(texts_in_words(*(PADDING, np.zeros(0, np.int64), np.zeros(0, np.int64))))
    assert len(codes) == len(first) == 0


@given(TEXTS)
def test_letters_are_found(texts: list[str]) -> None:
    """In every place of a word; also beside its neighbours in the alphabet."""
    text, begins, ends = laid_out(texts)
    columns = texts_in_words(text, begins, ends - begins)
    for letter in "\\a[]":
        assert holds(columns, ord(letter)).tolist() == [letter in one for one in texts]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 23, LONGEST])
def test_literal_stands_where_it_stands(size: int) -> None:
    """It counts to its last byte, and not further."""
    literal = (b"abcdefghi" * LONGEST)[:size]
    text = literal + b"?" + literal[:-1] + b"!" + literal + PADDING
    places = np.array([0, 1, size + 1, 2 * size + 1])
    assert stands_at(text, places, literal).tolist() == [True, size == 0, False, True]


def test_rows_of_words() -> None:
    """The first byte is the lowest."""
    assert read(bytes(range(64)) + PADDING, np.array([0, 9]), 2).tobytes() == bytes([*range(16), *range(9, 25)])
