"""Where the local cloud keeps things, below one folder (``.local``)."""

from __future__ import annotations

import fcntl
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local.errors import AlreadyRunning
from local.processes import ROOT


@dataclass(frozen=True, slots=True)
class Layout:
    """The files and folders of one local cloud."""

    root: Path

    @property
    def settings(self) -> Path:
        """Settings of this run, in the form of local.settings.json."""
        return self.root / "settings.json"

    @property
    def pools(self) -> Path:
        """Pools of the local Batch."""
        return self.root / "pools.json"

    @property
    def ports(self) -> Path:
        """Free ports, kept from one run to the next."""
        return self.root / "ports.json"

    @property
    def record(self) -> Path:
        """What runs, for `status` and `down`."""
        return self.root / "cloud.json"

    @property
    def logs(self) -> Path:
        """A log for each part."""
        return self.root / "logs"

    def log_of(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    def state_of(self, part: str) -> Path:
        """The folder in which one part keeps what survives a restart."""
        return self.root / part

    def make(self) -> None:
        """Create the folders."""
        self.logs.mkdir(parents=True, exist_ok=True)


def command(verb: str, root: Path) -> str:
    """The command that does something with the cloud of a state folder, to be typed at the project's root."""
    usual = root.resolve() == (ROOT / ".local").resolve()
    return f"python -m local {verb}" + ("" if usual else f" --state {shlex.quote(str(root))}")


class RunLock:
    """Held while a local cloud runs on a folder; the system gives it back when its process ends, in whatever way."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.root / "lock"
        self._file: IO[bytes] | None = None

    def take(self) -> None:
        """Take the lock.

        Raises
        ------
        AlreadyRunning
            When another process holds it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            file.close()
            root = self._path.parent
            raise AlreadyRunning(
                f"A local cloud runs on {root} already: see it with `{command('status', root)}`, "
                f"end it with `{command('down', root)}`."
            ) from problem
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def is_held(self) -> bool:
        """Tell whether a local cloud runs on the folder."""
        if not self._path.exists():
            return False
        with self._path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False
