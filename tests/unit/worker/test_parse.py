"""Text → raw transactions: shapes, strictness, places of faults."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.limits import DEEPEST
from worker.model import Rejected
from worker.money import Number
from worker.parse import Header, parse

LIMIT = 1000


class Kept:
    """Keeps the records it is given."""

    def __init__(self) -> None:
        self.records: list[object] = []

    def begin(self) -> None:
        """Forget the earlier ones."""
        self.records = []

    def add(self, record: object) -> None:
        """Keep one."""
        self.records.append(record)


def read(text: str) -> tuple[list[Any], Header]:
    """The records and the header of a text."""
    kept = Kept()
    header = parse(text, LIMIT, kept)
    return kept.records, header


def rejection(text: str) -> tuple[str, int | None]:
    """The code and the offset with which a text is refused."""
    with pytest.raises(Rejected) as caught:
        parse(text, LIMIT, Kept())
    return caught.value.code, caught.value.offset


@pytest.mark.parametrize(
    "text",
    [
        '{"transactions": [{"a": "1"}, {"a": "2"}]}',
        '{"x": {"transactions": [3]}, "transactions": [{"a": "1"}, {"a": "2"}], "y": [[]]}',
        '[{"a": "1"}, {"a": "2"}]',
        '{"a": "1"}\n{"a": "2"}',
        '\n\n{"a": "1"}\r\n  \r\n\t{"a": "2"} \r\n\n',
        '\ufeff[{"a": "1"}, {"a": "2"}]',
        '\ufeff{"a": "1"}\n{"a": "2"}\n',
        '{"tr\\u0061nsactions": [{"a": "1"}, {"a": "2"}]}',
        '{"transactions": [9], "transactions": [{"a": "1"}, {"a": "2"}]}',
        '{"transactions": "old", "transactions": [{"a": "1"}, {"a": "2"}]}',
        '[{"a": "0", "a": "1"}, {"a": [null], "a": "2"}]',
    ],
)
def test_every_shape_gives_the_same_transactions(text: str) -> None:
    """An object, an array, lines; with a BOM, blank lines, escapes in the key; of duplicate keys the last one wins."""
    assert read(text)[0] == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize(("text", "count"), [("[]", 0), ('{"transactions": []}', 0), ("[null, 1, [2], true]", 4)])
def test_array_may_be_empty_or_hold_anything(text: str, count: int) -> None:
    """What a transaction must be is not the reader's business."""
    assert len(read(text)[0]) == count


@pytest.mark.parametrize(
    "text", ['{"transaction_id": "T1"}', '{"transaction_id": "T1"}\n', '\n{\n  "transaction_id": "T1"\n}\n\n']
)
def test_single_transaction_is_a_file_of_one(text: str) -> None:
    """One line of NDJSON; as nothing else stands in the file, its line breaks cannot mislead."""
    assert read(text)[0] == [{"transaction_id": "T1"}]


def test_lines_may_hold_any_value() -> None:
    """After a first object each line is one transaction, right or wrong."""
    assert read('{"a": "1"}\nnull\n[2]\n"x"')[0] == [{"a": "1"}, None, ["2"], "x"]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": 1}',
        '{"transactions": null}',
        '{"transactions": {}}',
        '{"transactions": [1], "transactions": null}',
        '{"data": {"transactions": []}}',
        "null",
        "5",
        '"transactions"',
        "true",
    ],
)
def test_file_without_a_transactions_array_is_refused(text: str) -> None:
    """Valid JSON that holds nothing to read: no array of that name at the top, or none any more."""
    assert rejection(text) == ("no_transactions", None)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("[1,]", 3),
        ("[,1]", 1),
        ("[1 2]", 3),
        ("[1", 2),
        ("[", 1),
        ("[1]]", 3),
        ("[1] x", 4),
        ("[1]\n[2]", 4),
        ('{"transactions": [1]} {}', 22),
        ('{"transactions": [1]}\n{"transactions": [2]}', 22),
        ('{"transactions": [1],}', 21),
        ('{"transactions" [1]}', 16),
        ('{"transactions": [1]', 20),
        ("{,}", 1),
        ("{a: 1}", 1),
        ("{'a': 1}", 1),
        ('{"a": 1,, "b": 2}', 8),
        ('{"a"}', 4),
        ('{"a":}', 5),
        ('[{"a":}]', 6),
        ('[{"a": }]', 7),
        ('[{"a":1,"b":}]', 12),
        ('{"a": 1', 7),
        ('{"a', 3),
        ("[NaN]", 1),
        ("[Infinity]", 1),
        ("[-Infinity]", 2),
        ("[nan]", 2),
        ("[nul]", 4),
        ("[True]", 1),
        ("[tru", 4),
        ("[01]", 2),
        ("[-01]", 3),
        ("[1.]", 3),
        ("[.5]", 1),
        ("[+1]", 1),
        ("[-]", 2),
        ("[1e]", 3),
        ("[1e+]", 4),
        ("[1.5.2]", 4),
        ("[0x10]", 2),
        ("[1_000]", 2),
        ("[１]", 1),
        ('["\t"]', 2),
        ('["a\nb"]', 3),
        ('["\\x"]', 3),
        ('["\\u12"]', 6),
        ('["\\u12g4"]', 6),
        ('["abc', 5),
        ('["abc\\', 6),
        ("['a']", 1),
        ("[1] // end", 4),
        ("[/* no */ 1]", 1),
        ("[1\u00a0]", 2),
        ("[\ufeff1]", 1),
        ("\ufeff\ufeff[1]", 3),
        ("\u00e9", 0),
        ('["é", é]', 7),
        ('{"a": 1} {"a": 2}', 9),
        ('{"a": 1}\r{"a": 2}', 9),
        ('{"a": 1}\n{"a": 2} {"a": 3}', 18),
        ('{"a": 1}\n{"a":\n2}', 14),
        ('{"a":\n1}\n{"a": 2}', 9),
        ('{"a": 1}\n{"a": 2},\n', 17),
        ('{"a": 1},\n{"a": 2}', 8),
        ('{"a": 1}\n{"a": ', 15),
        ("5\n6", 2),
        ("@", 0),
    ],
)
def test_malformed_json_is_refused_at_its_first_wrong_byte(text: str, offset: int) -> None:
    """The offset is the first byte after which no valid JSON can go on; its length when the text ends too early."""
    assert rejection(text) == ("malformed_json", offset)


def nested(levels: int) -> str:
    """Arrays in arrays."""
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("before", "after", "offset"),
    [
        ("", "", 64),
        ('{"extra": ', ', "transactions": []}', 73),
        ('{"transactions": [{"extra": ', "}]}", 89),
        ('{"a": 1}\n{"extra": ', "}", 82),
        ('["[[[[[\\"[[[[[", ', "]", 80),
    ],
)
def test_nesting_is_allowed_to_the_limit_and_no_deeper(before: str, after: str, offset: int) -> None:
    """Levels count from the outermost array or object of the file, or of the line; brackets in strings do not."""
    outer = sum({"[": 1, "{": 1, "]": -1, "}": -1}.get(letter, 0) for letter in before.replace("[[[[[", ""))
    room = DEEPEST - outer
    read(before + nested(room) + after)
    assert rejection(before + nested(room + 1) + after) == ("too_deep", offset)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_million_deep_nesting_is_refused_without_recursion(opening: str) -> None:
    """An attack on the stack ends like any other deep file, closed or cut off."""
    assert rejection(opening * 1_000_000)[0] == "too_deep"
    assert rejection("[" * 1_000_000 + "]" * 1_000_000)[0] == "too_deep"


def test_wide_is_not_deep() -> None:
    """Many arrays beside each other are one level."""
    assert len(read("[" + ",".join(["[]"] * 200) + "]")[0]) == 200
    assert read('[{"a": [' + ",".join(['{"b": [{}]}'] * 80) + "]}]")[0] != []


def test_record_may_be_as_large_as_the_limit_and_no_larger() -> None:
    """Its bytes count from its first to its last, whatever stands around it; the offset is its begin."""
    fits = json.dumps("x" * (LIMIT - 2))
    too_large = json.dumps("x" * (LIMIT - 1))
    for before, after in (("[", "]"), ("[1,   ", "   , 2]"), ('{"transactions": [', "]}"), ('{"a": 1}\n', "\n")):
        read(before + fits + after)
        assert rejection(before + too_large + after) == ("record_too_large", len(before))


def test_record_is_measured_in_bytes() -> None:
    """A character of three bytes counts three."""
    fits = '"' + "€" * 332 + '"'
    assert len(fits.encode()) == LIMIT - 2
    read(f'["é", {fits}]')
    assert rejection(f'["é", "{"€" * 333}"]') == ("record_too_large", 7)


def test_what_stands_outside_of_the_transactions_counts_together_as_one_record() -> None:
    """Before and behind them, blanks too; the transactions do not count. The offset is the object's begin."""
    before, between, behind = '{"note": "' + "é" * 200 + '", "transactions":', ', "transactions": ', ',"more": 1'
    room = " " * (LIMIT - len((before + between + behind + "}").encode()))
    many = "[" + "1," * LIMIT + "true]"
    fits = f" {before}{many}{between}[true]{room}{behind}}}"
    assert read(fits)[0] == [True]
    assert rejection(fits.replace(behind, " " + behind)) == ("record_too_large", 1)
    assert rejection(fits[:-1] + "]") == ("malformed_json", len(fits.encode()) - 1)
    assert rejection(fits[:-1] + "  ]") == ("record_too_large", 1)


@pytest.mark.parametrize(
    "begin", ['"', '{"a": "', '{"', '{"a": ["', "{", '{"a"', '{"a": 1', '{"transactions": null', "1"]
)
def test_text_without_an_end_is_too_large_wherever_it_stands(begin: str) -> None:
    """One endless line is not kept: letters or blanks, in a key, a value, or between them."""
    filler = "1" if begin == "1" else "x" if begin.endswith('"') and begin != '{"a"' else " "
    assert rejection("\n" + begin + filler * 2 * LIMIT) == ("record_too_large", 1)


def test_blanks_between_transactions_have_no_limit() -> None:
    """Nor before the first, nor behind the last."""
    blanks = " \n" * LIMIT
    assert read(f"{blanks}[{blanks}1{blanks},{blanks}2{blanks}]{blanks}")[0] == read("[1, 2]")[0]
    lines = f'{blanks}{{"transaction_id": 1}}{blanks}2{blanks}'
    assert read(lines)[0] == read('{"transaction_id": 1}\n2')[0]


def test_first_line_is_a_record_too() -> None:
    """Also when only the lines after it show that it is one."""
    large = json.dumps({"a": "x" * LIMIT})
    assert rejection(large + '\n{"a": 1}') == ("record_too_large", 0)
    assert rejection(json.dumps({"transaction_id": "x" * LIMIT})) == ("record_too_large", 0)


def test_whichever_fault_comes_first_is_named() -> None:
    """Files are read from front to back: a fault beyond the record limit is not reached, one before it is."""
    assert rejection('["' + "x" * (2 * LIMIT) + "\\q") == ("record_too_large", 1)
    assert rejection('["' + "x" * 10 + "\\q" + "x" * (2 * LIMIT)) == ("malformed_json", 13)
    assert rejection("[" + nested(70) + ", oops") == ("too_deep", 64)
    assert rejection("[oops, " + nested(70)) == ("malformed_json", 1)
    assert rejection('{"transactions": null, oops') == ("malformed_json", 23)
    assert rejection('{"transactions": null} oops') == ("malformed_json", 23)


def test_header_is_what_the_file_says_about_itself() -> None:
    """In any order, and the last of duplicate keys."""
    text = '{"transaction_count": 7, "transactions": [], "batch_id": "x", "batch_id": "b\\ud800"'
    assert read(text + ', "transaction_count": 2.0}')[1] == Header("b\ufffd", 2)


@pytest.mark.parametrize("value", ["null", '""', "5", "[]", "true"])
def test_batch_id_of_another_type_is_none(value: str) -> None:
    """It is no reason to reject a file."""
    assert read(f'{{"batch_id": {value}, "transactions": []}}')[1].batch_id is None


@pytest.mark.parametrize("value", ["null", '"5"', "-1", "2.5", "1e400", "true", "[5]"])
def test_count_that_is_no_count_is_not_declared(value: str) -> None:
    """Only a whole number from 0 is a declared count."""
    assert read(f'{{"transaction_count": {value}, "transactions": []}}')[1].declared_transaction_count is None


def test_numbers_stay_as_written() -> None:
    """No float, no limit of digits, no overflow."""
    written = ["1.10", "1e400", "-0", "9" * 900]
    records = read(f"[{','.join(written)}]")[0]
    assert records == written
    assert all(type(record) is Number for record in records)
