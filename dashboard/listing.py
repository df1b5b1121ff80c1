"""The list of runs: filters that combine, pages over hundreds of thousands, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus

from dashboard.documents import Filter, ListQuery, RunsPage
from dashboard.errors import Refused
from dashboard.rows import latency_of, row_of
from pipeline.ledger import RunFilter
from pipeline.services import Services
from shared.clock import to_iso
from shared.errors import RunNotFound
from shared.moments import parse_moment
from shared.runs import Run, parse_attempt_id

_MOST_LOOKED_AT = 1_000
"""How many runs one request looks at when few of them fit: the page asks on by itself."""
_PAGE = 500
_TEXT_PAGE = 200
_RUN_ID_BEGINNING = 4
_FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What spreadsheets take for the beginning of a formula ("CSV Injection", OWASP)."""
COLUMNS = (
    "run_id", "attempt", "state", "name", "bytes", "uploaded_at", "claimed_at", "submitted_at", "started_at",
    "ended_at", "settled_at", "notified_at", "seconds", "valid", "invalid", "total_revenue", "code",
    "message", "job_id", "node_id",
)  # fmt: skip


def list_runs(services: Services, query: ListQuery) -> RunsPage:
    """Read one page."""
    now = services.clock()
    if found := _named(services, query):
        return RunsPage(runs=[row_of(run, now) for run in found], next=None, looked_at=len(found), back_to=None)
    where, wanted = ledger_filter(query, now), query.text.casefold()
    fitting: list[Run] = []
    token, looked_at, last = query.after or None, 0, None
    while len(fitting) < query.limit and looked_at < _MOST_LOOKED_AT:
        # What is looked for by text is rare: larger pages find it sooner, and what they hold beyond the limit is shown.
        page = services.ledger.newest(_TEXT_PAGE if wanted else query.limit - len(fitting), token, where)
        fitting += [run for run in page.runs if contains(run, wanted)]
        looked_at, token = looked_at + max(1, len(page.runs)), page.next
        last = page.runs[-1] if page.runs else last
        if token is None:
            break
    back_to = to_iso(last.upload.uploaded_at) if last else None
    return RunsPage(runs=[row_of(run, now) for run in fitting], next=token, looked_at=looked_at, back_to=back_to)


def all_fitting(services: Services, query: Filter, most: int) -> Iterator[Run]:
    """Go through the runs that fit, newest upload first, at most so many."""
    where, wanted = ledger_filter(query, services.clock()), query.text.casefold()
    token, left = None, most
    while left > 0:
        page = services.ledger.newest(min(_PAGE, left) if not wanted else _PAGE, token, where)
        for run in [run for run in page.runs if contains(run, wanted)][:left]:
            left -= 1
            yield run
        token = page.next
        if token is None:
            return


def ledger_filter(query: Filter, now: datetime) -> RunFilter:
    """What the ledger itself can look for.

    Raises
    ------
    Refused
        When a time cannot be read.
    """
    since, until = (_moment(name, getattr(query, name), now) for name in ("since", "until"))
    return RunFilter(query.state, query.prefix, since, until)


def contains(run: Run, wanted: str) -> bool:
    """Tell whether a run is meant by a text (in lower case): a part of its blob's name, or how its id begins."""
    return wanted in run.upload.name.casefold() or (len(wanted) >= _RUN_ID_BEGINNING and run.run_id.startswith(wanted))


def _named(services: Services, query: ListQuery) -> list[Run]:
    named = parse_attempt_id(query.text.strip())
    if named is None:
        return []
    try:
        run = services.ledger.get(named[0])
    except RunNotFound:
        return []
    return [run] if ledger_filter(query, services.clock()).fits(run) else []


def _moment(name: str, text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    moment = parse_moment(text, now)
    if moment is None:
        said = f"{name} is no age (30m, 6h, 2d) and no time (2026-03-14T12:00)."
        raise Refused(HTTPStatus.BAD_REQUEST, said)
    return moment


def export_csv(services: Services, query: Filter, most: int) -> tuple[bytes, bool]:
    """Write what fits as CSV, with a byte order mark so that spreadsheets see UTF-8; tells whether that is all."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    now, complete = services.clock(), True
    for place, run in enumerate(all_fitting(services, query, most + 1)):
        complete = place < most
        if complete:
            writer.writerow(_cells(run, now))
    return text.getvalue().encode("utf-8-sig"), complete


def _cells(run: Run, now: datetime) -> list[object]:
    row, task = row_of(run, now), run.task
    times = (
        run.upload.uploaded_at, run.claimed_at, run.submitted_at, run.started_at, run.ended_at, run.settled_at,
        run.notified_at,
    )  # fmt: skip
    return [
        run.run_id, run.attempt, run.state.value, harmless(row.name), row.bytes,
        *(to_iso(at) if at else "" for at in times), f"{latency_of(run, now):.3f}", row.valid, row.invalid,
        row.total_revenue, harmless(row.code or ""), harmless(row.message or ""), harmless(task.job_id if task else ""),
        harmless(run.node_id or ""),
    ]  # fmt: skip


def harmless(text: str) -> str:
    """Write a text so that no spreadsheet takes it for a formula: an apostrophe is put before it."""
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(_FORMULAS) else text
