"""The settings of one run: those of local.settings.sample.json, with the addresses of this run put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from local.errors import CloudFailed
from local.ports import Ports
from local.processes import ROOT
from local.storage import connection_string

SAMPLE = ROOT / "local.settings.sample.json"
_ADDRESS = re.compile(r"\b127\.0\.0\.1:(\d+)")
_EMULATOR = "UseDevelopmentStorage=true"


def settings_for(ports: Ports, sample: Path = SAMPLE) -> dict[str, str]:
    """Return the settings of a run on these ports.

    Raises
    ------
    CloudFailed
        When the sample cannot be read.
    """
    try:
        values = msgspec.json.decode(sample.read_bytes(), type=_Sample).values
    except (OSError, msgspec.MsgspecError) as problem:
        raise CloudFailed(f"{sample} cannot be read: {problem}") from problem
    return {name: _with_ports(value, ports) for name, value in values.items()}


class _Sample(msgspec.Struct, rename="pascal"):
    values: dict[str, str]


def _with_ports(value: str, ports: Ports) -> str:
    usual = Ports()
    if value == _EMULATOR:
        same = (ports.blob, ports.queue, ports.table) == (usual.blob, usual.queue, usual.table)
        return value if same else connection_string(ports)
    moved = {str(port): str(getattr(ports, name)) for name, port in usual.items()}
    return _ADDRESS.sub(lambda found: f"127.0.0.1:{moved.get(found.group(1), found.group(1))}", value)


def settings_file(values: Mapping[str, str], **more: Any) -> bytes:
    """Write settings in the form of local.settings.json."""
    document = {"IsEncrypted": False, **more, "Values": dict(values)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def pool(settings: Mapping[str, str], worker: list[str], node: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Describe the pool of this machine: one node of two slots, in which the worker's image stands for `worker`.

    Parameters
    ----------
    node
        What the environment of each task holds besides.
    """
    return {
        "id": settings["BATCH_POOL_ID"],
        "vmSize": "standard_d2s_v5",
        "nodes": 1,
        "taskSlotsPerNode": 2,
        "containers": {settings["WORKER_IMAGE"]: worker},
        "environment": {"PYTHONPATH": str(ROOT), **(node or {})},
    }
