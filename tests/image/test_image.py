"""The worker image as it is published: built from its Dockerfile, then run as Batch runs it."""

from __future__ import annotations

import json
import os
import platform
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.alone import write_container
from tests.image.engine import ROOT, Builder, Container
from tests.packages import need
from worker import VERSION

pytestmark = [
    pytest.mark.cloud,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.version_info >= (3, 12), reason="the image is built once, in the run on Python 3.11"),
]
EXAMPLE = ROOT / "tests" / "examples" / "three-transactions.json"
TAG = "localhost/worker:test"
LARGEST_MIB = 130
"""What we add to the base, unpacked; numpy is half of it."""
PASSING = ("input", "processed_at", "processing_time_seconds")


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    """The image, built once with the command; not in pytest's folder, which is kept for a while."""
    if os.geteuid() != 0:
        pytest.skip("building the image needs root, for chroot and mounts")
    need("buildah")
    builder = Builder(Path(tempfile.mkdtemp(prefix="batchjson-image-")))
    try:
        built = builder.batchjson("build", "--tag", TAG, "--base", builder.base())
        assert re.fullmatch(r"(sha256:)?[0-9a-f]{64}", built["id"])
        yield builder
    finally:
        builder.close()


@pytest.fixture(scope="module")
def container(builder: Builder) -> Iterator[Container]:
    """The image's root file system, and how it is to be run."""
    with builder.container(TAG) as made:
        yield made


def test_image_is_healthy_without_a_network(container: Container) -> None:
    """It tells its version, that everything imports, and that the engine works, with all of it that is compiled."""
    done = container.run("--check", network=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"version": VERSION, "python": platform.python_version(), "compiled": True}


def test_task_turns_a_blob_into_a_report_with_nothing_but_storage(container: Container, tmp_path: Path) -> None:
    """In a network that holds Azurite and nothing else; the report is the engine's own."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.image.alone", str(EXAMPLE)],
        input=write_container(container),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    task = json.loads(done.stdout)
    assert task["code"] == 0, task["stderr"]
    assert set(task["written"]) == {"run/report.json", "run/errors.jsonl", "run/outcome.json"}
    report, expected = json.loads(task["written"]["run/report.json"]), _report_of_the_engine(tmp_path, task["run_id"])
    for name in PASSING:
        report.pop(name), expected.pop(name)
    assert report == expected
    assert json.loads(task["written"]["run/outcome.json"])["status"] == "succeeded"


def test_file_is_processed_without_any_network(container: Container, tmp_path: Path) -> None:
    """Reading and writing below /tmp alone; large enough for the fast engine and its processes."""
    tmp_path.chmod(0o777)
    command = [
        str(Path(sys.executable).with_name("batchjson")),
        "generate",
        "--count",
        "8000",
        "--seed",
        "1",
        "--quiet",
    ]
    subprocess.run([*command, "--output", str(tmp_path / "big.json")], check=True, timeout=120)
    done = container.run("--file", "/tmp/big.json", "--output", "/tmp/out", network=False, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["total_transactions"] == 8000
    assert (tmp_path / "out" / "report.json").stat().st_uid == 10001


def test_root_file_system_is_not_written_to(container: Container) -> None:
    """It is read-only in all these tests, which shows here; nothing in it belongs to the user, or is open to all."""
    done = container.run("--file", "/opt/batchjson/sbom.json", "--output", "/opt/out", network=False)
    assert done.returncode == 2
    assert "Read-only file system" in done.stderr
    open_to_all = [path for path in _files(container.root) if path.lstat().st_mode & stat.S_IWOTH]
    assert open_to_all == []
    assert {path.lstat().st_uid for path in _files(container.root)} == {0}


def test_image_names_the_version_and_the_commit(builder: Builder) -> None:
    """Who finds an image in a registry finds its source."""
    labels = builder.config(TAG)["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    expected = head.stdout.strip() if head.returncode == 0 else "unknown"  # an archive of the source is no clone
    assert labels["org.opencontainers.image.revision"] == expected


def test_push_tells_the_digest_by_which_a_pool_fetches_it(builder: Builder, tmp_path: Path) -> None:
    """Here into a folder, which is a registry to buildah."""
    pushed = builder.batchjson("push", f"oci:{tmp_path}/registry:1", "--tag", TAG)
    [written] = json.loads((tmp_path / "registry" / "index.json").read_text())["manifests"]
    assert pushed["digest"] == written["digest"]


def test_image_is_started_without_root_and_without_a_shell(container: Container) -> None:
    """By a number, which every node takes; by absolute paths, in whatever folder Batch starts it."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", container.user)
    assert container.entry_point == ("/opt/venv/bin/python", "-P", "-m", "worker")


def test_bill_of_materials_names_what_is_installed(container: Container) -> None:
    """Every distribution with its version and licence, and no other; pip is not among them."""
    document: dict[str, Any] = json.loads((container.root / "opt/batchjson/sbom.json").read_text())
    assert document["bomFormat"] == "CycloneDX"
    told = {(_plain(each["name"]), each["version"]) for each in document["components"]}
    [packages] = (container.root / "opt/venv/lib").glob("python3*/site-packages")
    found = {tuple(path.stem.rsplit("-", 1)) for path in packages.glob("*.dist-info")}
    assert told == {(_plain(name), version) for name, version in found}
    assert {"numpy", "azure-storage-blob"} <= {name for name, _ in told}
    assert not {"pip", "setuptools", "numba", "llvmlite"} & {name for name, _ in told}
    assert all(each.get("licenses") for each in document["components"])


def test_image_holds_the_worker_and_nothing_else_of_ours(container: Container) -> None:
    """And it is small."""
    ours = container.root / "opt"
    assert {path.name for path in (ours / "batchjson").iterdir()} == {"worker", "shared", "sbom.json"}
    assert list((ours / "batchjson").rglob("*.pyc")), "compiled, so that it starts at once"
    assert {path.stat().st_mode & 0o777 for path in (ours / "batchjson").rglob("*.bin")} == {0o644}, "the user reads it"
    size = sum(path.lstat().st_size for path in _files(ours) if path.is_file() and not path.is_symlink())
    print(f"the worker and its packages: {size / 2**20:.0f} MiB")
    assert size < LARGEST_MIB * 2**20


def _report_of_the_engine(folder: Path, run_id: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "worker", "--file", str(EXAMPLE), "--output", str(folder), "--run-id", run_id]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _files(root: Path) -> list[Path]:
    """All that the image brings; what every system has for all to write to is left out."""
    return [
        path
        for path in root.rglob("*")
        if not path.is_symlink() and path.relative_to(root).parts[0] not in ("tmp", "dev", "proc", "sys")
    ]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
