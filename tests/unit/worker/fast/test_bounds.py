"""Compiled functions stay within their memory: compiled anew with a check of each index; as built, between guards."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.worker.fast.both import SIZES, by_fast, by_plain, need_scan, sizes
from tests.unit.worker.fast.scans import IN_ARRAY, IN_LINES, examples, hostile, scan, segment
from tests.unit.worker.fast.written import NOT_UTF8, ODD, ONE, TAKEN, WRITERS, alike, among, changed
from tests.unit.worker.files import line, transaction
from worker.fast import cut, scanner
from worker.fast.compiled import build, code
from worker.fast.compiled.code import load
from worker.fast.compiled.layout import BEHIND
from worker.fast.decode import Form
from worker.fast.scanner import Scanner

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("CI")) and sys.version_info[:2] != (3, 11),
    reason="CI compiles with bounds checked once, under Python 3.11: the sources are the same under each",
)

SLOT = 1 << 18
"""The largest segment here; the memory for smaller ones is as much smaller, and a table may still grow."""
GUARD = 1 << 10
FORMS = [IN_ARRAY, IN_LINES]
USUAL = json.dumps(alike(1)[0])


Function = Callable[..., int]


@lru_cache(1)
def checked_functions() -> dict[str, Any]:
    """All functions, compiled so that an index beyond its array is an error; the modules are left as they are."""
    if importlib.util.find_spec("numba") is None:
        assert not os.environ.get("CI"), "numba is not installed"
        pytest.skip("numba is not installed")
    from numba import types

    own = [(module, dict(vars(module))) for module in build.MODULES]
    compiled = {}
    try:
        build.compile_functions(boundscheck=True)
        for name, module in build.ENTRIES.items():
            compiled[name] = getattr(module, name)
            kinds = build.signature(compiled[name].py_func, lambda kind: types.Array(kind, 1, "C"))
            compiled[name].compile(kinds)
    finally:
        for module, names in own:
            vars(module).update(names)
    return compiled


def checked(name: str) -> Function:
    """A function with each index checked, and with its memory as it was given."""
    function = checked_functions()[name]
    kinds = [kind for parameter, kind in function.py_func.__annotations__.items() if parameter != "return"]

    def call(*given: Any) -> int:
        return int(function(*[_flat(one, kind) for one, kind in zip(given, kinds, strict=True)]))

    return call


def _flat(one: Any, kind: str) -> Any:
    """Memory as numba takes it here: that of the built code is no more than an address."""
    if isinstance(one, int):
        assert kind == "Place"
        return one
    assert one.flags.c_contiguous
    memory = one.reshape(-1).view(ELEMENTS[kind])
    assert memory.size == one.size
    return memory if memory.flags.writeable else memory.copy()


ELEMENTS = {"Bytes": np.uint8, "Integers": np.int64, "Words": np.uint64, "Halves": np.uint32}


def guarded(name: str, guard: bytes) -> Function:
    """A function as it is built, with guards before and behind its memory, which it must not write to.

    What stands in them must not be read either: it is another one each time, for the results to differ.
    """
    need_scan()
    function = load(name)
    assert function is not None

    def call(*given: Any) -> int:
        memories = [None if isinstance(one, int) else _Guarded(one, guard) for one in given]
        found = function(*[one if m is None else m.inner for one, m in zip(given, memories, strict=True)])
        for memory in memories:
            if memory is not None:
                memory.give_back()
        return found

    return call


def to_the_end(function: Function) -> Function:
    """A scan that is given its text as far as it may be read."""
    return lambda text, size, *rest: function(text[: size + BEHIND], size, *rest)


class _Guarded:
    """A copy of some memory, between guards."""

    def __init__(self, memory: np.ndarray, guard: bytes) -> None:
        self._memory = memory
        self._guard = (guard * GUARD)[:GUARD]
        self._all = np.frombuffer(bytearray(self._guard + memory.tobytes() + self._guard), np.uint8)
        self.inner = self._all[GUARD : GUARD + memory.nbytes].view(memory.dtype)

    def give_back(self) -> None:
        """Assert that the guards are as they were; put the memory's content where it came from."""
        assert self._all[:GUARD].tobytes() == self._guard
        assert self._all[GUARD + self._memory.nbytes :].tobytes() == self._guard
        if self._memory.flags.writeable:
            self._memory.reshape(-1)[:] = self.inner
        else:
            assert self._memory.tobytes() == self.inner.tobytes()


@contextmanager
def room(slot: int = SLOT, rows: int | None = None, lines: int | None = None) -> Iterator[None]:
    """Memory as for segments of another size; or for so many rows, lines and texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "SLOT", slot)
        patch.setattr(scanner, "_ROWS", rows or slot // scanner._SMALLEST_TRANSACTION)
        patch.setattr(scanner, "_LINES", lines or slot // scanner._SMALLEST_LINE)
        patch.setattr(scanner, "_SLOTS", 4 * slot // scanner._SMALLEST_LINE)
        yield


GUARDS = [b"\xff", b'"}]},{"', b"0 \n\t[", b"\0"]


@lru_cache(1)
def scanners() -> list[Scanner]:
    """As it is built; with each index checked; and with guards that would complete what is cut off."""
    runs = [checked("scan"), *(guarded("scan", guard) for guard in GUARDS)]
    return [Scanner(need_scan()._scan), *(Scanner(to_the_end(run)) for run in runs)]


def agreed(text: bytes, form: Form) -> bool:
    """Assert that all scans make the same of a segment; tell whether it is one."""
    with room():
        first, *others = [scan(one, text, form) for one in scanners()]
    for other in others:
        assert (other is None) == (first is None)
        assert other is None or first is None or other.everything() == first.everything()
    return first is not None


@pytest.mark.parametrize("form", FORMS, ids=["in an array", "in lines"])
def test_transactions_of_every_kind(form: Form) -> None:
    """Among others, at the begin and at the end."""
    taken = 0
    for one in examples():
        for texts in ([USUAL, one, USUAL], [one], [USUAL, one]):
            taken += agreed(segment(texts, form), form)
    assert taken > 300


@pytest.mark.parametrize("form", FORMS, ids=["in an array", "in lines"])
def test_truncation_at_every_byte(form: Form) -> None:
    """What follows is nothing, and nothing beyond it is read."""
    text = segment([changed(TAKEN["escapes"]), changed(TAKEN["characters of two to four bytes"]), USUAL], form)
    assert sum(agreed(text[:end], form) for end in range(len(text) + 1)) == 3


@pytest.mark.parametrize("wrong", NOT_UTF8, ids=bytes.hex)
def test_character_that_the_end_cuts_off(wrong: bytes) -> None:
    """In a key, in a text, and alone."""
    for begin in (b"", b'{"', b'{"status": "', b'{"status": "\\', b'{"status": "\\u00', b'{"a": [1, '):
        assert not agreed(begin + wrong, IN_ARRAY)


@settings(deadline=None, max_examples=500)
@given(st.randoms(use_true_random=True), st.sampled_from(FORMS))
def test_damage_anywhere(random: Random, form: Form) -> None:
    """Bytes that are replaced, missing, too many or cut off."""
    agreed(hostile(random, form), form)


def test_segment_of_the_largest_size() -> None:
    """Full of transactions that are as small as they can be, with texts that no other one has."""
    least = (
        '{"transaction_id":"%d","timestamp":"2025-01-17T14:30","customer":{"customer_id":"%d"},"line_items":[%s],'
        '"subtotal":0,"tax":0,"total":1,"payment_method":"%d","status":"%d"}'
    )
    item = '{"product_id":"%d","product_name":"%d","quantity":1,"unit_price":0,"subtotal":0}'
    texts: list[str] = []
    size = 0
    while size < SLOT - 300:
        number = len(texts)
        texts.append(least % (number, number, item % (number, number), number, number))
        size += len(texts[-1]) + 2
    assert agreed(segment(texts, IN_ARRAY), IN_ARRAY)
    lines = ",".join(item % (number, number) for number in range(3000))
    assert agreed((least % (1, 1, lines, 1, 1)).encode(), IN_ARRAY)
    assert agreed(changed(('"completed"', f'"{"x" * (SLOT - len(ONE) - 100)}"')).encode(), IN_ARRAY)


@pytest.mark.parametrize(
    "opening", ["[", "{", '{"line_items":[', '{"line_items":[{},', '{"status":"a",', '{"a":[', "{},"]
)
def test_segment_full_of_openings(opening: str) -> None:
    """Nothing is ever closed."""
    assert not agreed((opening * SLOT)[:SLOT].encode(), IN_ARRAY)
    assert not agreed((opening * SLOT)[:1000].encode(), IN_LINES)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(1, 12))
def test_less_room_than_transactions(rows: int, lines: int) -> None:
    """Where rows, lines or texts have no room, nothing is scanned, or what has room."""
    some = [{"status": f"s{number}", **one, "line_items": one["line_items"][:1]} for number, one in enumerate(alike(8))]
    text = segment([json.dumps({**one, "status": f"s{number}"}) for number, one in enumerate(some)], IN_ARRAY)
    whole = scan(Scanner(need_scan()._scan), text, IN_ARRAY)
    assert whole is not None
    with room(1 << 16, rows, lines):
        for run in (checked("scan"), guarded("scan", b"\xff")):
            found = scan(Scanner(to_the_end(run)), text, IN_ARRAY)
            assert (found is not None) == (rows >= 8)
            if found is not None:
                expected = whole.transactions().items()
                assert found.transactions() == {place: one for place, one in expected if place < lines}


@contextmanager
def everything_by(made: Callable[[str], Function]) -> Iterator[None]:
    """Let the engine take its compiled functions from here."""
    with room(), pytest.MonkeyPatch.context() as patch:
        users = [module for name, module in sys.modules.items() if name.startswith("worker.fast.")]
        for module in users:
            if getattr(module, "load", None) is load and module is not code:
                patch.setattr(module, "load", made)
        yield


def of_all_kinds() -> list[bytes]:
    """Files in which all functions have something to do."""
    some = alike(60)
    again = json.dumps([*some, *some[::3], *alike(40, tax=-1), *(transaction(f"é{n}", tax=10**11) for n in range(40))])
    many = [
        transaction(
            f"N{number}",
            customer={"customer_id": f"C{number}", "name": f"n{number}" * (number % 9)},
            line_items=[line(product_id=f"P{number}", quantity=1 + number % 40, subtotal=number)],
            timestamp=f"{1950 + number % 99}-01-{1 + number % 28:02}T00:00Z",
            status="completed" if number % 2 else f"{number}",
            total=1 + number % 977,
        )
        for number in range(700)
    ]
    unusual = [among(changed(change)) for change in [*TAKEN.values(), *ODD.values()][::4]]
    return [one.encode() for one in (*(write(some) for write in WRITERS.values()), again, json.dumps(many), *unusual)]


@pytest.mark.parametrize("kind", ["checked", "guarded"])
def test_all_functions(kind: str) -> None:
    """The engine makes of whole files what the plain one makes of them."""
    functions = {name: checked(name) if kind == "checked" else guarded(name, b"\xff") for name in build.ENTRIES}
    calls = dict.fromkeys(functions, 0)

    def counted(name: str) -> Function:
        def call(*given: Any) -> int:
            calls[name] += 1
            return functions[name](*given)

        return call

    with everything_by(counted):
        for content in of_all_kinds():
            for chosen in (SIZES[2], SIZES[3]):
                with sizes(*chosen):
                    assert by_fast(content) == by_plain(content)
    assert all(calls.values())


def test_guards_notice() -> None:
    """A write behind the memory, and one before it."""
    for place in (-1, 16):
        guarded = _Guarded(np.zeros(16, np.uint8), b"\xff")
        guarded._all[GUARD + place] = 1
        with pytest.raises(AssertionError):
            guarded.give_back()


def test_checks_notice() -> None:
    """A text without the bytes that must stand behind it is read beyond its end."""
    with room():
        one = Scanner(lambda text, size, *rest: checked("scan")(text[:size], size, *rest))
        with pytest.raises(IndexError):
            scan(one, b'{"a": 1', IN_ARRAY)
