"""Programs that tests need and a machine may lack: in CI they are installed, elsewhere their tests are skipped."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_SECONDS = 300
_LOCK = Path(tempfile.gettempdir()) / "batchjson-tests-apt.lock"
_APT = ["apt-get", "-o", f"DPkg::Lock::Timeout={_SECONDS}", "-o", "Acquire::Retries=3", "--quiet"]


def need(*programs: str) -> None:
    """Make sure that programs of Debian packages of the same names are there.

    With ``CI=true`` and as root they are installed with apt-get; a failure of that fails the test. Elsewhere the test
    is skipped, with one line that names what is missing.
    """
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return
    if not os.environ.get("CI") or os.geteuid() != 0:
        pytest.skip(f"{', '.join(missing)} not installed: apt-get install {' '.join(missing)}")
    with _LOCK.open("a") as lock:  # tests run in several processes, and apt-get in one at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install([name for name in programs if shutil.which(name) is None])


def _install(packages: list[str]) -> None:
    if packages and not _apt("install", "--yes", "--no-install-recommends", *packages):
        _apt("update")
        assert _apt("install", "--yes", "--no-install-recommends", *packages), f"apt-get cannot install {packages}"


def _apt(*arguments: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        [*_APT, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=2 * _SECONDS
    )
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-2000:])
    return done.returncode == 0
