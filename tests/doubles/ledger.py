"""A ledger in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count

from pipeline.ledger import EVERY_RUN, Counts, RunFilter, RunPage, Spent, spent_by
from pipeline.ledger_index import due_for_retention, reusable
from shared.errors import InvalidDocument, LedgerConflict, RunExists, RunNotFound
from shared.runs import Run, RunId, RunState


class MemoryLedger:
    """Keeps runs in a dict; every write gives a new version, and only the holder of the last one may write."""

    def __init__(self) -> None:
        self.runs: dict[RunId, Run] = {}
        self.history: dict[RunId, list[Run]] = {}
        self.watermarks: dict[str, datetime] = {}
        self.published: dict[str, Spent] = {}
        self.bookmarks: dict[str, str] = {}
        self._versions = count(1)

    def claim(self, run: Run) -> Run:
        if run.run_id in self.runs:
            raise RunExists
        return self._store(run)

    def get(self, run_id: RunId) -> Run:
        if run_id not in self.runs:
            raise RunNotFound
        return self.runs[run_id]

    def save(self, run: Run, before: Run) -> Run:
        if before.version is None:
            raise InvalidDocument
        stored = self.runs.get(run.run_id)
        if stored is None:
            raise RunNotFound
        if stored.version != before.version:
            raise LedgerConflict
        if not before.notified_at and (spent := spent_by(run)):
            self.published[spent.attempt_id] = spent
        if run.attempt != before.attempt:
            self.history.setdefault(run.run_id, []).append(before)
        return self._store(run)

    def attempts(self, run_id: RunId) -> list[Run]:
        return [*self.history.get(run_id, []), self.get(run_id)]

    def newest(self, limit: int, before: str | None = None, where: RunFilter = EVERY_RUN) -> RunPage:
        if before is not None and not before.startswith("after "):
            raise InvalidDocument
        fitting = sorted((key(run), run) for run in list(self.runs.values()) if where.fits(run))
        page = [(at, run) for at, run in fitting if before is None or f"after {at}" > before][:limit]
        return RunPage(tuple(run for _, run in page), f"after {page[-1][0]}" if len(page) == limit else None)

    def unpublished(self, limit: int, settled_before: datetime) -> list[Run]:
        due = [
            (run.settled_at, run.run_id)
            for run in self.runs.values()
            if run.state.settled and run.settled_at and not run.notified_at and run.settled_at < settled_before
        ]
        return [self.runs[run_id] for _, run_id in sorted(due)[:limit]]

    def to_retain(self, limit: int) -> list[Run]:
        due = [(run.settled_at, run.run_id) for run in self.runs.values() if run.settled_at and due_for_retention(run)]
        return [self.runs[run_id] for _, run_id in sorted(due)[:limit]]

    def with_result(self, result_key: str, limit: int) -> list[Run]:
        return [run for run in self.runs.values() if run.result_key == result_key and reusable(run)][:limit]

    def held(self, limit: int, before: str | None = None) -> RunPage:
        if before is not None and not before.startswith("held|"):
            raise InvalidDocument
        waiting = [run for run in self.runs.values() if run.held and run.held_at]
        keyed = sorted((f"held|{run.held_at:%Y%m%d%H%M%S%f}-{run.attempt_id}", run.run_id) for run in waiting)
        page = [(token, run_id) for token, run_id in keyed if before is None or token > before][:limit]
        following = page[-1][0] if len(page) == limit else None
        return RunPage(tuple(self.runs[run_id] for _, run_id in page), following)

    def counts(self, since: datetime) -> Counts:
        counts: dict[tuple[datetime, RunState], int] = {}
        first = since.replace(minute=0, second=0, microsecond=0)
        for run in self.runs.values():
            hour = run.upload.uploaded_at.replace(minute=0, second=0, microsecond=0)
            if hour >= first:
                counts[hour, run.state] = counts.get((hour, run.state), 0) + 1
        return counts

    def spent(self, since: datetime, until: datetime) -> Iterator[Spent]:
        found = [spent for spent in self.published.values() if since <= spent.settled_at < until]
        return iter(sorted(found, key=lambda spent: (spent.settled_at, spent.attempt_id)))

    def purge(self, uploaded_before: datetime, limit: int) -> int:
        first = uploaded_before.date()
        old = [run for run in self.runs.values() if run.upload.uploaded_at.date() < first and not run.state.open]
        for run in old[:limit]:
            del self.runs[run.run_id]
            self.history.pop(run.run_id, None)
        self.published = {key: spent for key, spent in self.published.items() if spent.settled_at.date() >= first}
        return len(old[:limit])

    def watermark(self, pool_id: str) -> datetime | None:
        return self.watermarks.get(pool_id)

    def move_watermark(self, pool_id: str, to: datetime) -> None:
        self.watermarks[pool_id] = max(to, self.watermarks.get(pool_id, to))

    def bookmark(self, name: str) -> str | None:
        return self.bookmarks.get(name)

    def set_bookmark(self, name: str, text: str) -> None:
        self.bookmarks[name] = text

    def _store(self, run: Run) -> Run:
        stored = replace(run, version=f"v{next(self._versions)}")
        self.runs[run.run_id] = stored
        return stored


def key(run: Run) -> str:
    """Sorts the newest upload first."""
    return f"{10**17 - round(run.upload.uploaded_at.timestamp() * 10**6):018d}-{run.run_id}"
