"""What the image is built from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from worker import VERSION

ROOT = Path(__file__).resolve().parents[3]
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


def test_every_locked_requirement_has_a_hash() -> None:
    """pip refuses the whole file otherwise, and that in the build."""
    lock = (ROOT / "worker" / "requirements.txt").read_text().replace("\\\n", " ")
    pinned = [line for line in lock.splitlines() if line and not line.lstrip().startswith("#")]
    assert pinned
    assert all("--hash=sha256:" in line for line in pinned)
