"""`batchjson upload` and `batchjson download` on a real storage emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from pipeline.services import Services
from shared.locations import prefix_of
from shared.outcome import Counts, Outcome, encode_outcome
from shared.runs import TaskKey, claim
from shared.settings import Settings
from tests.parts import ROOT, azurite

HOSTILE = "a b/'; $(touch pwned) #ü%2F?.json"
pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings of a storage emulator of this module's own, its containers made."""
    folder = tmp_path_factory.mktemp("storage")
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
    with azurite(folder) as string:
        values["STORAGE"] = string
        file = folder / "settings.json"
        file.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
        services = services_of(file)
        settings = services.settings
        services.blobs.ensure_containers(settings.input_container, settings.output_container, settings.logs_container)
        yield file


def services_of(settings_file: Path) -> Services:
    return Services.from_settings(Settings.from_env(json.loads(settings_file.read_text())["Values"]))


def batchjson(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def put(services: Services, folder: Path, name: str, content: bytes) -> None:
    file = folder / "content"
    file.write_bytes(content)
    with file.open("rb") as stream:
        services.blobs.upload("batch-output", name, stream, len(content), lambda _: None)


def test_files_arrive_unchanged_and_with_their_run_ids(settings_file: Path, tmp_path: Path) -> None:
    """What is uploaded can be read back to the byte, under hostile names and over several blocks."""
    names = ("plain.json", HOSTILE, "large.json")
    (tmp_path / "in" / "a b").mkdir(parents=True)
    for name in names:
        (tmp_path / "in" / name).write_bytes(name.encode() * (600_000 if name == "large.json" else 1))
    done = batchjson("upload", tmp_path / "in", "--prefix", "up", "--json", "--settings", settings_file)
    assert done.exit_code == 0, done.stderr
    services = services_of(settings_file)
    for upload in json.loads(done.stdout)["uploads"]:
        stored = services.blobs.properties("batch-input", upload["name"])
        assert (stored.run_id, stored.etag) == (upload["run_id"], upload["etag"])
        local = tmp_path / "in" / upload["name"].removeprefix("up/")
        assert services.blobs.read("batch-input", upload["name"], 10**8) == local.read_bytes()
    assert len(json.loads(done.stdout)["uploads"]) == len(names)


def test_a_run_is_listed_shown_and_downloaded(settings_file: Path, tmp_path: Path) -> None:
    """From the blob's name to files on disk, through a real ledger and real blobs."""
    services = services_of(settings_file)
    (tmp_path / "x.json").write_text("[]")
    batchjson("upload", tmp_path / "x.json", "--prefix", "a b/#ü", "--settings", settings_file)
    blob = services.blobs.properties("batch-input", "a b/#ü/x.json")
    now = services.clock()
    claimed = services.ledger.claim(claim(blob, now))
    outcome = Outcome(status="succeeded", run_id=claimed.run_id, counts=Counts(total_transactions=1))
    run = services.ledger.save(claimed.submitted(TaskKey("job", claimed.run_id), now).decided(outcome, now), claimed)
    for name, content in (("report.json", b"{}"), ("outcome.json", encode_outcome(outcome))):
        put(services, tmp_path, prefix_of(run) + name, content)

    listed = batchjson("runs", "--json", "--settings", settings_file)
    assert [each["run_id"] for each in json.loads(listed.stdout)["runs"]] == [run.run_id]
    shown = batchjson("show", run.run_id[:8], "--settings", settings_file)
    assert "✓ succeeded" in shown.stdout
    done = batchjson("download", blob.name, "-o", tmp_path / "out", "--json", "--settings", settings_file)
    files = [Path(file) for file in json.loads(done.stdout)["runs"][0]["files"]]
    assert {file.name: file.read_bytes() for file in files} == {
        "report.json": b"{}", "outcome.json": encode_outcome(outcome),
    }  # fmt: skip
    assert all(file.parent.parent == tmp_path / "out" for file in files)
