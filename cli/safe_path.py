"""A hostile blob name → the name of a folder that stays where it belongs, on every system."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from cli.errors import CommandFailed
from cli.text import shown

_MOST_BYTES = 100
"""Bytes of a name in UTF-8. File systems allow 255 for one name; Windows 260 for a whole path."""
_UNSAFE = re.compile(r"[^\w.,+=@-]+")
_AT_NO_END = "._- "
"""Hidden files and options begin with them; Windows drops dots and blanks at the end."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)", re.IGNORECASE)
"""Device names that Windows sees in any folder, with any suffix (Naming Files, Paths, and Namespaces)."""


def safe_name(name: str, unique: str = "") -> str:
    """Make one path component of a name: no separators, no control characters, no dots at the ends, not too long.

    Parameters
    ----------
    unique
        What keeps the names of two blobs apart that would become one (``a/b`` and ``a_b``, ``A`` and ``a`` on systems
        that ignore case, names that are cut); it stands at the end.
    """
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", _without_surrogates(name))).strip(_AT_NO_END)
    if _RESERVED.fullmatch(plain.partition(".")[0]):
        plain = f"blob-{plain}"
    ending = f"-{unique}" if unique else ""
    return (_cut(plain, _MOST_BYTES - len(ending)).rstrip(_AT_NO_END) or "unnamed") + ending


def _without_surrogates(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")


def folder_within(base: Path, name: str, unique: str = "") -> Path:
    """The folder for a name, inside `base`; made when it is not there.

    Raises
    ------
    CommandFailed
        When a link that stands there already leads out of `base`.
    """
    folder = base / safe_name(name, unique)
    base.mkdir(parents=True, exist_ok=True)
    if not folder.resolve().is_relative_to(base.resolve()):
        raise CommandFailed(
            f"{shown(str(folder))} leads out of {shown(str(base))}.",
            fix="Remove that link, or choose another --output.",
        )
    folder.mkdir(exist_ok=True)
    return folder
