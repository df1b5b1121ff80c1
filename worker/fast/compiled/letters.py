"""Letters: blanks, strings and characters of JSON, byte by byte and eight bytes at a time. Compiled; see `build`.

What these functions cannot take they answer with -1. They read up to eight bytes beyond the place where they end: a
text has to have `BEHIND` bytes of NUL behind it, where everything ends, since no JSON holds one.
"""

from __future__ import annotations

from numpy import int64, uint64

from worker.fast.compiled.kinds import Bytes, Place, Word

ESCAPED, HALF = 1, 2
"""What a string holds: an escape; the escape of half a character (a surrogate)."""

_QUOTE, _BACKSLASH = 0x22, 0x5C
_ONES = uint64(0x0101010101010101)
_HIGH_BITS = uint64(0x8080808080808080)
_QUOTES = uint64(0x2222222222222222)
_BACKSLASHES = uint64(0x5C5C5C5C5C5C5C5C)
_BLANKS = uint64(0x2020202020202020)
_ALL = uint64(0xFFFFFFFFFFFFFFFF)
_EIGHT, _ONE, _TOP_BYTE = uint64(8), uint64(1), uint64(56)


def word_at(text: Bytes, at: Place) -> Word:
    """The eight bytes from a place on, the first one in the lowest bits. The compiler makes one read of it."""
    return (
        uint64(text[at])
        | uint64(text[at + 1]) << uint64(8)
        | uint64(text[at + 2]) << uint64(16)
        | uint64(text[at + 3]) << uint64(24)
        | uint64(text[at + 4]) << uint64(32)
        | uint64(text[at + 5]) << uint64(40)
        | uint64(text[at + 6]) << uint64(48)
        | uint64(text[at + 7]) << uint64(56)
    )


def first_bytes(word: Word, count: Place) -> Word:
    """The first `count` bytes of a word, 0 to 8; zeros behind them."""
    if count >= 8:
        return word
    return word & ((_ONE << (_EIGHT * uint64(count))) - _ONE)


def end_of_blanks(text: Bytes, at: Place, feed: Place) -> Place:
    """The first byte that is no blank. `feed` is a line feed, or a blank where a line feed is none."""
    letter = text[at]
    if letter > 0x20:
        return at
    while letter == 0x20 or letter == feed or letter == 0x0D or letter == 0x09:  # noqa: PLR1714 - as fast as can be
        at += 1
        letter = text[at]
    return at


def end_of_string(text: Bytes, at: Place) -> tuple[Place, Place]:
    """Go through a string from its first byte.

    Returns
    -------
    tuple
        Where its closing quotation mark stands, or -1 when it is none that JSON has, or not UTF-8; and what it holds.
    """
    holds = 0
    while True:
        word = word_at(text, at)
        special = _zeros(word ^ _QUOTES) | _zeros(word ^ _BACKSLASHES) | ((word - _BLANKS) & ~word) | word
        special &= _HIGH_BITS
        if special == uint64(0):
            at += 8
            continue
        at += _first(special)
        letter = text[at]
        if letter == _QUOTE:
            return at, holds
        if letter == _BACKSLASH:
            at, half = _end_of_escape(text, at + 1)
            holds |= ESCAPED | half
        elif letter < 0x20:
            return -1, holds
        else:
            at = _end_of_character(text, at)
        if at < 0:
            return -1, holds


def _zeros(word: Word) -> Word:
    """The high bit of each byte that is zero; perhaps of others, above one that is."""
    return (word - _ONES) & ~word


def _first(bits: Word) -> Place:
    """Which byte holds the lowest of some high bits of bytes."""
    below = ((bits & (~bits + _ONE)) - _ONE) & _ONES
    return int64((below * _ONES) >> _TOP_BYTE) - 1


def _end_of_escape(text: Bytes, at: Place) -> tuple[Place, Place]:
    """Go through an escape from the byte behind the backslash on."""
    letter = text[at]
    if letter == 0x75:  # u
        unit = _unit(text, at + 1)
        if unit < 0:
            return -1, 0
        if 0xD800 <= unit < 0xDC00 and text[at + 5] == _BACKSLASH and text[at + 6] == 0x75:
            other = _unit(text, at + 7)
            if 0xDC00 <= other < 0xE000:
                return at + 11, 0
        return at + 5, HALF if 0xD800 <= unit < 0xE000 else 0
    if letter in (0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74):  # " \ / b f n r t
        return at + 1, 0
    return -1, 0


def _unit(text: Bytes, at: Place) -> Place:
    """Read four hexadecimal digits."""
    value = 0
    for place in range(at, at + 4):
        digit = _hex(text[place])
        if digit < 0:
            return -1
        value = value * 16 + digit
    return value


def _hex(letter: int) -> Place:
    if 0x30 <= letter <= 0x39:
        return int64(letter) - 0x30
    lower = int64(letter) | 0x20
    if 0x61 <= lower <= 0x66:
        return lower - 0x57
    return -1


def _end_of_character(text: Bytes, at: Place) -> Place:
    """Go through a character of two to four bytes (RFC 3629, 4: syntax)."""
    lead, second = text[at], text[at + 1]
    if lead < 0xC2 or lead > 0xF4 or second < _lowest_second(lead) or second > _highest_second(lead):
        return -1
    end = at + 2 + (lead >= 0xE0) + (lead >= 0xF0)
    for place in range(at + 2, end):
        if text[place] & 0xC0 != 0x80:
            return -1
    return end


def _lowest_second(lead: Place) -> Place:
    """A shorter form must not stand for the same character."""
    if lead == 0xE0:
        return 0xA0
    return 0x90 if lead == 0xF0 else 0x80


def _highest_second(lead: Place) -> Place:
    """No surrogates, nothing beyond U+10FFFF."""
    if lead == 0xED:
        return 0x9F
    return 0x8F if lead == 0xF4 else 0xBF
