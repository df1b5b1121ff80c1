"""Finds the run that an operator means: by its id, the beginning of its id, or the name of its blob."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.errors import CommandFailed
from cli.text import shown
from pipeline.ledger import EVERY_RUN, RunFilter
from shared.errors import BlobGone, RunNotFound
from shared.runs import Run, RunId, parse_attempt_id

if TYPE_CHECKING:
    from pipeline.ledger import Ledger
    from pipeline.services import Services

_ID_BEGINNING = re.compile(r"[0-9a-f]{4,31}")
_PAGE = 100
_NEWEST = 2_000
"""How far back beginnings of ids and names of blobs are looked for."""
_MOST_NAMED = 5


def newest_runs(ledger: Ledger, most: int = _NEWEST, page: int = _PAGE, where: RunFilter = EVERY_RUN) -> Iterator[Run]:
    """Go through the newest runs that fit, page by page, without asking for more pages than are looked at."""
    token, left = None, most
    while left > 0:
        found = ledger.newest(min(page, left), token, where)
        yield from found.runs
        left, token = left - len(found.runs), found.next
        if token is None:
            return


def find_run(services: Services, text: str) -> Run:
    """Find one run.

    Parameters
    ----------
    text
        A run id (an attempt id too), the beginning of one of the newest runs' ids (four characters or more), or the
        name of a blob in the input container, then its present version's run.

    Raises
    ------
    RunNotFound
        When nothing fits.
    CommandFailed
        When several runs fit.
    """
    attempt = parse_attempt_id(text)
    if attempt:
        return services.ledger.get(attempt[0])
    if _ID_BEGINNING.fullmatch(text):
        fitting = [run for run in newest_runs(services.ledger) if run.run_id.startswith(text)]
        if fitting:
            return _only(fitting, text)
    return _by_blob(services, text)


def full_id(services: Services, text: str) -> str:
    """Complete the beginning of a run id; any other text is returned as it is.

    Raises
    ------
    CommandFailed
        When several runs' ids begin so.
    """
    if not _ID_BEGINNING.fullmatch(text):
        return text
    fitting = [run for run in newest_runs(services.ledger) if run.run_id.startswith(text)]
    return _only(fitting, text).run_id if fitting else text


def _only(fitting: list[Run], text: str) -> Run:
    if len(fitting) == 1:
        return fitting[0]
    named = "\n".join(f"  {run.run_id}  {shown(run.upload.name)}" for run in fitting[:_MOST_NAMED])
    raise CommandFailed(f"{len(fitting)} runs begin with {text}:\n{named}", fix="Give more characters of the id.")


def _by_blob(services: Services, name: str) -> Run:
    run_id = _present_version(services, name)
    try:
        return services.ledger.get(run_id) if run_id else _newest_named(services.ledger, name)
    except RunNotFound as missing:
        if run_id:
            raise RunNotFound(
                f"{shown(name)} is uploaded, but its run has not begun. It begins within seconds on a laptop, within a "
                "minute in Azure."
            ) from missing
        raise


def _present_version(services: Services, name: str) -> RunId | None:
    try:
        return services.blobs.properties(services.settings.input_container, name).run_id
    except BlobGone:
        return None


def _newest_named(ledger: Ledger, name: str) -> Run:
    for run in newest_runs(ledger):
        if run.upload.name == name:
            return run
    raise RunNotFound(f"No run among the newest {_NEWEST} has this id or this blob: {shown(name)}")
