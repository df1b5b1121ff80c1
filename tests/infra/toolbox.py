"""The checkers of the deployment, in a virtual environment of their own that is kept from one test run to the next."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA

ROOT = INFRA.parent
LOCK = Path(__file__).with_name("requirements.txt")
HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "batchjson" / "checkers"
_SECONDS = 300


@cache
def toolbox() -> Path:
    """The folder of the programs. Installs them in CI; elsewhere the test is skipped when they are not there."""
    folder = HOME / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    with _alone(folder):
        if not (folder / "installed").exists():
            if not os.environ.get("CI"):
                pytest.skip("The checkers are not installed: CI=true installs them into ~/.cache/batchjson.")
            _install(folder)
    return folder / "venv" / "bin"


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a checker in the project's root."""
    command = [str(toolbox() / program), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False)


def remembered(name: str, sources: list[Path], make: str) -> Path:
    """Where the answer of a slow checker is kept, as long as checkers, command and files are the same."""
    content = b"\0".join([make.encode(), *(source.read_bytes() for source in sources)])
    return toolbox().parents[1] / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.json"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold off whoever else wants to install."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(folder: Path) -> None:
    venv = folder / "venv"
    shutil.rmtree(venv, ignore_errors=True)
    _call(sys.executable, "-m", "venv", venv)
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    uv = shutil.which("uv")  # several times as fast
    _call(
        *([uv, "pip", "install", "--python", python] if uv else pip),
        "--quiet",
        "--require-hashes",
        "--only-binary=:all:",
        "-r",
        LOCK,
    )
    (folder / "installed").touch()


def _call(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=_SECONDS)
