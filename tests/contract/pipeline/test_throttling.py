"""Throttling, through the real SDKs: a few tries, as late as the service asks, then an error of ours that says so."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from pipeline.batch_azure import AzureBatch
from pipeline.ledger_table import TableLedger
from shared.connections import EMULATOR_ACCOUNT, EMULATOR_KEY, RETRIES, Connection, read_connection
from shared.errors import QuotaReached, RunNotFound, ServiceUnavailable
from shared.retries import JitteredRetries
from shared.runs import RunId
from tests.contract.pipeline.test_batch import an_order

Answer = tuple[int, dict[str, str], dict[str, object]]
BUSY: Answer = (429, {"Retry-After": "1"}, {"code": "TooManyRequests"})
DOWN: Answer = (503, {}, {"code": "ServerBusy"})
MOST_TRIES = 1 + RETRIES["retry_total"]


class Service:
    """Answers as told, one after the other, the last one again and again; keeps when and what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[float, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                service.asked.append((time.monotonic(), f"{self.command} {self.path.split('?')[0]}"))
                answers = service.answers
                status, headers, document = answers.pop(0) if len(answers) > 1 else answers[0]
                body = json.dumps(document).encode() if status != 204 else b""
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - as the base class calls them

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def pauses(self) -> list[float]:
        """Seconds between the requests."""
        times = [at for at, _ in self.asked]
        return [later - earlier for earlier, later in pairwise(times)]


@pytest.fixture
def service() -> Iterator[Service]:
    """A service of this test's own."""
    service = Service()
    thread = threading.Thread(target=service.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


@pytest.fixture
def batch(service: Service) -> AzureBatch:
    """Our gateway, which takes it for Batch."""
    return AzureBatch(opened("BATCH", f"AccountEndpoint={service.address};AccountName=a;AccountKey=d3Jvbmc="), "local")


def opened(name: str, string: str) -> Connection:
    connection = read_connection(name, {name: string})
    assert connection
    return connection


def test_retry_after_is_honoured(service: Service, batch: AzureBatch) -> None:
    """Nobody comes back before the service wants it; what then succeeds is a success."""
    service.answers = [BUSY, DOWN, (200, {}, {"value": []})]
    assert batch.jobs() == []
    assert len(service.asked) == 3
    assert service.pauses[0] >= 1


def test_service_that_goes_on_throttling_is_given_up_soon(service: Service, batch: AzureBatch) -> None:
    """The caller hears how long the service wants to be left alone."""
    service.answers = [BUSY]
    with pytest.raises(ServiceUnavailable) as caught:
        batch.jobs()
    assert caught.value.retry_after == 1
    assert 2 < len(service.asked) <= MOST_TRIES


def test_task_that_was_taken_though_the_answer_was_an_error_is_there_once(service: Service, batch: AzureBatch) -> None:
    """The second try says that it exists: our own earlier success."""
    service.answers = [DOWN, (409, {}, {"code": "TaskExists"})]
    key = batch.add_task(datetime.now(UTC).date(), an_order("t", 0))
    assert key.task_id == "t"
    assert len(service.asked) == 2


def test_quota_conflict_is_not_tried_again(service: Service, batch: AzureBatch) -> None:
    """It is an answer: a person must act."""
    quota: Answer = (409, {}, {"code": "ActiveJobAndScheduleQuotaReached"})
    service.answers = [(404, {}, {"code": "JobNotFound"}), quota]
    with pytest.raises(QuotaReached):
        batch.add_task(datetime.now(UTC).date(), an_order("t", 0))
    assert len(service.asked) == 2


def test_collection_of_tasks_is_given_up_soon(service: Service, batch: AzureBatch) -> None:
    """The SDK's own helper would go on for ever."""
    service.answers = [(200, {}, {"value": [{"status": "servererror", "taskId": "t"}]})]
    with pytest.raises(ServiceUnavailable):
        batch.add_tasks(datetime.now(UTC).date(), [an_order("t", 0)])
    assert 2 <= len(service.asked) <= 10


def test_ledger_waits_as_table_storage_asks(service: Service) -> None:
    """The same for the table."""
    string = f"AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY};TableEndpoint={service.address}/a"
    missing: Answer = (404, {}, {"odata.error": {"code": "ResourceNotFound", "message": {"value": "none"}}})
    service.answers = [DOWN, (204, {}, {}), BUSY, missing]
    with pytest.raises(RunNotFound):
        TableLedger(opened("STORAGE", string), "runs").get(RunId("0" * 32))
    assert len(service.asked) == 4
    assert service.pauses[2] >= 1


def test_pauses_differ_and_grow() -> None:
    """What was refused together does not come back together."""
    policy = JitteredRetries(**RETRIES)
    settings = {"history": [object()] * 3, "backoff": 0.8, "max_backoff": 20}
    pauses = {policy.get_backoff_time(settings) for _ in range(50)}
    assert len(pauses) > 10
    assert all(1.6 <= pause <= 4.8 for pause in pauses)
    assert policy.get_backoff_time({**settings, "history": [object()]}) > 0
