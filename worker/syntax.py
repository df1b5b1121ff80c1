"""Finds the exact place where a text stops being strict JSON (RFC 8259), or nests too deep. Slow, careful, iterative.

The place of a fault is the first character after which no valid JSON text can go on as this one does, so that every
engine can name the same byte. It runs only over values that the quick decoder refused or that may be too deep.
"""

from __future__ import annotations

import re
from typing import Literal

ANY_BLANK = re.compile(r"[ \t\r\n]*+")
BLANK_IN_LINE = re.compile(r"[ \t\r]*+")

_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+")
_NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?+(?:(?<=[0-9])[eE][-+]?)?+)?+")
_HEX_BEGUN = re.compile(r"\\u[0-9a-fA-F]{0,3}")
_WORDS = {"t": "true", "f": "false", "n": "null"}
_CLOSING = {"[": "]", "{": "}"}


class Fault(Exception):
    """The text is at fault at a character.

    Parameters
    ----------
    position
        Index into the text; its length when the text ends too early.
    expected
        What should stand there, in words.
    """

    def __init__(self, code: Literal["malformed_json", "too_deep"], position: int, expected: str = "") -> None:
        super().__init__(code)
        self.code: Literal["malformed_json", "too_deep"] = code
        self.position = position
        self.expected = expected


def check_value(text: str, position: int, levels: int, blank: re.Pattern[str] = ANY_BLANK) -> int:
    """Pass one JSON value and return the position after it.

    Parameters
    ----------
    position
        Where the value begins, blanks skipped.
    levels
        How many levels of arrays and objects the value may have.
    blank
        The white space allowed inside it: in NDJSON, no line break.

    Raises
    ------
    Fault
        At its first fault.
    """
    open_levels: list[str] = []
    while True:
        position = blank.match(text, position).end()  # type: ignore[union-attr]  # it matches nothing, too
        if text[position : position + 1] in ("[", "{"):
            if len(open_levels) == levels:
                raise Fault("too_deep", position)
            closing = _CLOSING[text[position]]
            open_levels.append(closing)
            position = _skip(blank, text, position + 1)
            if not text.startswith(closing, position):
                if closing == "}":
                    position = _key(text, position, blank, "a key in double quotes, or '}'")
                continue
        else:
            position = _scalar(text, position)
        position = _after_value(text, position, open_levels, blank)
        if not open_levels:
            return position


def _after_value(text: str, position: int, open_levels: list[str], blank: re.Pattern[str]) -> int:
    """From the end of a value to the next one in the same array or object, closing what ends here."""
    while open_levels:
        position = _skip(blank, text, position)
        closing = open_levels[-1]
        if text.startswith(closing, position):
            open_levels.pop()
            position += 1
        elif text.startswith(",", position):
            inside = _skip(blank, text, position + 1)
            return _key(text, inside, blank, "a key in double quotes") if closing == "}" else inside
        else:
            raise Fault("malformed_json", position, f"',' or '{closing}'")
    return position


def _key(text: str, position: int, blank: re.Pattern[str], expected: str) -> int:
    if not text.startswith('"', position):
        raise Fault("malformed_json", position, expected)
    position = _skip(blank, text, _string(text, position))
    if not text.startswith(":", position):
        raise Fault("malformed_json", position, "':'")
    return position + 1


def _skip(blank: re.Pattern[str], text: str, position: int) -> int:
    return blank.match(text, position).end()  # type: ignore[union-attr]  # it matches nothing, too


def _scalar(text: str, position: int) -> int:
    first = text[position : position + 1]
    if first == '"':
        return _string(text, position)
    if first in _WORDS:
        return _word(text, position, _WORDS[first])
    number = _NUMBER.match(text, position)
    begun = _NUMBER_BEGUN.match(text, position)
    end = begun.end() if begun else position
    if number is None or end > number.end():
        raise Fault("malformed_json", end, "a digit" if end > position else "a value")
    return number.end()


def _word(text: str, position: int, word: str) -> int:
    for index, letter in enumerate(word):
        if not text.startswith(letter, position + index):
            raise Fault("malformed_json", position + index, f"'{word}'")
    return position + len(word)


def _string(text: str, position: int) -> int:
    begun = _STRING.match(text, position)
    end = begun.end() if begun else position
    if text.startswith('"', end):
        return end + 1
    if text.startswith("\\u", end):
        end = _HEX_BEGUN.match(text, end).end()  # type: ignore[union-attr]  # its first two are there
        raise Fault("malformed_json", end, "a hexadecimal digit")
    if text.startswith("\\", end):
        raise Fault("malformed_json", end + 1, "an escape sequence of JSON")
    raise Fault("malformed_json", end, "the end of the string, or a character that is no control character")
