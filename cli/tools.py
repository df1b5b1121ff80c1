"""Other people's programs that a command runs: the Azure CLI, and what builds images."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.errors import CommandFailed
from cli.text import shown

_END_OF_OUTPUT = 2_000
_STDERR = 2


def find_tool(*names: str, fix: str) -> str:
    """The first of these programs that is installed.

    Raises
    ------
    CommandFailed
        When none is; `fix` says what to do.
    """
    for name in names:
        if shutil.which(name):
            return name
    raise CommandFailed(f"{' or '.join(names)} is not installed.", fix=fix)


def run_tool(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    fix: str = "",
    shown_live: bool = False,
) -> str:
    """Run a program, let its messages through on stderr, and return what it printed.

    Parameters
    ----------
    shown_live
        Let what it prints through to stderr as well, instead of returning it: a build that takes minutes.

    Raises
    ------
    CommandFailed
        When it fails; names the command, so that a person can run it.
    """
    found = shutil.which(command[0])  # az is a script with a suffix on Windows
    done = subprocess.run(
        [found or command[0], *command[1:]],
        cwd=folder,
        env=environment,
        stdout=_STDERR if shown_live else subprocess.PIPE,
        text=True,
        check=False,
    )
    printed = (done.stdout or "").strip()
    if done.returncode:
        said = f"\n{shown(printed[-_END_OF_OUTPUT:])}" if printed else ""
        raise CommandFailed(
            f"{command[0]} failed with exit code {done.returncode}.{said}",
            fix=fix or "Its messages stand above. Once that is put right, run this again.",
            next_command=shlex.join(command),
        )
    return printed
