"""Which settings a command works with, and whether the storage that they name answers.

Looked for in this order: the file that was named (``--settings`` or ``BATCHJSON_SETTINGS``), the environment, the local
cloud's ``.local/settings.json`` while it runs, ``local.settings.json``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import msgspec

from cli.errors import CommandFailed
from cli.text import shown
from shared.connections import Connection
from shared.errors import SettingsError
from shared.settings import STORAGE_NEEDS, Settings

LOCAL_CLOUD = Path(".local") / "settings.json"
LOCAL_SETTINGS = Path("local.settings.json")
_IN_ENVIRONMENT = ("STORAGE", "STORAGE__blobServiceUri")
_APP_ONLY = ("__credential", "__clientId")
"""An app's own identity. An operator opens the same endpoints by logging in."""
_PLATFORM = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_ANSWER_SECONDS = 3.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _SettingsFile(msgspec.Struct):
    values: dict[str, str] = msgspec.field(name="Values")
    encrypted: bool = msgspec.field(name="IsEncrypted", default=False)
    platform: dict[str, str] = msgspec.field(name="Platform", default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Settings, and where they come from.

    Parameters
    ----------
    platform
        What a local cloud without keys tells those who log in to it: where tokens are had, and whom to trust.
    """

    settings: Settings
    source: str
    platform: Mapping[str, str] = field(default_factory=dict, repr=False)


def find_settings(
    given: Path | None,
    environment: Mapping[str, str],
    folders: Iterable[Path],
    needs: AbstractSet[str] = STORAGE_NEEDS,
) -> Found:
    """Find the settings.

    Parameters
    ----------
    given
        The file that was named, or None.
    folders
        Where ``.local/`` and ``local.settings.json`` are looked for.
    needs
        The connections and settings that must be given.

    Raises
    ------
    CommandFailed
        When there are none.
    SettingsError
        When those found cannot be used; says where they come from.
    """
    if given:
        return _from_file(given, needs)
    if any(environment.get(name) for name in _IN_ENVIRONMENT):
        return _checked(environment, "the environment", needs)
    folders = list(dict.fromkeys(folder.resolve() for folder in folders))
    for folder in folders:
        found = _running_local_cloud(folder / LOCAL_CLOUD, needs)
        if found:
            return found
    for folder in folders:
        if (folder / LOCAL_SETTINGS).is_file():
            return _from_file(folder / LOCAL_SETTINGS, needs)
    raise CommandFailed(
        "There are no settings: the local cloud does not run, and no other settings were given.",
        fix="Start the local cloud, or name the settings of a deployment: --settings FILE.",
        next_command="make up",
    )


def _running_local_cloud(file: Path, needs: AbstractSet[str]) -> Found | None:
    if not file.is_file():
        return None
    found = _from_file(file, needs)
    # The file outlives a cloud that was killed.
    return found if answers(found.settings.connection("STORAGE")) else None


def _from_file(file: Path, needs: AbstractSet[str]) -> Found:
    name = shown(str(file))
    try:
        read = msgspec.json.decode(file.read_bytes(), type=_SettingsFile)
    except msgspec.MsgspecError as problem:
        raise SettingsError(f'{name} is no settings file, {{"Values": {{"NAME": "text", …}}}}: {problem}') from problem
    if read.encrypted:
        raise CommandFailed(
            f"{name} is encrypted.", fix="Decrypt it first.", next_command="func settings decrypt",
        )  # fmt: skip
    found = _checked({key: value for key, value in read.values.items() if not key.endswith(_APP_ONLY)}, name, needs)
    return replace(found, platform=_platform(read, found))


def _platform(read: _SettingsFile, found: Found) -> dict[str, str]:
    """Only for services on this machine: nothing that a file says may decide whom a deployment is trusted to be."""
    local = found.settings.connection("STORAGE").on_this_machine
    return {name: value for name, value in read.platform.items() if name in _PLATFORM} if local else {}


def _checked(values: Mapping[str, str], source: str, needs: AbstractSet[str]) -> Found:
    try:
        return Found(Settings.from_env(values, needs), source)
    except SettingsError as problem:
        raise SettingsError(f"{problem}\n(read from {source})") from problem


def answers(storage: Connection) -> bool:
    """Tell within seconds whether something listens where storage should be; its SDK would try for a minute."""
    host, port = _address(storage)
    if host not in _LOOPBACK and {"https", "http", "all"} & getproxies().keys():
        return True  # only the proxy can be reached from here: let the SDK try
    try:
        socket.create_connection((host, port), _ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def demand_answer(found: Found) -> None:
    """Make sure that storage answers.

    Raises
    ------
    CommandFailed
        When it does not; says what to do.
    """
    storage = found.settings.connection("STORAGE")
    if answers(storage):
        return
    host, port = _address(storage)
    local = host in _LOOPBACK
    raise CommandFailed(
        f"Storage does not answer at {host}:{port} (settings: {found.source}).",
        fix="Start the local cloud." if local else "Check that address, and this machine's network.",
        next_command="make up" if local else None,
    )


def _address(storage: Connection) -> tuple[str, int]:
    endpoint = storage.require("blobServiceUri" if storage.by_identity else "BlobEndpoint")
    parts = urlsplit(endpoint)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
