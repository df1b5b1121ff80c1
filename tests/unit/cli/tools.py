"""Stand-ins for other people's programs: small scripts first on the path, that write down how they were called."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

_SCRIPT = """#!{python}
import json, os, sys
call = {{"argv": [{name!r}, *sys.argv[1:]], "folder": os.getcwd(), "environment": dict(os.environ)}}
with open({journal!r}, "a") as journal:
    journal.write(json.dumps(call) + "\\n")
{body}
"""


class Tools:
    """The programs, and what they were called with."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._journal = folder / "calls"
        patch.setenv("PATH", str(folder))

    def add(self, name: str, body: str = "") -> None:
        """Install a program that runs this Python."""
        script = self._folder / name
        script.write_text(_SCRIPT.format(python=sys.executable, journal=str(self._journal), name=name, body=body))
        script.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """Each call's program and arguments, in order."""
        return [each["argv"] for each in self._entries()]

    @property
    def environments(self) -> list[dict[str, str]]:
        """Each call's environment."""
        return [each["environment"] for each in self._entries()]

    @property
    def folders(self) -> list[Path]:
        """Where each was called."""
        return [Path(each["folder"]) for each in self._entries()]

    def _entries(self) -> list[dict[str, Any]]:
        if not self._journal.exists():
            return []
        return [json.loads(line) for line in self._journal.read_text().splitlines()]


def option(call: list[str], name: str) -> str:
    """The value of an option."""
    return call[call.index(name) + 1]
