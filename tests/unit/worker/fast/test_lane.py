"""The usual files go through the fast lane; only their ends are read one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from shared.task import Limits
from tests.unit.worker.fast.both import by_fast, by_plain, sizes
from tests.unit.worker.files import transaction
from worker.fast import engine
from worker.fast.cut import border, next_cut, segments
from worker.fast.lane import ThisCore
from worker.fast.pieces import begin_records
from worker.fast.stream import Stream
from worker.fast.summary import Rules

SOME = [transaction(f"T{n}", total=n + 1) for n in range(400)]
LINES = "\n".join(map(json.dumps, SOME))
USUAL = {
    "object": json.dumps({"batch_id": "b", "transactions": SOME}),
    "transactions first": json.dumps({"transactions": SOME, "batch_id": "b", "more": [{"status": 1}, {"status": 2}]}),
    "array": json.dumps(SOME),
    "compact": json.dumps(SOME, separators=(",", ":")),
    "indented": json.dumps({"transactions": SOME}, indent=4),
    "CRLF": json.dumps(SOME, indent=1).replace("\n", "\r\n"),
    "keys sorted": json.dumps(SOME, sort_keys=True),
    "keys reversed": json.dumps([dict(reversed(one.items())) for one in SOME]),
    "lines": LINES,
    "lines, CRLF": LINES.replace("\n", "\r\n") + "\r\n",
    "unknown key first": json.dumps([{"shop": 5, **one} for one in SOME]),
    "some invalid": json.dumps([*SOME, None, *SOME[:50], transaction("X", tax="1"), *SOME[50:90]]),
    "some with lone surrogates": json.dumps([*SOME, transaction("\ud800"), transaction("Y", status="\udfff")]),
    "some nested": json.dumps([{**one, "history": [{"a": [{"b": []}]}] * 9} for one in SOME]),
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_files_go_through_the_lane(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine of ten transactions at least, whatever the shape."""
    one_by_one = 0

    def counted(records: Sequence[object], *rest: Any) -> Any:
        nonlocal one_by_one
        one_by_one += len(records)
        return begin_records(records, *rest)

    monkeypatch.setattr(engine, "begin_records", counted)
    content = USUAL[name].encode()
    with sizes(1 << 16, 2000, 8000, 1 << 12):
        assert by_fast(content) == by_plain(content)
    assert one_by_one <= 40


def test_segments_and_gaps_are_the_text() -> None:
    """Nothing is lost and nothing comes twice, wherever it is cut."""
    text = json.dumps(SOME)[1:-1].encode()
    for size in (1, 500, 4000, 10**6):
        with sizes(100, 50, size):
            stream = Stream(iter([text[:999], text[999:]]))
            here = ThisCore(Rules.of(Limits()))
            found = segments(stream, border(lines=False), here.buffer)
            taken = b"".join(bytes(one.data) + one.gap for one in found)
            rest = stream.read(len(text))
        assert taken + rest == text
        assert stream.offset == len(text)


def test_cut_lies_between_transactions() -> None:
    """Where none is found, the piece goes to the end."""
    data = b'{"status": "}, {\\"status\\": 1"} , {"total": 1}'
    end, then = next_cut(data, 0, border(lines=False))
    assert (data[:end], data[then:]) == (b'{"status": "}, {\\"status\\": 1"}', b'{"total": 1}')
    assert next_cut(data, end, border(lines=False)) == (len(data), len(data))
