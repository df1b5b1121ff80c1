"""A ledger in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import count

from pipeline.ledger import RunPage
from shared.errors import InvalidDocument, LedgerConflict, RunExists, RunNotFound
from shared.runs import Run, RunId


class MemoryLedger:
    """Keeps runs in a dict; every write gives a new version, and only the holder of the last one may write."""

    def __init__(self) -> None:
        self.runs: dict[RunId, Run] = {}
        self.watermarks: dict[str, datetime] = {}
        self._versions = count(1)

    def claim(self, run: Run) -> Run:
        if run.run_id in self.runs:
            raise RunExists
        return self._store(run)

    def get(self, run_id: RunId) -> Run:
        if run_id not in self.runs:
            raise RunNotFound
        return self.runs[run_id]

    def save(self, run: Run) -> Run:
        if run.version is None:
            raise InvalidDocument
        if self.get(run.run_id).version != run.version:
            raise LedgerConflict
        return self._store(run)

    def newest(self, limit: int, before: str | None = None) -> RunPage:
        if before is not None and not before.isdigit():
            raise InvalidDocument
        start = int(before or 0)
        ordered = sorted(self.runs.values(), key=lambda run: run.upload.uploaded_at, reverse=True)
        page = ordered[start : start + limit]
        return RunPage(tuple(page), str(start + limit) if len(page) == limit else None)

    def watermark(self, pool_id: str) -> datetime | None:
        return self.watermarks.get(pool_id)

    def move_watermark(self, pool_id: str, to: datetime) -> None:
        self.watermarks[pool_id] = max(to, self.watermarks.get(pool_id, to))

    def _store(self, run: Run) -> Run:
        stored = replace(run, version=f"v{next(self._versions)}")
        self.runs[run.run_id] = stored
        return stored
