"""Strings of JSON in a long text: where they begin and end, and what must not stand in them."""

from __future__ import annotations

import numpy as np

from worker.fast.numbers import Ints, Mask

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_LOWEST_CHARACTER = 0x20
_MUCH = 16
_PIECE = 1 << 16
_AFTER_BACKSLASH = np.zeros(256, np.bool_)
_AFTER_BACKSLASH[list(b'"\\/bfnrtu')] = True
_NO_DIGIT = 255
_HEX = np.full(256, _NO_DIGIT, np.int64)
_HEX[list(b"0123456789abcdef")] = np.arange(16)
_HEX[list(b"ABCDEF")] = np.arange(10, 16)
_LENGTH_OF_U = 6
_NOTHING = np.zeros(0, np.int64)


def quotes_of(letters: Ints) -> tuple[Ints, Ints]:
    """Find the quotation marks that are not escaped, and the places of escapes that are none, or half a character."""
    is_quote: Mask = letters == _QUOTE
    backslashes = np.flatnonzero(letters == _BACKSLASH)
    if not len(backslashes):
        return np.flatnonzero(is_quote), _NOTHING
    escapes = backslashes[_is_even_in_its_run(backslashes)]
    escapes = escapes[escapes < len(letters) - 1]
    escaped = letters[escapes + 1]
    is_quote[escapes[escaped == _QUOTE] + 1] = False
    wrong = escapes[~_AFTER_BACKSLASH[escaped]]
    in_hex = escapes[escaped == ord("u")]
    if len(in_hex):
        wrong = np.concatenate([wrong, in_hex[~_are_characters(letters, in_hex)]])
    return np.flatnonzero(is_quote), wrong


def _is_even_in_its_run(backslashes: Ints) -> Mask:
    """Of backslashes in a row the first, third … begin an escape."""
    places = np.arange(len(backslashes))
    begins = np.ones(len(backslashes), np.bool_)
    begins[1:] = np.diff(backslashes) != 1
    even: Mask = (places - np.maximum.accumulate(np.where(begins, places, 0))) % 2 == 0
    return even


def _are_characters(letters: Ints, escapes: Ints) -> Mask:
    """Tell which ``\\uXXXX`` stand for a character, or for half of one whose other half stands beside it."""
    places = np.minimum(escapes[:, np.newaxis] + np.arange(2, _LENGTH_OF_U), len(letters) - 1)
    digits = _HEX[letters[places]]
    good: Mask = (digits != _NO_DIGIT).all(axis=1)
    kinds = digits[:, 0] * 16 + digits[:, 1]
    high, low = (kinds >= 0xD8) & (kinds < 0xDC), (kinds >= 0xDC) & (kinds < 0xE0)
    pairs = (np.diff(escapes) == _LENGTH_OF_U) & high[:-1] & low[1:] & good[:-1] & good[1:]
    whole = ~high & ~low
    whole[:-1] |= pairs
    whole[1:] |= pairs
    return good & whole


def unusual_of(letters: Ints) -> tuple[Ints, Ints]:
    """Find the control characters, which strings must not have, and the bytes that are not ASCII."""
    places = np.flatnonzero(letters.view(np.int8) < _LOWEST_CHARACTER)  # beyond ASCII they are negative
    are_controls = letters[places] < _LOWEST_CHARACTER
    return places[are_controls], places[~are_controls]


def is_utf8(letters: Ints, beyond_ascii: Ints) -> bool:
    """Tell whether a text is UTF-8.

    Where little of it is not ASCII, only that is decoded: its stretches, set apart by blanks, as ASCII sets them apart.
    """
    if len(beyond_ascii) * _MUCH > len(letters):
        return _are_utf8_pieces(letters.tobytes())
    stretches = np.zeros(len(beyond_ascii), np.int64)
    stretches[1:] = np.cumsum(np.diff(beyond_ascii) != 1)
    apart = np.full(2 * len(beyond_ascii), ord(" "), np.uint8)
    apart[np.arange(len(beyond_ascii)) + stretches] = letters[beyond_ascii]
    return _decodes(apart.tobytes())


def _are_utf8_pieces(text: bytes) -> bool:
    """Piece by piece: the characters of a long text would not stay in the cache."""
    begin = 0
    while begin < len(text):
        end = begin + _PIECE
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end += 1
        if not _decodes(text[begin:end]):
            return False
        begin = end
    return True


def _decodes(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
