"""Set up everything that `make` needs: a virtual environment with the locked packages, what is compiled, Node, Azurite,
the page's parts.

Runs on a bare Python 3.11+ (standard library only). A second run with unchanged locks does nothing and takes
milliseconds: what was installed is remembered by the hash of the files it was installed from.

    python3 local/bootstrap.py --venv .venv
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AZURITE = ROOT / "local" / "azurite"
PAGE = ROOT / "local" / "page"
COMPILED = ROOT / "worker" / "fast" / "compiled"
VENDOR_LIST = ROOT / "dashboard" / "vendor.json"
VENDORED = ROOT / "dashboard" / "static" / "vendor"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20
"""Azurite 3.35's own dependencies ask for it."""


class SetupFailed(Exception):
    """A step of the set-up failed."""


def main() -> int:
    """Set up, or say in one line what is missing and what to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    venv = parser.parse_args().venv.absolute()
    try:
        check_python()
        install_packages(venv)
        with ThreadPoolExecutor() as beside:
            compiling = beside.submit(compile_functions, venv)
            install_from_npm(venv)
            copy_page_parts()
            compiling.result()
    except SetupFailed as problem:
        print(f"set-up failed: {problem}", file=sys.stderr)
        return 1
    return 0


def check_python() -> None:
    """Refuse a Python that is too old for the project."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupFailed(f"Python 3.11 or newer is needed, this is {found}: make PYTHON=python3.11 …")


def install_packages(venv: Path) -> None:
    """Make the virtual environment and install the locked packages into it, when the lock changed."""
    lock = ROOT / "requirements-dev.txt"
    stamp = Stamp(venv / ".packages", lock, ROOT / "pyproject.toml", note=f"{ROOT} {sys.version}")
    if stamp.fresh():
        return
    say(f"installing Python packages into {venv.name} (once)")
    make_venv(venv)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--require-hashes", "--only-binary=:all:", "-r", str(lock)])
    run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    stamp.write()


def make_venv(venv: Path) -> None:
    """Make an empty virtual environment, from the interpreter that runs this."""
    shutil.rmtree(venv, ignore_errors=True)
    try:
        run([sys.executable, "-m", "venv", str(venv)])
    except SetupFailed as problem:
        raise SetupFailed(f"{problem}\nOn Debian or Ubuntu: apt-get install python3-venv") from problem


def compile_functions(venv: Path) -> None:
    """Compile the worker's functions ahead of time, when one changed. Without them it is slower, and does the same."""
    sources = [*sorted(COMPILED.glob("*.py")), ROOT / "worker" / "requirements-build.txt"]
    kind = f"{sys.implementation.cache_tag}-{platform.machine()}"
    stamp = Stamp(COMPILED / "__pycache__" / f".compiled-{kind}", *sources, note=sys.platform)
    if stamp.fresh():
        return
    say("compiling the scan (once)")
    said = run([str(venv / "bin" / "python"), "-m", "worker.fast.compiled.build"])
    if said:
        say(said)
    stamp.write()


def install_from_npm(venv: Path) -> None:
    """Install what comes from npm, by its locks, with Node from PyPI where the machine has none."""
    if not node_is_new_enough(venv):
        install_node(venv)
    install_locked(venv, AZURITE, "Azurite, the storage emulator")
    install_locked(venv, PAGE, "what the dashboard's page is made with")


def install_locked(venv: Path, folder: Path, what: str) -> None:
    """Install the packages of one npm lock, when it changed."""
    stamp = Stamp(folder / "node_modules" / ".installed", folder / "package-lock.json")
    if stamp.fresh():
        return
    say(f"installing {what} (once)")
    npm = shutil.which("npm", path=search_path(venv))
    if npm is None:
        raise SetupFailed("npm is missing beside node; remove that node or install npm")
    run(
        [npm, "ci", "--loglevel", "error", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        path=search_path(venv),
    )
    stamp.write()


def copy_page_parts() -> None:
    """Copy what the page is made with to where the dashboard serves it from, when a lock or a checksum changed."""
    stamp = Stamp(PAGE / "node_modules" / ".copied", PAGE / "package-lock.json", VENDOR_LIST)
    if not stamp.fresh() or not VENDORED.is_dir():
        run([sys.executable, "-m", "local.vendor"])
        stamp.write()


def node_is_new_enough(venv: Path) -> bool:
    """Tell whether a Node that can run Azurite is on the path or in the virtual environment."""
    node = shutil.which("node", path=search_path(venv))
    if node is None or shutil.which("npm", path=search_path(venv)) is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.strip().removeprefix("v").split(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def install_node(venv: Path) -> None:
    """Put Node from PyPI into the virtual environment."""
    say("installing Node.js into the virtual environment (once)")
    lock = ROOT / "local" / "requirements-node.txt"
    python = str(venv / "bin" / "python")
    run(
        [
            python,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            str(lock),
        ]
    )


def search_path(venv: Path) -> str:
    """The directories to look for programs in: the virtual environment first."""
    return os.pathsep.join([str(venv / "bin"), os.environ.get("PATH", os.defpath)])


class Stamp:
    """Remembers from which content something was installed."""

    def __init__(self, path: Path, *sources: Path, note: str = "") -> None:
        self._path = path
        self._sources = sources
        self._note = note

    def fresh(self) -> bool:
        """Tell whether what is installed came from the sources as they are now."""
        return self._path.exists() and self._path.read_text() == self._digest()

    def write(self) -> None:
        """Remember the sources as they are now."""
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_text(self._digest())

    def _digest(self) -> str:
        content = b"\0".join(source.read_bytes() for source in self._sources)
        return hashlib.sha256(content + self._note.encode()).hexdigest()


def run(command: list[str], cwd: Path = ROOT, path: str | None = None) -> str:
    """Run one step and return what it printed; on failure show it."""
    environment = {**os.environ, "PATH": path} if path else None
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout.strip()


def say(what: str) -> None:
    """Tell what goes on, on standard error."""
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
