"""Numbers, amounts and timestamps are read as the plain engine reads them; values end where JSON has them end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.worker.fast.compiled.python import BLANK, FEED, text, wrapping
from tests.unit.worker.fast.written import ODD, TAKEN, deep
from worker.fast.compiled.values import (
    NEVER,
    end_of_cents,
    end_of_null,
    end_of_number,
    end_of_value,
    end_of_whole,
    moment_of,
)
from worker.money import Number, cents
from worker.times import parse_timestamp, write_timestamp

STAMPS = [
    json.loads(new) for name, (_, new) in (TAKEN | ODD).items() if name.startswith("timestamp ") and "\\" not in new
]


def same_moment(stamp: str) -> None:
    """Assert that a timestamp is read as by the plain engine; those of the first and last years are left to that."""
    expected = parse_timestamp(stamp)
    raw = stamp.encode()
    if expected is None or not "0002" <= stamp[:4] <= "9998":
        expected = NEVER
    for behind in (b'"', b'"Z"', b'"00:00"', b'":00Z"', b'"5+01:00"'):
        assert int(moment_of(text(b"12" + raw + behind), 2, 2 + len(raw))) == expected, (stamp, behind)


@pytest.mark.parametrize("stamp", STAMPS)
def test_timestamps(stamp: str) -> None:
    """Every form; and what is cut off anywhere."""
    for size in range(len(stamp) + 1):
        same_moment(stamp[:size])


def test_each_character_of_a_timestamp() -> None:
    """Replaced by another one, of its kind or not."""
    for stamp in ("2025-01-17T14:30:22.123456+01:30", "2024-02-29T23:59:59,9-0130", "2025-12-31T00:00Z"):
        for place in range(len(stamp)):
            for letter in "0123456789:.,+-TZtz x\0":
                same_moment(stamp[:place] + letter + stamp[place + 1 :])


NUMERALS = st.integers(0, 99).map("{:02}".format)


@given(
    st.builds(
        "{}-{}-{}T{}:{}{}{}".format,
        st.integers(0, 9999).map("{:04}".format) | st.sampled_from(["0001", "0002", "1900", "2000", "9998", "9999"]),
        st.integers(0, 13).map("{:02}".format),
        st.integers(0, 32).map("{:02}".format),
        st.integers(0, 25).map("{:02}".format),
        st.integers(0, 61).map("{:02}".format),
        st.builds(":{}{}".format, NUMERALS, st.from_regex(r"([.,][0-9]{0,30})?", fullmatch=True)) | st.just(""),
        st.from_regex(r"(Z|[-+][0-9]{2}(:?[0-9]{2})?)?", fullmatch=True) | st.text(":+-Z0123", max_size=7),
    )
)
def test_timestamps_by_chance(stamp: str) -> None:
    """Right and nearly right ones."""
    same_moment(stamp)


def test_days_of_the_calendar() -> None:
    """The ends of months and of leap days, in every kind of year."""
    for year in [*range(1, 10_000, 97), *range(1890, 2110), 1600, 2400, 9996, 9998, 9999]:
        for day in ("01-01", "02-28", "02-29", "02-30", "03-01", "04-30", "04-31", "12-31"):
            stamp = f"{year:04}-{day}T12:00:00Z".encode()
            expected = parse_timestamp(stamp.decode()) if 2 <= year <= 9998 else None
            assert int(moment_of(text(stamp), 0, len(stamp))) == (NEVER if expected is None else expected)
    for time in range(0, 366 * 5 * 86_400, 86_400):
        stamp = write_timestamp(time * 1_000_000).encode()
        assert int(moment_of(text(stamp), 0, len(stamp))) == time * 1_000_000


DIGITS = st.text("0123456789", min_size=1, max_size=18)
AMOUNTS = st.one_of(
    st.builds("{}.{}".format, DIGITS, st.text("0123456789", max_size=30)),
    st.builds("{}.{}5{}".format, DIGITS, DIGITS, st.text("0", max_size=9)),
    st.decimals(0, 10**9, places=3).map(str),
    st.floats(0, 1e15).map(repr),
    DIGITS,
    st.text("0123456789.-+eE", max_size=18),
)
BEHIND_A_NUMBER = [",", "}", " ", "]", "\n", "", "x", "-"]


@given(AMOUNTS, st.sampled_from(BEHIND_A_NUMBER))
@example("999999999999999.994", ",")
@example("999999999999999.995", ",")
@example("999999999999999." + "9" * 40, ",")
@example("9999999999999999", ",")
@example("0.0049999999999999999999999999999999", ",")
@example("0.00500000000000000000000000000000001", ",")
@example("1.005", ",")
@example("1.015", ",")
def test_amounts(written: str, behind: str) -> None:
    """Of at most fifteen digits before the point they are those of the plain check, rounded half to even."""
    end, amount = end_of_cents(text(written + behind), 0)
    number = re.match(r"(0|[1-9][0-9]{0,14})(?![0-9])(?:\.([0-9]+)|(?!\.))", written)
    assert int(end) == (number.end() if number else -1)
    assert number is None or int(amount) == cents(Number(number[0]))


@given(DIGITS | st.text("0123456789.-+eE", max_size=18), st.sampled_from(BEHIND_A_NUMBER))
@example("0", "")
@example("00", "")
@example("", "")
@example("9" * 15, "")
@example("9" * 16, "")
@example("9" * 50, "")
def test_counts(written: str, behind: str) -> None:
    """Whole numbers of at most fifteen digits; whatever stands behind them is for others."""
    end, count = end_of_whole(text(written + behind), 0)
    number = re.match(r"(0|[1-9][0-9]{0,14})(?![0-9])", written)
    assert int(end) == (number.end() if number else -1)
    assert number is None or int(count) == int(number[0])


@given(AMOUNTS | st.text("0123456789.-+eE", max_size=18) | st.floats(allow_nan=False, allow_infinity=False).map(repr))
@example("-0")
@example("-")
@example("-01")
@example("0e0")
@example("0.00E")
@example("0E+05")
@example("1.e1")
@example("1e")
@example("1e-")
def test_numbers(written: str) -> None:
    """What JSON's grammar says, as far as it goes; where it stops in between there is none."""
    end = int(end_of_number(text(written), 0))
    number = re.match(r"-?(?:0|[1-9][0-9]*+)(?![0-9])(?:\.[0-9]++|(?!\.))(?:[eE][-+]?[0-9]++|(?![eE]))", written)
    assert end == (number.end() if number else -1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
MARKS = ["", '"', ",", ":", "[", "]", "{", "}", " ", "\n", "1", "null", "true,", '"a":', "\\", "\0"]


@example(0, None, 1, 0, "1")
@given(VALUES, st.sampled_from([None, 1]), st.integers(0, 200), st.integers(0, 2), st.sampled_from(MARKS))
def test_values(value: Any, indent: int | None, place: int, cut: int, mark: str) -> None:
    """Any value ends where the standard library has it end, and what is none does not."""
    written = json.dumps(value, indent=indent, ensure_ascii=place % 2 == 0)
    place %= len(written) + 1
    for shown in (written, written[:place] + mark + written[place + cut :]):
        with wrapping():
            end = int(end_of_value(text(shown + " ,"), 0, FEED, 64))
        assert end == end_in_library(shown + " ,")


def end_in_library(shown: str) -> int:
    """Where the first value ends, in bytes, or -1."""
    try:
        _, end = json.JSONDecoder(parse_constant=int, strict=True).raw_decode(shown)
        shown.encode()
    except ValueError:
        return -1
    # Of "1.x" and "01" the decoder takes the first digit.
    goes_on = shown[end - 1] in "0123456789" and shown[end] in "0123456789.eE"
    return -1 if goes_on else len(shown[:end].encode())


@pytest.mark.parametrize("levels", [1, 2, 60, 63, 64])
def test_levels(levels: int) -> None:
    """So many, and not one more; there is a bit for each of 64."""
    with wrapping():
        for depth in (levels - 1, levels, levels + 1):
            for shown in (deep(depth), "[" * depth + "]" * depth, '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)):
                if depth:
                    end = len(shown) if depth <= levels else -1
                    assert int(end_of_value(text(shown), 0, FEED, levels)) == end
        assert int(end_of_value(text("[" * 70 + "]" * 70), 0, FEED, 99)) == -1


def test_brackets_that_do_not_match() -> None:
    """At each level."""
    with wrapping():
        for depth in range(1, 65):
            shown = deep(depth)
            for place in (place for place, letter in enumerate(shown) if letter in "]}"):
                wrong = shown[:place] + ("]" if shown[place] == "}" else "}") + shown[place + 1 :]
                assert int(end_of_value(text(wrong), 0, FEED, 64)) == -1


def test_line_feeds() -> None:
    """In a line they are no blanks."""
    with wrapping():
        for shown in ("[\n]", "[1\n]", "[1,\n2]", "{\n}", '{"a"\n:1}', '{"a":\n1}', '{"a":1\n}', '{"a":1,\n"b":2}'):
            assert int(end_of_value(text(shown), 0, FEED, 64)) == len(shown)
            assert int(end_of_value(text(shown), 0, BLANK, 64)) == -1


def test_null() -> None:
    """That word alone; what follows is for others."""
    assert [end_of_null(text(word), 0) for word in ("null", "nullx", "nul", "Null", "nulL")] == [4, 4, -1, -1, -1]
