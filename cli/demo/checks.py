"""Whether all that a demo shows has truly happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cli.demo.evidence import Document, Evidence
from cli.demo.files import DemoFile
from cli.text import shown
from shared.runs import Run

OF_THE_RUN = ("batch_id", "run_id", "input", "processed_at", "processing_time_seconds", "processor_version")
"""What differs between two reports of the same file: everything else must be the same to the last digit."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true, and what speaks against it."""

    claim: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when nothing speaks against it."""
        return not self.problems


def verify(files: tuple[DemoFile, ...], found: Evidence) -> list[Check]:
    """Check everything; nothing is taken from what was merely expected."""
    pairs = list(zip(files, found.runs, strict=True))
    many = len(files)
    claims: list[tuple[str, Callable[[], Iterable[str]]]] = [
        (f"{many} runs settled as expected", lambda: _states(pairs)),
        ("every report equals that of the engine alone", lambda: _reports(pairs, found)),
        ("every planted error was found, and no other", lambda: _errors(pairs)),
        (f"{many} events with distinct ids on Service Bus", lambda: _events(found)),
        (f"{many} mails", lambda: _once_each(found.runs, (mail.message_id for mail in found.mails))),
        (f"{many} webhook calls, their signatures right", lambda: _deliveries(found)),
        ("a hostile file name did no harm", lambda: (f"{shown(str(trace))} was made" for trace in found.harm)),
    ]
    return [Check(claim, tuple(problems())) for claim, problems in claims]


def _states(pairs: list[tuple[DemoFile, Run]]) -> Iterator[str]:
    for file, run in pairs:
        code = run.failure.code if run.failure else None
        if (run.state, code) != (file.state, file.code):
            yield f"{shown(file.name)} is {run.state.value} ({code}), and should be {file.state.value} ({file.code})"


def _reports(pairs: list[tuple[DemoFile, Run]], found: Evidence) -> Iterator[str]:
    for file, run in pairs:
        cloud, alone = found.reports.get(run.run_id), found.local[file.name]
        if (cloud is None) != (alone.report is None):
            yield f"{shown(file.name)} has {'no' if cloud is None else 'a'} report"
        if cloud is not None and alone.report is not None:
            differing = _differences(cloud, alone.report)
            if differing:
                yield f"{shown(file.name)} differs in {', '.join(differing[:_MOST_NAMED])}"
        if run.outcome and run.outcome.code != alone.outcome.code:
            yield f"{shown(file.name)} ended with {run.outcome.code}, alone with {alone.outcome.code}"


def _differences(cloud: Document, alone: Document) -> list[str]:
    keys = (cloud.keys() | alone.keys()).difference(OF_THE_RUN)
    return sorted(key for key in keys if cloud.get(key) != alone.get(key))


def _errors(pairs: list[tuple[DemoFile, Run]]) -> Iterator[str]:
    for file, run in pairs:
        counted = run.outcome.errors_by_code if run.outcome else None
        if counted != file.errors_by_code:
            yield f"{shown(file.name)} has {counted}, and {file.errors_by_code} were planted"


def _events(found: Evidence) -> Iterator[str]:
    yield from _once_each(found.runs, (event.id for event in found.events))
    states = {run.attempt_id: run.state.value for run in found.runs}
    for event in found.events:
        if event.data.state != states.get(event.id):
            yield f"the event {event.id} says {event.data.state}"


def _deliveries(found: Evidence) -> Iterator[str]:
    yield from _once_each(found.runs, (call.id or "" for call in found.deliveries if call.accepted))
    for call in found.deliveries:
        if not call.accepted:
            yield f"a call was answered with {call.status}: {shown(call.problem or '')}"


def _once_each(runs: list[Run], ids: Iterable[str]) -> Iterator[str]:
    times = Counter(ids)
    for run in runs:
        if times[run.attempt_id] != 1:
            yield f"{shown(run.upload.name)} has {times[run.attempt_id]}"
    strangers = times.keys() - {run.attempt_id for run in runs}
    if strangers:
        yield f"{len(strangers)} belong to no run of this demo"
