"""The engine with the compiled scan gives what the plain engine gives, and so it does without it."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.task import Limits
from tests.unit.worker.fast.both import by_fast, by_plain, need_scan, same, sizes
from tests.unit.worker.fast.written import BROKEN, NOT_UTF8, ODD, ONE, TAKEN, WRITERS, alike, among, changed, damaged
from tests.unit.worker.files import line, transaction
from worker.fast import pieces, segment
from worker.fast.compiled import code
from worker.fast.summary import Summary

WHOLE = [(1 << 16, 1 << 14, 1 << 16, 1 << 12)]
SOME = alike(60)


@pytest.fixture(autouse=True)
def scanned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many transactions each scan read; no test passes without any. With False as its parameter none is there."""
    compiled = getattr(request, "param", True)
    if compiled:
        need_scan()
    else:
        monkeypatch.setattr(code, "code_path", lambda *_: Path("nothing is built"))
        code.load.cache_clear()
    read: list[int] = []
    real = segment._begin

    def counted(found: Any, *rest: Any) -> Any:
        read.append(len(found.rows.place))
        return real(found, *rest)

    monkeypatch.setattr(segment, "_begin", counted)
    yield read
    code.load.cache_clear()
    assert bool(sum(read)) == compiled


both_ways = pytest.mark.parametrize("scanned", [True, False], ids=["scanned", "in pieces"], indirect=True)


def chance(examples: int) -> settings:
    """So many examples, over all of which it is counted what was scanned."""
    return settings(deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture])


@both_ways
@pytest.mark.parametrize("writer", WRITERS)
def test_however_it_is_written(writer: str, scanned: list[int]) -> None:
    """All of it is scanned, but for the last transaction, and one where the reader begins anew."""
    content = WRITERS[writer](SOME).encode()
    with sizes(*WHOLE[0]):
        assert by_fast(content) == by_plain(content)
    assert not scanned or sum(scanned) >= len(SOME) - 2
    same(content)


@both_ways
@pytest.mark.parametrize("key", ["id", "_id", "a.b"])
def test_lines_that_begin_as_transactions_do(key: str, scanned: list[int]) -> None:
    """Exports of databases give every object an id of its own, first: no segment ends between two line items."""
    records = [
        {key: place, **one, "line_items": [{key: number, **line} for number, line in enumerate(one["line_items"] * 4)]}
        for place, one in enumerate(alike(300))
    ]
    content = json.dumps(records).encode()
    with sizes(*WHOLE[0]):
        assert by_fast(content) == by_plain(content)
    assert not scanned or sum(scanned) > 0.95 * len(records)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_scanned(name: str, scanned: list[int]) -> None:
    """The transaction itself, whatever it holds, and all of its neighbours."""
    with sizes(*WHOLE[0]):
        content = among(changed(TAKEN[name])).encode()
        assert by_fast(content) == by_plain(content)
    assert sum(scanned) == 24
    same(among(changed(TAKEN[name]), lines=True).encode(), chosen=WHOLE)


@both_ways
@pytest.mark.parametrize("name", ODD)
def test_what_is_odd(name: str, scanned: list[int]) -> None:
    """That transaction alone is decoded, or judged, on its own."""
    with sizes(*WHOLE[0]):
        content = among(changed(ODD[name])).encode()
        assert by_fast(content) == by_plain(content)
    assert not scanned or sum(scanned) >= 23
    same(among(changed(ODD[name]), lines=True).encode(), chosen=WHOLE)


def refused(contents: list[bytes]) -> None:
    """Assert that files are rejected as by the plain engine, after one that is not."""
    same(among(ONE).encode(), chosen=WHOLE)
    for content in contents:
        assert len(by_plain(content)) == 3
        assert by_plain(content)[0] in {"malformed_json", "not_utf8", "too_deep"}
        same(content, chosen=WHOLE)


@both_ways
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_json(name: str, scanned: list[int]) -> None:
    """The file is rejected, at the same byte."""
    refused([among(changed(BROKEN[name])).encode()])
    same(among(changed(BROKEN[name]), lines=True).encode(), chosen=WHOLE)


@pytest.mark.parametrize("wrong", NOT_UTF8, ids=bytes.hex)
def test_what_is_not_utf8(wrong: bytes) -> None:
    """In a text that is kept, in one that is not, in a key, and between."""
    one = ONE.replace('"status"', '"x": {"y": ["@1"], "@2": 1}, "status"').replace('"Ann"', '"@3@4"')
    content = among(one).encode()
    refused([content.replace(b"@%d" % place, wrong) for place in (1, 2, 3)])
    refused([content.replace(b'"x"', b'%b"x"' % wrong)])


def test_a_line_break_within_a_line() -> None:
    """In NDJSON it ends a transaction, wherever it stands."""
    same(among(ONE, 6, lines=True).encode(), chosen=WHOLE)
    for place in [place for place, letter in enumerate(ONE) if letter in ' {}[]:,"']:
        same(among(ONE[:place] + "\n" + ONE[place:], 6, lines=True).encode(), chosen=WHOLE)


@both_ways
@chance(100)
@given(st.data())
def test_damage_anywhere(scanned: list[int], data: st.DataObject) -> None:
    """Bytes that are replaced, missing or too many, in a file that is scanned otherwise."""
    content = WRITERS[data.draw(st.sampled_from(sorted(WRITERS)))](SOME[:24]).encode()
    same(data.draw(damaged(content)), chosen=WHOLE)


def test_truncation_at_every_byte() -> None:
    """Cut off anywhere: the same code, message and byte."""
    for writer in ("characters as they are", "lines"):
        content = WRITERS[writer](SOME[:2]).encode()
        for end in range(len(content)):
            same(content[:end], chosen=WHOLE)


def test_one_byte_anywhere() -> None:
    """Each byte of a transaction among others replaced by another one."""
    before, after = (json.dumps(one) for one in SOME[:2])
    wrong = b'"\\,:{}[]0. x\n\0\x80\xe9\xff'
    for place in range(len(ONE)):
        one = bytearray(ONE.encode())
        one[place] = wrong[place % len(wrong)]
        same(b"[" + before.encode() + b", " + bytes(one) + b", " + after.encode() + b"]", chosen=WHOLE)


@both_ways
@chance(60)
@given(st.data())
def test_values_of_every_kind_among_others(scanned: list[int], data: st.DataObject) -> None:
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
    writer = data.draw(st.sampled_from(["usual", "characters as they are", "indented", "lines"]))
    same(WRITERS[writer](some).encode(), chosen=WHOLE)


@both_ways
def test_ids_that_come_again(scanned: list[int]) -> None:
    """Within a scan and across scans, long and short, written in two ways, after a transaction that is invalid."""
    ids = ["A", "B", "é", "x" * 128, "x" * 129, "x" * 127, "long" * 100]
    some = [transaction(ids[number % len(ids)], tax=-1 if number in (1, 3) else number) for number in range(70)]
    for ensure_ascii in (True, False):
        texts = [json.dumps(one, ensure_ascii=ensure_ascii) for one in some]
        texts[35:35] = [json.dumps(one) for one in alike(40)]
        same(f"[{', '.join(texts)}]".encode())


@both_ways
def test_more_texts_than_a_table_begins_with(scanned: list[int]) -> None:
    """Tables grow while they are used: nine thousand customers, names, products and ids, twice each."""
    some = [
        transaction(
            f"T{number}",
            customer={"customer_id": f"C{number % 9000}", "name": f"{'n' * (number % 20)}{number % 9000}"},
            line_items=[line(product_id=f"P{number % 9000}", product_name=f"{number % 5000}" * 3)],
            status="completed" if number % 2 else f"{number}",
            payment_method=f"m{number % 4500}",
            total=1 + number % 977,
        )
        for number in range(18_000)
    ]
    content = json.dumps(some).encode()
    assert by_fast(content) == by_plain(content)
    assert not scanned or sum(scanned) == len(some) - 1


def test_transaction_that_is_too_large() -> None:
    """It is refused among others that fit, though nothing else is wrong with it."""
    some = alike(20)
    same(json.dumps(some).encode(), Limits(max_record_bytes=2000), WHOLE)
    some[11]["status"] = "x" * 3000
    same(json.dumps(some).encode(), Limits(max_record_bytes=2000), WHOLE)
    size = len(json.dumps(some[11]))
    for most in (size - 1, size, size + 1):
        same(json.dumps(some).encode(), Limits(max_record_bytes=most), WHOLE)


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
