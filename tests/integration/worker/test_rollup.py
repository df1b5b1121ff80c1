"""A day from its uploads to its report and its mail: real ledger, real blobs, and the worker as Batch runs it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from pipeline.blobs import AzureBlobStore
from pipeline.completion import Completion
from pipeline.ledger_table import TableLedger
from pipeline.rollup import RollUpState, roll_up_day
from pipeline.services import Gateways, Services
from pipeline.submission import Submission, receive
from shared.clock import utcnow
from shared.rollup import report_of_day
from shared.runs import TaskKey, Upload
from shared.settings import Settings
from shared.task import Limits
from tests.doubles.batch import MemoryBatch
from tests.doubles.bus import MemoryBus
from tests.doubles.mail import RecordingMailer
from tests.doubles.pool import MemoryPool
from tests.integration.worker.conftest import ROOT
from tests.unit.builders import Clock, sample_values
from tests.unit.worker.files import batch, many_transactions, transaction
from tests.unit.worker.schema import SCHEMA
from worker import engine as plain
from worker.report import figures_of, write_document

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(400)]
_LONG_ENOUGH = timedelta(minutes=3)
BROKEN = b"["


class Day:
    """A flow with a Batch whose tasks run when the test says so."""

    def __init__(self, storage: str) -> None:
        self.settings = Settings.from_env(sample_values() | {"STORAGE": storage, "LEDGER_TABLE": "rollups"})
        self.batch, self.mailer, self.clock = MemoryBatch(), RecordingMailer(), Clock(utcnow())
        self.day = self.clock.now.date()
        self.files: dict[Upload, bytes] = {}
        gateways = Gateways(
            ledger=lambda s: TableLedger(s.connection("STORAGE"), s.ledger_table),
            blobs=lambda s: AzureBlobStore(s.connection("STORAGE")),
            batch=lambda _: self.batch,
            bus=lambda _: MemoryBus(),
            pool=lambda _: MemoryPool(),
            mailer=lambda _: self.mailer,
        )
        self.services = Services(self.settings, gateways, self.clock)
        containers = (self.settings.input_container, self.settings.output_container, self.settings.logs_container)
        self.services.blobs.ensure_containers(*containers)

    def upload(self, name: str, content: bytes) -> None:
        """A file lands, and gets its task."""
        container = self.settings.input_container
        upload = self.services.blobs.upload(container, name, io.BytesIO(content), len(content), lambda _: None)
        self.files[upload] = content
        assert receive(self.services, container, name) is Submission.SUBMITTED

    def good_files(self) -> list[bytes]:
        """What was uploaded and is valid, in the order of the day: by the second of its upload, then by run id."""
        order = sorted(self.files, key=lambda upload: (upload.uploaded_at, upload.run_id))
        return [self.files[upload] for upload in order if self.files[upload] != BROKEN]

    def run_tasks(self, folder: Path) -> None:
        """Run every task that waits, as Batch does, and settle what is done."""
        for order in self.batch.orders:
            key = self.batch.locate_task(self.clock.now.date(), order.task_id)
            assert key
            done = subprocess.run(
                [sys.executable, "-P", "-m", "worker"],
                cwd=folder,
                env={**os.environ, **order.environment, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            self.batch.complete(TaskKey(key.job_id, key.task_id), self.clock.now)
        self.batch.orders.clear()
        assert not Completion(self.services).poll().problems

    def report(self) -> bytes:
        """The day's report."""
        return self.services.blobs.read(self.settings.output_container, report_of_day(str(self.day)), 10**7)


@pytest.fixture
def day(connection_string: str) -> Day:
    """Today, which does not end before the test: storage itself tells when a file was uploaded."""
    while (utcnow() + _LONG_ENOUGH).date() != utcnow().date():
        time.sleep(1)
    return Day(connection_string)


def checked(document: bytes) -> dict[str, Any]:
    """A report of a day after checking it against its schema."""
    schemas = [json.loads(path.read_text()) for path in (SCHEMA, SCHEMA.with_name("rollup.schema.json"))]
    registry: Any = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas)
    Draft202012Validator.check_schema(schemas[1])
    report: dict[str, Any] = json.loads(document)
    Draft202012Validator(schemas[1], registry=registry).validate(report)
    return report


def expected_figures(*files: bytes) -> Any:
    """What the plain engine says about all transactions in one file."""
    union = [one for content in files for one in json.loads(content)["transactions"]]
    result = plain.process(io.BytesIO(batch(*union)), io.BytesIO(), Limits())
    return json.loads(write_document({"total": result.counts.total_transactions, **figures_of(result)}))


def test_a_day_becomes_one_report_and_one_mail(day: Day, tmp_path: Path) -> None:
    """Its figures are those of one file with all transactions; a file that comes late is in the next report."""
    day.upload("shop 'a'/one.json", many_transactions(60))
    others = (transaction(f"B{n}", total=n + 1, tax=-1 if n % 5 == 0 else 1) for n in range(40))
    day.upload("two.json", batch(*others))
    day.upload("broken.json", BROKEN)
    day.run_tasks(tmp_path)
    for names in (("two",), ("two", "late")):
        if "late" in names:
            day.upload("late.json", batch(*(transaction(f"L{n}", total=500 + n) for n in range(30))))
            day.run_tasks(tmp_path)
        assert roll_up_day(day.services, day.day).state is RollUpState.RUNNING
        day.run_tasks(tmp_path)
        assert roll_up_day(day.services, day.day).state is RollUpState.DONE
        report = checked(day.report())
        files = day.good_files()
        expected = expected_figures(*files)
        assert report["validation"]["total_transactions"] == expected.pop("total")
        assert {name: report[name] for name in expected} == expected
        assert (report["files"]["count"], report["status"]) == (len(files), "succeeded")
    assert [mail.subject.split(": ")[1].split(",")[0] for mail in day.mailer.sent] == ["2 files", "3 files"]
