"""One poll over a seeded past, counted and timed: at first, and again when nothing is new any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipeline.bus import AzureServiceBus
from pipeline.completion import Completion
from pipeline.services import Gateways, Services
from shared.clock import utcnow
from shared.settings import Settings
from tests import parts
from tests.bench.completion.seeding import new_runs, seed_batch, seed_runs
from tests.bench.counting import Calls
from tests.unit.builders import sample_values

_SINCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Cost:
    """Calls of all services together, and wall seconds."""

    calls: int
    seconds: float


@dataclass(frozen=True)
class Row:
    """What polls cost with so many old and new tasks."""

    old: int
    new: int
    first: Cost
    again: Cost


class Bench:
    """Storage and Service Bus, which serve for all polls; each past has a Batch of its own."""

    def __init__(self, storage: str, bus: str, calls: Calls, folder: Path) -> None:
        self._values = {**sample_values(), "STORAGE": storage, "SERVICEBUS": bus}
        settings = Settings.from_env(self._values)
        self.bus = AzureServiceBus(settings.connection("SERVICEBUS"), settings.events_topic)
        self._calls = calls
        self._folder = folder

    def row(self, old: int, new: int) -> Row:
        """Seed a past, poll twice.

        Raises
        ------
        RuntimeError
            When the poll did not settle just what was new.
        """
        folder = self._folder / f"{old}-{new}"
        folder.mkdir()
        now, pool = utcnow(), self._values["BATCH_POOL_ID"]
        runs = new_runs(f"runs-{pool}-{now:%Y%m%d}", new, f"{old}", now)
        seed_batch(folder / "batch", pool, old, runs, now)
        with parts.batch(folder) as batch:
            services = self._services(batch, f"runs{old}x{new}")
            services.blobs.ensure_containers(services.settings.output_container)
            seed_runs(services, runs)
            services.ledger.move_watermark(pool, now - _SINCE)
            completion = Completion(services)
            list(services.batch.jobs())  # opens the client
            first = self._poll(completion, new)
            return Row(old, new, first, self._poll(completion, 0))

    def _services(self, batch: str, table: str) -> Services:
        settings = Settings.from_env({**self._values, "BATCH": batch, "LEDGER_TABLE": table})
        return Services(settings, Gateways(bus=lambda _: self.bus))

    def _poll(self, completion: Completion, expected: int) -> Cost:
        before, began = self._calls.so_far().total(), time.perf_counter()
        poll = completion.poll()
        seconds = time.perf_counter() - began
        if poll.settled != expected or poll.problems:
            raise RuntimeError(f"{poll.settled} runs were settled in place of {expected}: {poll.problems}")
        return Cost(self._calls.so_far().total() - before, round(seconds, 3))


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Start storage and Service Bus, and count this process's calls from now on."""
    calls = Calls()
    calls.count()
    with parts.azurite(folder) as storage, parts.service_bus(folder) as bus:
        one = Bench(storage, bus, calls, folder)
        with closing(one.bus):
            yield one
