"""`batchjson replay`: the next attempt of runs that have come to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cli.common import Invocation, cloud_command
from cli.errors import CommandFailed, ExitCode
from cli.find import find_run, newest_runs
from cli.moments import read_moment
from cli.output import Output
from cli.table import runs_table
from cli.text import counted, shown
from pipeline.ledger import RunFilter
from shared.errors import BatchJsonError
from shared.runs import SETTLED, Run, RunState
from shared.settings import FUNCTION_APP_NEEDS

if TYPE_CHECKING:
    from pipeline.replay import Candidate, Replayed
    from pipeline.services import Services

_OTHERWISE_REPLAYED = (RunState.FAILED, RunState.LOST)
"""Without --state: what another attempt can help. Rejected files are rejected again."""
_SHOWN = 20


@cloud_command
def replay(
    invocation: Invocation,
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN|BLOB]...", help="Runs, as `show` takes them.")
    ] = None,
    *,
    state: Annotated[RunState | None, typer.Option("--state", "-s", help="All runs in this state.")] = None,
    prefix: Annotated[str, typer.Option("--prefix", "-p", help="Only blobs whose names begin so.")] = "",
    since: Annotated[str, typer.Option("--since", metavar="AGE", help="Uploaded since: 30m, 6h, 2d or a time.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 1_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replay without asking.")] = False,
) -> None:
    """Run settled runs again, as their next attempt; without --state, those that failed or were lost."""
    named, filtered = runs or [], bool(state or prefix or since)
    _check_usage(named, state, filtered=filtered)
    services, output = invocation.services(FUNCTION_APP_NEEDS), invocation.output
    moment = read_moment(since, services.clock()) if since else None
    states = (state,) if state else _OTHERWISE_REPLAYED
    filters = [RunFilter(each, prefix, moment) for each in states]
    found = _named(services, named) if named else _filtered(services, filters, limit)
    from pipeline.replay import Replayed, plan  # the Azure SDKs behind it take longer to load than `--help` may take
    from pipeline.replay import replay as replay_runs

    candidates = plan(services, found)
    wanted = [each.run for each in candidates if not each.refusal]
    _tell(services, output, candidates)
    if wanted and not (dry_run or yes):
        output.confirm(f"Replay {counted(len(wanted), 'run')}?", "Say --yes to replay without being asked.")
    done = replay_runs(services, wanted) if wanted and not dry_run else Replayed()
    output.document(_document(candidates, done, dry_run=dry_run))
    _end(output, candidates, done, named=bool(named), dry_run=dry_run)


def _check_usage(named: list[str], state: RunState | None, *, filtered: bool) -> None:
    if bool(named) == filtered:
        raise CommandFailed(
            "Say which runs: name them, or give --state, --prefix or --since.", exit_code=ExitCode.USAGE,
            next_command="batchjson replay --state failed --dry-run",
        )  # fmt: skip
    if state and state not in SETTLED:
        fix = f"Give one of {', '.join(sorted(each.value for each in SETTLED))}."
        raise CommandFailed(f"A run that is {state.value} cannot be replayed.", fix=fix, exit_code=ExitCode.USAGE)


def _named(services: Services, named: list[str]) -> list[Run]:
    return list({run.run_id: run for run in (find_run(services, text) for text in named)}.values())


def _filtered(services: Services, filters: list[RunFilter], limit: int) -> list[Run]:
    found = [run for where in filters for run in newest_runs(services.ledger, limit, where=where)]
    return sorted(found, key=lambda run: run.upload.uploaded_at, reverse=True)[:limit]


def _tell(services: Services, output: Output, candidates: list[Candidate]) -> None:
    wanted = [each.run for each in candidates if not each.refusal]
    if wanted:
        output.show(runs_table(wanted[:_SHOWN], services.clock(), output.out.width))
    if len(wanted) > _SHOWN:
        output.show(f"… and {counted(len(wanted) - _SHOWN, 'run')} more")
    for each in candidates:
        if each.refusal:
            output.say(Text(f"Not {shown(each.run.upload.name)} ({each.run.run_id[:8]}): {each.refusal}"))


def _document(candidates: list[Candidate], done: Replayed, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "candidates": [_entry(each.run) for each in candidates if not each.refusal],
        "replayed": [_entry(run) for run in done.begun],
        "on_hold": [_entry(run) for run in done.held],
        "replayed_elsewhere": [_entry(run) for run in done.elsewhere],
        "refused": [{**_entry(each.run), "reason": each.refusal} for each in candidates if each.refusal],
    }


def _entry(run: Run) -> dict[str, object]:
    return {"run_id": run.run_id, "attempt": run.attempt, "name": run.upload.name, "state": run.state.value}


def _end(output: Output, candidates: list[Candidate], done: Replayed, *, named: bool, dry_run: bool) -> None:
    if not candidates:
        output.say("No run fits.")
    if done.begun:
        output.say(f"Replayed {counted(len(done.begun), 'run')}. Follow them: batchjson runs --watch")
    if done.held:
        output.say(f"{counted(len(done.held), 'run')} of them held back by budget or window: see batchjson show RUN.")
    if done.elsewhere:
        output.say(f"{counted(len(done.elsewhere), 'run')} had moved on meanwhile: left alone.")
    if done.problem:
        raise _stopped(done.problem)
    if done.refused:
        raise CommandFailed(f"Batch refused {counted(len(done.refused), 'task')}: these runs are lost.")
    if named and not dry_run and any(each.refusal for each in candidates):
        raise CommandFailed("Not every run that was named could be replayed.")


def _stopped(problem: BatchJsonError) -> CommandFailed:
    return CommandFailed(
        f"Stopped: {shown(str(problem))}",
        fix="Attempts that were begun get their tasks from the next sweep. Replay the rest again later.",
        next_command="batchjson sweep",
    )
