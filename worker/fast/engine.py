"""The engine that streams: one input file → everything that its report says, on one core or on several."""

from __future__ import annotations

from typing import BinaryIO

from shared.task import Limits
from worker.engine import Result
from worker.errors_log import ErrorsLog
from worker.fast.heap import keep_freed_memory
from worker.fast.lane import Cores, FastLane, ThisCore
from worker.fast.merge import Totals
from worker.fast.partial import partial_of_totals, rows_of_totals
from worker.fast.pieces import begin_records
from worker.fast.reader import read_file
from worker.fast.result import result_of
from worker.fast.stream import Stream
from worker.fast.summary import Rules
from worker.partial import write_partial
from worker.read import Source, read_chunks

MOST_AT_A_TIME = 1000
"""Transactions read one by one that are added up together."""


def process(
    source: Source, errors: BinaryIO, limits: Limits, cores: Cores | None = None, partial: BinaryIO | None = None
) -> Result:
    """Read, check and analyse one input file, as `worker.engine.process` does.

    Parameters
    ----------
    source
        The file, at its start; plain or gzip. It is read forward, once.
    errors
        Open for writing and seekable: takes every validation error as a line of JSON. Empty when there is none.
    limits
        What a valid transaction may hold and how large a file may be.
    cores
        Who adds up; this process alone when None.
    partial
        Takes the file's partial, unless it is None.

    Raises
    ------
    Rejected
        When the file is not valid. What stands in `errors` then is of no use.
    InvalidDocument
        When a limit makes no sense.
    """
    keep_freed_memory()
    rules = Rules.of(limits)
    totals = Totals(ErrorsLog(errors))
    stream = Stream(read_chunks(source, limits.max_inflated_bytes))
    lane = FastLane(totals, cores or ThisCore(rules), limits.max_record_bytes)
    header = read_file(stream, limits.max_record_bytes, _OneByOne(totals, rules), lane)
    rows = totals.rows()
    if partial is not None:
        write_partial(partial_of_totals(totals, len(rows[0])), rows_of_totals(*rows), partial)
    return result_of(totals, header, rows)


class _OneByOne:
    """Takes the transactions that the reader reads itself."""

    def __init__(self, totals: Totals, rules: Rules) -> None:
        self._totals = totals
        self._rules = rules
        self._records: list[object] = []

    def begin(self) -> None:
        """Forget everything: another `transactions` array begins."""
        self._records = []
        self._totals.begin()

    def add(self, record: object) -> None:
        """Keep a transaction until there are some."""
        self._records.append(record)
        if len(self._records) == MOST_AT_A_TIME:
            self.settle()

    def settle(self) -> None:
        """Add up what was kept."""
        if self._records:
            self._totals.merge(begin_records(self._records, self._rules).finished(self._totals.remember))
            self._records = []
