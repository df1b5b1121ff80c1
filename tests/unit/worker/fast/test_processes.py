"""Several processes give what one gives; a process that ends does not go unnoticed."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest

from shared.task import Limits
from tests.unit.worker.fast.both import by_fast, by_plain, sizes
from tests.unit.worker.files import batch, transaction
from worker.fast.cut import Segment
from worker.fast.decode import Form
from worker.fast.processes import CoreFailed, Processes, cores
from worker.fast.segment import SegmentReader
from worker.fast.summary import Rules

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
RULES = Rules.of(Limits())
SOME = [transaction(f"T{n % 90}", total=n + 1, tax=-1 if n % 50 == 3 else 1) for n in range(120)]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "content",
    [
        batch(*SOME),
        batch(*SOME[:60], transaction("A", x=[[]] * 200), None, *SOME),
        batch(*SOME).replace(b'"T77"', b'"\\ud800"'),
        batch(*SOME)[:-3000],
        batch(*SOME).replace(b'"T77"', b'"T77'),
        batch(*SOME).replace(b'"T77"', b'"T77\xff"'),
        batch(*SOME)[:-1] + b', "transactions": ' + batch(*SOME[:40]).partition(b": ")[2],
    ],
    ids=["good", "odd", "surrogate", "cut off", "quote", "latin", "twice"],
)
def test_processes_give_the_same(content: bytes, count: int) -> None:
    """Segments are cut ahead of their proof, and put back when there is none."""
    with sizes(500, 900, 3000), cores(RULES, count) as several:
        assert by_fast(content, cores=several) == by_plain(content)


def test_one_process_is_this_one() -> None:
    """Nothing is started."""
    with cores(RULES, 1) as here:
        assert here.room == 1


FORM = Form(62, lines=False, max_bytes=1 << 20)


def test_process_that_ends_is_noticed() -> None:
    """Killed for its memory, it cannot answer any more."""
    several = Processes(RULES, 1)
    try:
        several._processes[0].kill()
        several._processes[0].join()
        with pytest.raises(CoreFailed, match="ended"):
            several.submit(Segment(several.buffer(), 2, b","), FORM, lambda _ids, _places: ())()
    finally:
        several.close()


def test_process_that_ends_before_it_reads_is_noticed() -> None:
    """Then the pipe is reset, and says no end."""
    several = Processes(RULES, 1)
    [process] = several._processes
    try:
        os.kill(process.pid or 0, signal.SIGSTOP)
        part = several.submit(Segment(several.buffer(), 2, b","), FORM, lambda _ids, _places: ())
        process.kill()
        process.join()
        with pytest.raises(CoreFailed, match="fewer processes"):
            part()
    finally:
        several.close()


@pytest.mark.parametrize(("problem", "kind"), [(KeyError("Jane Doe"), CoreFailed), (MemoryError(), MemoryError)])
def test_error_of_a_process_is_told_without_content(
    problem: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kind and its place; never its text."""

    def broken(*_: Any) -> None:
        raise problem

    monkeypatch.setattr(SegmentReader, "begin", broken)
    several = Processes(RULES, 1)
    try:
        with pytest.raises(kind) as caught:
            several.submit(Segment(several.buffer(), 2, b","), FORM, lambda _ids, _places: ())()
    finally:
        several.close()
    assert "Jane" not in str(caught.value)
    assert kind is MemoryError or "KeyError at test_processes.py" in str(caught.value)
