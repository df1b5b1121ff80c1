"""The grid takes what is written alike, and gives what the plain engine gives, whatever stands in between."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.task import Limits
from tests.unit.worker.fast.both import by_fast, by_plain, same, sizes
from tests.unit.worker.files import line, transaction
from worker.fast import pieces, segment
from worker.fast.cut import BEHIND
from worker.fast.decode import Form
from worker.fast.grid import lay
from worker.fast.summary import Summary
from worker.fast.template import learn

FORM = Form(62, lines=False, max_bytes=1 << 20)
WHOLE = [(1 << 16, 1 << 14, 1 << 16, 1 << 12)]


def alike(count: int, **more: Any) -> list[dict[str, Any]]:
    """Transactions with one to four lines, and names that need escapes."""
    return [
        transaction(
            f"T{number}",
            customer={"customer_id": f"C{number % 7}", "name": ("Zoë", 'Bob "B"', "back\\slash", "")[number % 4]},
            line_items=[
                line(
                    product_id=f"P{number % 5}",
                    quantity=1 + place,
                    product_name=f"{'long ' * (number % 9)}name",
                    discount=0.5,
                )
                for place in range(1 + number % 4)
            ],
            timestamp=f"2025-01-{1 + number % 28:02}T14:30:22{('Z', '.123456Z', '+02:00')[number % 3]}",
            total=10 + number / 100,
            **more,
        )
        for number in range(count)
    ]


SOME = alike(60)
Write = Callable[[list[dict[str, Any]]], str]
WRITERS: dict[str, Write] = {
    "usual": json.dumps,
    "characters as they are": lambda some: json.dumps(some, ensure_ascii=False),
    "compact": lambda some: json.dumps(some, separators=(",", ":")),
    "indented": lambda some: json.dumps(some, indent=2),
    "CRLF": lambda some: json.dumps(some, indent="\t").replace("\n", "\r\n"),
    "a line each": lambda some: "[" + ",\n".join(map(json.dumps, some)) + "]",
    "lines": lambda some: "\n".join(map(json.dumps, some)),
    "lines, CRLF": lambda some: "\r\n".join(map(json.dumps, some)) + "\r\n",
    "reversed": lambda some: json.dumps([dict(reversed(one.items())) for one in some]),
    "line items first": lambda some: json.dumps([{"line_items": one["line_items"], **one} for one in some]),
    "line items last": lambda some: json.dumps(
        [
            {**{key: value for key, value in one.items() if key != "line_items"}, "line_items": one["line_items"]}
            for one in some
        ]
    ),
    "one line each": lambda some: json.dumps([{**one, "line_items": one["line_items"][:1]} for one in some]),
    "more keys": lambda some: json.dumps(
        [
            {
                "note": "x",
                **one,
                "weight": 12.3456,
                "lat": -place / 7,
                "shop": {"city": "Ulm", "zip": 89073},
                "gift": None,
            }
            for place, one in enumerate(some)
        ]
    ),
    "sums of doubles": lambda some: json.dumps([{**one, "total": 0.1 * place + 1.2} for place, one in enumerate(some)]),
    "shipping cost": lambda some: json.dumps(some).replace('"shipping"', '"shipping_cost"'),
    "no categories": lambda some: json.dumps(some).replace('"Tools"', "null"),
}


@pytest.fixture
def in_grid(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many transactions each grid took that was used."""
    taken: list[int] = []
    real = segment._begin_grid

    def counted(grid: Any, *rest: Any) -> Any:
        begun = real(grid, *rest)
        if begun is not None:
            taken.append(int(grid.good.sum()))
        return begun

    monkeypatch.setattr(segment, "_begin_grid", counted)
    return taken


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_written_alike_is_taken(writer: str, in_grid: list[int]) -> None:
    """All but a handful, whatever the layout, the order of the keys, and the keys that are not ours."""
    content = WRITERS[writer](SOME).encode()
    with sizes(*WHOLE[0]):
        assert by_fast(content) == by_plain(content)
    assert sum(in_grid) >= len(SOME) - 3
    same(content)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damage_anywhere(data: st.DataObject) -> None:
    """Bytes that are replaced, missing or too many, in a file that is taken otherwise."""
    content = WRITERS[data.draw(st.sampled_from(sorted(WRITERS)))](SOME[:24]).encode()
    begin = data.draw(st.integers(0, len(content)))
    end = begin + data.draw(st.integers(0, 3))
    put = data.draw(
        st.sampled_from(
            [
                *'",:{}[]\\0.-+eE \n\tx',
                "\0",
                "\\u0041",
                "\\ud800",
                "é",
                "null",
                "1e2",
                '"}',
                "},",
                '", "a": "',
                "00",
                '""',
            ]
        ).map(str.encode)
        | st.binary(max_size=2)
    )
    same(content[:begin] + put + content[end:], chosen=WHOLE)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_values_of_every_kind_among_others(data: st.DataObject) -> None:
    """A few transactions whose values are others, beside many that fit; also ids that come again."""
    some = alike(40)
    for place in data.draw(st.lists(st.integers(0, 39), max_size=5, unique=True)):
        one = some[place]
        target = data.draw(st.sampled_from([one, one["customer"], one["line_items"][0], one["line_items"][-1]]))
        key = data.draw(st.sampled_from(sorted(target)))
        target[key] = data.draw(
            st.sampled_from(
                ["", "T1", "C1", "P1", "x" * 200, "\u0001", "é\\", None, True, 0, -1, 1.005, 1e300, 12345678.9, [], {}]
            )
            | st.integers(0, 10**10)
            | st.decimals(0, 10**9, places=3).map(float)
        )
    same(
        WRITERS[data.draw(st.sampled_from(["usual", "characters as they are", "indented", "lines"]))](some).encode(),
        chosen=WHOLE,
    )


def buffer_of(data: bytes) -> memoryview:
    """A segment with room behind it."""
    return memoryview(bytearray(data + bytes(BEHIND)))


def rows(texts: list[str]) -> str:
    """An array as its transactions stand in a segment."""
    return ", ".join(texts)


def test_values_are_found() -> None:
    """Each between its literals."""
    data = rows([json.dumps(one) for one in SOME[:5]]).encode()
    template = learn(data, FORM)
    assert template is not None
    grid = lay(buffer_of(data), len(data), template)
    assert grid is not None
    assert grid.good.all()
    assert grid.line_count.tolist() == [1, 2, 3, 4, 1]
    span = grid.spans["transaction_id",]
    assert [data[b:e] for b, e in zip(span.begins, span.ends, strict=True)] == [b"T0", b"T1", b"T2", b"T3", b"T4"]
    span = grid.spans["line_items", "quantity"]
    assert [data[b:e] for b, e in zip(span.begins, span.ends, strict=True)] == [
        b"1",
        *b"1 2".split(),
        *b"1 2 3".split(),
        *b"1 2 3 4".split(),
        b"1",
    ]


ODD = {
    "other key": ('"status"', '"Status"'),
    "key twice": ('"status"', '"status": "a", "status"'),
    "one blank more": ('"status":', '"status": '),
    "one key less": ('"tax": 1.0, ', ""),
    "no number": ('"tax": 1.0', '"tax": "1.0"'),
    "control character": ("T3", "T\n3"),
    "wrong escape": ("T3", "T\\x3"),
    "half a character": ("T3", "T\\ud83d3"),
    "empty line": ('"line_items": [', '"line_items": [{}, '),
    "nested": ('"status": ', '"x": [{"status": 1}], "status": '),
}


@pytest.mark.parametrize("name", ODD)
def test_what_differs_is_odd(name: str) -> None:
    """That transaction alone."""
    texts = [json.dumps(one).replace('"tax": 1,', '"tax": 1.0,') for one in SOME[:9]]
    old, new = ODD[name]
    assert old in texts[3]
    texts[3] = texts[3].replace(old, new, 1)
    data = rows(texts).encode()
    template = learn(data, FORM)
    assert template is not None
    grid = lay(buffer_of(data), len(data), template)
    assert grid is not None
    assert set(grid.rows[grid.good].tolist()) == set(range(9)) - {3}


STRANGE = {
    "deep arrays": '{"x": ' + "[" * 5000,
    "deep objects": '{"x": ' * 5000,
    "no value": '{"x": }, {"status": 1}',
    "no colon": '{"x" 1}, {"status": 1}',
    "no key": '{1: 2}, {"status": 1}',
    "no end": '{"status": 1',
    "long string": '{"status": "' + "\\" * 100_000,
    "no lines": '{"status": 1, "line_items": []}, {"status": 1, "line_items": []}',
    "lines that are numbers": '{"line_items": [1, 2]}, {"status": 1}',
    "key with an escape": '{"\u0073tatus": "a"}, {"status": 1}',
    "nothing": "",
}


@pytest.mark.parametrize("name", STRANGE)
def test_there_is_nothing_to_learn_from(name: str) -> None:
    """And no error, however strange the text."""
    assert learn(STRANGE[name].encode(), FORM) is None


def test_transaction_that_is_too_large() -> None:
    """It is refused among others that fit, though nothing else is wrong with it."""
    some = alike(20)
    some[11]["status"] = "x" * 3000
    same(json.dumps(some).encode(), Limits(max_record_bytes=2000), WHOLE)


def test_no_segment_waits_for_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A circle of references would keep its text, and a gigabyte of segments the memory."""
    made: list[weakref.ref[object]] = []
    for kind in (pieces._Texts, Summary):
        begin: Callable[..., None] = kind.__init__

        def counted(self: object, *rest: Any, begin: Callable[..., None] = begin) -> None:
            made.append(weakref.ref(self))
            begin(self, *rest)

        monkeypatch.setattr(kind, "__init__", counted)
    gc.disable()
    try:
        for some in (alike(40), alike(40, tax=-1)):
            with sizes(64, 600, 2000):
                by_fast(json.dumps(some).encode())
        assert len(made) > 10
        assert not [one for one in made if one() is not None]
    finally:
        gc.enable()


def test_grid_that_never_fits_is_tried_less_and_less() -> None:
    """Where every other transaction has a key more."""
    some = [{**one, **({"x": 1} if number % 2 else {})} for number, one in enumerate(alike(400))]
    same(json.dumps(some).encode(), chosen=[(64, 600, 2000, 64)])
