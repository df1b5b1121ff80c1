"""A local cloud with runs of every kind, for the pages to show."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from typing import Any

from local.cloud import Cloud
from pipeline.budgets import Limit, Scope, set_limit
from pipeline.services import Services
from shared.clock import utcnow
from shared.errors import RunNotFound
from shared.runs import Failure, Run, RunState, TaskKey, Upload, claim
from tests.parts import ROOT

DEADLINE_SECONDS = 90
EXAMPLE: dict[str, Any] = json.loads((ROOT / "tests" / "examples" / "three-transactions.json").read_text())
EVIL = (
    "<img src=x onerror=window.hacked=1>",
    '"><script>window.hacked=1</script>',
    "'onmouseover='window.hacked=1' x='",
    "javascript:window.hacked=1//",
    "</script><svg onload=window.hacked=1>",
    "${window.hacked=1}{{window.hacked=1}}",
    "\u202egpj.evil",
)
"""What would run if any of it were taken for more than text."""


def evil_file() -> bytes:
    """A file whose every text field tries to break out."""
    transactions = []
    for place, text in enumerate(EVIL):
        each = json.loads(json.dumps(EXAMPLE["transactions"][0]))
        each["transaction_id"] = f"{text}{place}"
        each["customer"] = {"customer_id": f"{text}{place}", "name": text}
        each["payment_method"] = text
        each["line_items"][0] |= {"product_id": text, "product_name": text, "category": text}
        transactions.append(each)
    transactions.append({"transaction_id": EVIL[0], "status": EVIL[1]})
    return json.dumps({"batch_id": EVIL[0], "transactions": transactions}).encode()


@dataclass
class World:
    """The cloud, and its runs by what they are."""

    cloud: Cloud
    services: Services
    runs: dict[str, Run]

    @property
    def base(self) -> str:
        """The dashboard's address, without the slash at its end."""
        return self.cloud.addresses["dashboard"].rstrip("/")

    def path_of(self, kind: str) -> str:
        """The address of a run's page below the dashboard's own."""
        return f"/runs/{self.runs[kind].run_id}"

    def wait(self, true: Callable[[], object], what: str) -> None:
        """Wait for something that comes by itself."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not true():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.1)


def fill(cloud: Cloud, services: Services) -> World:
    """Drop files of each kind, and wait until they are settled; put the states in that a file cannot bring about."""
    evil = [f"evil/{text}.json" for text in EVIL]
    good = (ROOT / "tests" / "examples" / "three-transactions.json").read_bytes()
    files = {
        "succeeded": ("orders/good.json", good),
        "rejected": ("orders/broken.json", b'{"transactions": ['),
        "ignored": ("orders/notes.txt", b"hello"),
        "evil": ("evil/fields.json", evil_file()),
        **{name: (name, good) for name in evil},
    }
    uploads = {kind: _drop(services, name, content) for kind, (name, content) in files.items()}
    world = World(cloud, services, {})
    set_limit(services, Limit(scope=Scope.DAY, amount="25"), "a test")
    set_limit(services, Limit(scope=Scope.MONTH, amount="0", prefix="closed"), "a test")
    world.wait(lambda: all(_done(services, upload) for upload in uploads.values()), "every file to be settled")
    world.runs = {kind: services.ledger.get(upload.run_id) for kind, upload in uploads.items()}
    world.runs |= {state.value: _made(services, state) for state in MADE}
    return world


MADE = (RunState.CLAIMED, RunState.SUBMITTED, RunState.FAILED, RunState.LOST)


def _drop(services: Services, name: str, content: bytes) -> Upload:
    return services.blobs.upload("batch-input", name, BytesIO(content), len(content), lambda _: None)


def _done(services: Services, upload: Upload) -> bool:
    try:
        run = services.ledger.get(upload.run_id)
    except RunNotFound:
        return False
    return run.state is RunState.IGNORED or (run.state.settled and run.webhook_at is not None)


def _made(services: Services, state: RunState) -> Run:
    """A run in a state that lasts, straight in the ledger."""
    now = utcnow() - timedelta(seconds=30)
    upload = Upload("devstoreaccount1", "batch-input", f"orders/{state.value}.json", f"0x{state.value}", 20_480, now)
    stored = services.ledger.claim(claim(upload, now))
    if state is RunState.CLAIMED:
        return stored
    sent = stored.submitted(TaskKey(f"runs-local-{now:%Y%m%d}", stored.run_id), now + timedelta(seconds=2))
    sent = services.ledger.save(sent, stored)
    if state is RunState.SUBMITTED:
        return sent
    end = now + timedelta(seconds=20)
    failure = Failure("NodeGone", "The node <b>went away</b> while the task ran.")
    ended = replace(sent, started_at=now + timedelta(seconds=5), ended_at=end, node_id="tvmps_1", exit_code=137)
    settled = ended.ended_without_outcome(state, failure, end)
    return services.ledger.save(replace(settled, notified_at=end), sent)
