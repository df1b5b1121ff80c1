"""Copies what the dashboard's page is made with out of npm's folder, each file held against its checksum.

Part of the set-up (standard library only). Which files, and their checksums, stands in dashboard/vendor.json; the
dashboard checks the same list before it serves (docs/adr/0023).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "local" / "page" / "node_modules"
LIST = ROOT / "dashboard" / "vendor.json"
TARGET = ROOT / "dashboard" / "static" / "vendor"


def main() -> int:
    """Copy, or say in one line why not."""
    try:
        copy_vendored()
    except WrongContent as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


class WrongContent(Exception):
    """A file of a package is not what it was when it was chosen."""


def copy_vendored(packages: Path = PACKAGES, target: Path = TARGET, wanted: Path = LIST) -> None:
    """Copy each listed file; what is not listed any more goes.

    Raises
    ------
    WrongContent
        When a file is missing in its package, or has another checksum.
    """
    files = json.loads(wanted.read_text(encoding="utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        content = _checked(packages / file["package"] / file["path"], file["sha256"])
        if not (target / name).exists() or (target / name).read_bytes() != content:
            (target / name).write_bytes(content)
    for path in target.iterdir():
        if path.name not in files:
            path.unlink()


def _checked(source: Path, checksum: str) -> bytes:
    if not source.exists():
        raise WrongContent(f"{source} is missing: remove {PACKAGES} and run `make setup` again.")
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != checksum:
        raise WrongContent(f"{source} has another checksum than dashboard/vendor.json says.")
    return content


if __name__ == "__main__":
    sys.exit(main())
