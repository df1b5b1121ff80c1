"""host.json: what this host honours of it, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from local.host.errors import AppRefused
from local.host.timespan import parse_timespan

HONOURED = frozenset(
    {
        "version",
        "id",
        "functionTimeout",
        "logging.logLevel",
        "extensions.http.routePrefix",
        "extensions.blobs.maxDegreeOfParallelism",
        "extensions.blobs.poisonBlobThreshold",
        "extensions.blobs.maxDequeueCount",
        "extensions.queues.maxDequeueCount",
        "extensions.serviceBus.maxConcurrentCalls",
        "extensions.serviceBus.autoCompleteMessages",
        "extensions.serviceBus.autoComplete",
        "extensions.serviceBus.maxAutoLockRenewalDuration",
        "extensions.serviceBus.maxMessageBatchSize",
    }
)


@dataclass(frozen=True, slots=True)
class HostConfig:
    """host.json, with the defaults of the Functions host.

    Parameters
    ----------
    function_timeout
        An invocation that takes longer has failed.
    blob_tries
        After so many failures a blob is poison.
    lock_renewal
        For how long the lock of a Service Bus message is renewed.
    """

    host_id: str = ""
    function_timeout: timedelta = timedelta(minutes=30)
    route_prefix: str = "api"
    blob_parallelism: int = 8
    blob_tries: int = 5
    bus_calls: int = 16
    bus_batch: int = 1000
    bus_auto_complete: bool = True
    lock_renewal: timedelta = timedelta(minutes=5)
    log_levels: dict[str, str] = field(default_factory=dict)


_DEFAULTS = HostConfig()


def read_host_json(path: Path) -> tuple[HostConfig, list[str]]:
    """Read host.json; return what is honoured, and the names of what is not.

    Raises
    ------
    AppRefused
        When the file is missing, is not of version 2.0, or holds a value of the wrong kind.
    """
    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as problem:
        raise AppRefused(f"{path} cannot be read: {problem}") from problem
    if document.get("version") != "2.0":
        raise AppRefused(f'{path} must say "version": "2.0".')
    ignored = sorted(name for name in _leaves(document) if name not in HONOURED)
    return _configure(_Reader(document)), ignored


def _leaves(document: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name not in HONOURED and any(known.startswith(f"{name}.") for known in HONOURED):
            yield from _leaves(value, f"{name}.")
        else:
            yield name


_T = TypeVar("_T")


class _Reader:
    """Reads fields of a document by their dotted name."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def get(self, name: str, kind: type[_T], default: _T) -> _T:
        """Return a field, or the default when it is absent."""
        found: Any = self._document
        for key in name.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if found is None:
            return default
        try:
            return msgspec.convert(found, kind)
        except msgspec.ValidationError as problem:
            raise AppRefused(f"host.json: {name}: {problem}") from problem

    def span(self, name: str, default: timedelta) -> timedelta:
        """Return a field that is a time span; -1 means for ever."""
        text = self.get(name, str, "")
        if text == "-1":
            return timedelta.max
        return parse_timespan(text) if text else default


def _configure(read: _Reader) -> HostConfig:
    bus = "extensions.serviceBus"
    tries = read.get("extensions.queues.maxDequeueCount", int, _DEFAULTS.blob_tries)
    tries = read.get("extensions.blobs.maxDequeueCount", int, tries)
    return HostConfig(
        host_id=read.get("id", str, ""),
        function_timeout=read.span("functionTimeout", _DEFAULTS.function_timeout),
        route_prefix=read.get("extensions.http.routePrefix", str, _DEFAULTS.route_prefix).strip("/"),
        blob_parallelism=read.get("extensions.blobs.maxDegreeOfParallelism", int, _DEFAULTS.blob_parallelism),
        blob_tries=read.get("extensions.blobs.poisonBlobThreshold", int, tries),
        bus_calls=read.get(f"{bus}.maxConcurrentCalls", int, _DEFAULTS.bus_calls),
        bus_batch=read.get(f"{bus}.maxMessageBatchSize", int, _DEFAULTS.bus_batch),
        bus_auto_complete=read.get(
            f"{bus}.autoCompleteMessages", bool, read.get(f"{bus}.autoComplete", bool, _DEFAULTS.bus_auto_complete)
        ),
        lock_renewal=read.span(f"{bus}.maxAutoLockRenewalDuration", _DEFAULTS.lock_renewal),
        log_levels=read.get("logging.logLevel", dict[str, str], {}),
    )
