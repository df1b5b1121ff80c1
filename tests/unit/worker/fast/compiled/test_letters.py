"""Strings and characters end where the standard library has them end."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.worker.fast.compiled.python import BLANK, FEED, text, wrapping
from tests.unit.worker.fast.written import NOT_UTF8
from worker.fast.compiled.letters import (
    ESCAPED,
    HALF,
    _end_of_character,
    end_of_blanks,
    end_of_string,
    first_bytes,
    word_at,
)


def string(content: bytes) -> tuple[int, int]:
    """Where a string that begins with these bytes ends, and what it holds."""
    with wrapping():
        end, holds = end_of_string(text(content), 0)
    return int(end), int(holds)


PARTS = st.lists(
    st.sampled_from(
        [
            *('"', "\\", '\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u", "\\u00e9", "\\uD83D"),
            *("\\ude00", "\\ud83d\\ude00", "\\ud800\\u0041", "\\udbff\\udfff", "\\u12g4", "\\x", "\\U0041", "\\u004"),
            *("u", "\x00", "\n", "\x1f", " ", "!", "#", "[", "]", "\x7f", "é", "€", "😀", "eight ascii", "Zwölf"),
        ]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@given(PARTS | st.text(max_size=40))
@example("\\")
@example("\\u")
@example("\\ud83d\\")
@example("\\ud83d\\u")
def test_strings_of_json(content: str) -> None:
    """Those that the standard library takes, with the same end; it is told what their escapes hold."""
    content = content.encode("utf-8", "replace").decode()
    raw = f'{content}" 1'.encode()
    end, holds = string(raw)
    try:
        decoded, after = json.JSONDecoder().raw_decode(f'"{content}" 1')
    except ValueError:
        assert end == -1
        return
    written = content[: after - 2]
    assert raw[: end + 1] == f'{written}"'.encode()
    assert (holds & ESCAPED != 0) == ("\\" in written)
    assert (holds & HALF != 0) == any("\ud800" <= letter <= "\udfff" for letter in decoded)


@pytest.mark.parametrize("letter", range(256))
def test_each_byte_at_each_place_of_a_word(letter: int) -> None:
    """Those that end a string, those that none holds, and all others."""
    for place in range(18):
        end, holds = string(b"a" * place + bytes([letter]) + b'bcdefghijk"')
        if letter == ord('"'):
            assert (end, holds) == (place, 0)
        elif letter == ord("\\"):
            assert (end, holds) == (place + 11, ESCAPED)
        else:
            assert (end, holds) == (-1 if letter < 0x20 or letter >= 0x80 else place + 11, 0)


def test_neighbours_of_the_end() -> None:
    """A byte that differs in one bit is no quotation mark, also right behind one, where a word's arithmetic borrows."""
    for bit in range(8):
        other = ord('"') ^ 1 << bit
        for before in range(8):
            content = b"a" * before + bytes([other]) + b'"'
            assert string(content)[0] == (before + 1 if 0x20 <= other < 0x80 else -1)
            assert string(b"a" * before + b'"' + bytes([other]))[0] == before


@pytest.mark.parametrize("lead", range(0x80, 0x100))
def test_characters_of_utf8(lead: int) -> None:
    """Each second byte, and third and fourth ones at the edges."""
    edges = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF]
    for second in range(256):
        for third in edges:
            for fourth in edges if lead >= 0xF0 else [0x20]:
                raw = bytes([lead, second, third, fourth])
                assert _end_of_character(text(raw), 0) == size_of_first(raw)


def size_of_first(raw: bytes) -> int:
    """How many bytes the first character has, or -1."""
    for size in range(2, 5):
        try:
            raw[:size].decode()
        except UnicodeDecodeError:
            continue
        return size if len(raw[:size].decode()) == 1 else -1
    return -1


@pytest.mark.parametrize("wrong", NOT_UTF8, ids=bytes.hex)
def test_strings_that_are_not_utf8(wrong: bytes) -> None:
    """Wherever in a word."""
    for before in range(9):
        assert string(b"a" * before + wrong + b'"')[0] == -1
        assert string("é".encode() * before + wrong + b'"')[0] == -1


def test_blanks() -> None:
    """A line feed is one or not; nothing else of what Unicode calls a blank."""
    assert end_of_blanks(text(" \t\r\n \n1"), 0, FEED) == 6
    assert end_of_blanks(text(" \t\r\n \n1"), 0, BLANK) == 3
    for letter in "\0\x0b\x0c\x1c\x85\xa0\u2003\ufeff":
        assert end_of_blanks(text(letter), 0, FEED) == 0


@pytest.mark.parametrize("count", range(9))
def test_words(count: int) -> None:
    """The first byte is the lowest; behind the first ones are zeros."""
    word = word_at(bytes(range(0xF0, 0x100)), 3)
    assert int(word) == int.from_bytes(bytes(range(0xF3, 0xFB)), "little")
    with wrapping():
        assert int(first_bytes(word, count)) == int.from_bytes(bytes(range(0xF3, 0xF3 + count)), "little")
