"""The files of the page, read once: ours, and those that the set-up installed, held against their checksums."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shared.errors import BatchJsonError

FOLDER = Path(__file__).parent / "static"
LIST = Path(__file__).parent / "vendor.json"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_PAGE = "index.html"


class PageIncomplete(BatchJsonError):
    """A file of the dashboard's page is missing."""

    permanent = True


class _Vendored(msgspec.Struct, frozen=True):
    package: str
    path: str
    licence: str
    sha256: str


_decoder = msgspec.json.Decoder(dict[str, _Vendored])


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, and its media type."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """Everything the page consists of. `version` changes with any of it, so that browsers may keep the rest forever."""

    page: str
    version: str
    files: dict[str, Asset]


def load_assets(folder: Path = FOLDER, wanted: Path = LIST) -> Assets:
    """Read all files.

    Raises
    ------
    PageIncomplete
        When one that the set-up installs is missing or is not what it should be.
    """
    _check_vendored(folder / "vendor", _decoder.decode(wanted.read_bytes()))
    files = {
        path.relative_to(folder).as_posix(): Asset(path.read_bytes(), TYPES[path.suffix])
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES
    }
    version = hashlib.sha256(b"\0".join(each.content for each in files.values())).hexdigest()[:12]
    return Assets((folder / _PAGE).read_text(encoding="utf-8"), version, files)


def _check_vendored(folder: Path, wanted: dict[str, _Vendored]) -> None:
    for name, file in wanted.items():
        path = folder / name
        if not path.exists():
            raise PageIncomplete(
                f"The dashboard's page is incomplete: {name} of the npm package {file.package} is {_FIX}"
            )
        if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
            raise PageIncomplete(f"The dashboard's page is not what it should be: {name} was changed. It is {_FIX}")


_FIX = "put in its place by `make setup`, which has to run before the function app is packaged (docs/dashboard.md)."
