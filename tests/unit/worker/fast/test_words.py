"""Arithmetic on words gives what Python gives, text by text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worker.fast.words import LONGEST, PADDING, distinct, read_word, texts_in_words

BEFORE = b'{"some amount": '
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), min_size=1)


def laid_out(texts: list[str]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Texts between others, and where each begins and ends."""
    encoded = [text.encode() for text in texts]
    sizes = np.array([len(text) for text in encoded])
    begins = len(BEFORE) + np.cumsum(sizes + len(BEFORE)) - (sizes + len(BEFORE))
    return b"".join(BEFORE + text for text in encoded) + PADDING, begins, begins + sizes


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


def test_first_byte_is_the_lowest() -> None:
    """Of a word, and of a text in words; behind a text's end are zeros."""
    text = bytes(range(1, 65)) + PADDING
    assert read_word(text, np.array([0, 9])).tolist() == [0x0807060504030201, 0x11100F0E0D0C0B0A]
    columns = texts_in_words(text, np.array([0, 9]), np.array([10, 3]))
    assert [column.tolist() for column in columns] == [[0x0807060504030201, 0x0C0B0A], [0x0A09, 0]]


def test_longest_text_at_the_very_end() -> None:
    """What is behind it suffices to read a text of any size, be it empty, from there."""
    text = b"x" * LONGEST + PADDING
    columns = texts_in_words(text, np.array([0, LONGEST]), np.array([LONGEST, 0]))
    assert np.stack(columns).T.tobytes() == text[:LONGEST] + bytes(LONGEST)
