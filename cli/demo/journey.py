"""The way of the demo's files through the cloud, as the ledger tells it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cli.demo.files import DemoFile
from cli.text import shown
from shared.errors import RunNotFound
from shared.runs import Run, RunId, Upload
from shared.steps import Step, steps_of

if TYPE_CHECKING:
    from pipeline.ledger import Ledger

STOPS = ("uploaded", "claimed", "submitted", "running", "settled", "published", "mailed", "webhook")
"""The steps that a demo shows, in their order."""
_STEP = 0.25


@dataclass(slots=True)
class Traveller:
    """One file on its way: its upload, its run once there is one, and the steps it has made."""

    file: DemoFile
    upload: Upload
    run: Run | None = None
    steps: dict[str, Step] = field(default_factory=dict)

    @property
    def run_id(self) -> RunId:
        """The id of its run, known from the upload alone."""
        return self.upload.run_id

    @property
    def arrived(self) -> bool:
        """True when every step is made."""
        return all(stop in self.steps for stop in STOPS)

    @property
    def missing(self) -> list[str]:
        """The steps that are not made yet."""
        return [stop for stop in STOPS if stop not in self.steps]

    @property
    def last(self) -> str:
        """The step made last."""
        return [stop for stop in STOPS if stop in self.steps][-1]

    def seconds(self) -> float | None:
        """From the upload to the last notification; None before the end."""
        if not self.arrived:
            return None
        moments: list[datetime] = [step.at for step in self.steps.values()]
        return max(0.0, (max(moments) - self.upload.uploaded_at).total_seconds())

    def look(self, ledger: Ledger) -> Iterator[Step]:
        """Read the run, and yield the steps that are new."""
        try:
            self.run = ledger.get(self.run_id)
        except RunNotFound:
            return  # the event of the upload has not come yet
        for step in steps_of(self.run):
            if step.name in STOPS and step.name not in self.steps:
                self.steps[step.name] = step
                yield step


def travel(
    travellers: list[Traveller], ledger: Ledger, told: Callable[[Traveller, Step], None], alive: Callable[[], None]
) -> None:
    """Follow all files until each has made every step.

    Parameters
    ----------
    told
        Called for each new step.
    alive
        Called between looks; raises when there is nothing to wait for any more.
    """
    for traveller in travellers:
        first = Step(STOPS[0], traveller.upload.uploaded_at, None)
        traveller.steps[first.name] = first
        told(traveller, first)
    while waiting := [traveller for traveller in travellers if not traveller.arrived]:
        for traveller in waiting:
            for step in traveller.look(ledger):
                told(traveller, step)
        alive()
        time.sleep(_STEP)


def still_missing(travellers: list[Traveller]) -> list[str]:
    """Say for each file what has not happened."""
    return [
        f"{shown(traveller.file.name)}: {', '.join(traveller.missing)}"
        for traveller in travellers
        if not traveller.arrived
    ]
