"""What the image is built from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from worker import VERSION
from worker.fast.compiled.build import _CPUS

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ("requirements.txt", "requirements-sbom.txt", "requirements-build.txt")
DOCKERFILE = (ROOT / "worker" / "Dockerfile").read_text()


def test_version_is_the_project_s_own() -> None:
    """One version for the package, the worker and the image's label."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert f"ARG VERSION={VERSION}" in DOCKERFILE


def test_image_takes_worker_and_shared_only() -> None:
    """Nothing else of the repository is copied, and nothing else would be sent to the builder."""
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    assert {source.partition("/")[0] for source in copied} == {"worker", "shared"}
    sent = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sent == ["!worker", "!shared"]


def test_image_starts_without_a_shell_by_absolute_path_and_without_root() -> None:
    """Batch starts it in the task's own folder, which must not be on the import path."""
    assert DOCKERFILE.rstrip().endswith('ENTRYPOINT ["/opt/venv/bin/python", "-P", "-m", "worker"]')
    assert "USER 10001:10001" in DOCKERFILE
    assert "--require-hashes -r /build/requirements.txt" in DOCKERFILE


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_has_a_hash(lock: str) -> None:
    """pip refuses the whole file otherwise, and that in the build."""
    pinned = _pinned(lock)
    assert pinned
    assert all("--hash=sha256:" in line for line in pinned)
    assert f"--require-hashes -r /build/{lock}" in DOCKERFILE


def test_compiler_has_the_worker_s_numpy_and_is_there_for_every_machine_that_can_be_compiled_for() -> None:
    """Elsewhere nothing is asked for, so that the image can be built without."""
    [numpy] = [line.split()[0] for line in _pinned("requirements.txt") if line.startswith("numpy==")]
    built = _pinned("requirements-build.txt")
    assert [line.split()[0] for line in built if line.startswith("numpy==")] == [numpy]
    for line in built:
        marker = line.partition(";")[2].partition("--hash")[0]
        assert set(re.findall(r"platform_machine == '(\w+)'", marker)) == set(_CPUS)
        assert "sys_platform == 'linux'" in marker


def _pinned(lock: str) -> list[str]:
    text = (ROOT / "worker" / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
