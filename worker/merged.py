"""The figures of several files together, out of their partials: as exact as if they were one file."""

from __future__ import annotations

import io

from worker.engine import Result
from worker.errors_log import ErrorsLog
from worker.fast.merge import Totals
from worker.fast.partial import part_of
from worker.fast.result import result_of
from worker.parse import Header
from worker.partial import read_partial


class Merged:
    """Takes partials in the order of the files: the last name given to a customer or a product stands."""

    def __init__(self) -> None:
        self._totals = Totals(ErrorsLog(io.BytesIO()))

    def add(self, content: bytes) -> None:
        """Merge one file's partial.

        Raises
        ------
        InvalidDocument
            When it is no partial; nothing of it is merged then.
        """
        partial, rows = read_partial(content)
        self._totals.merge(part_of(partial, rows))
        self._totals.errors.by_code.update(partial.errors_by_code)

    def result(self) -> Result:
        """What all of it amounts to. Single errors are not told: each file's own report lists them."""
        return result_of(self._totals, Header(), self._totals.rows())
