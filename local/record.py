"""What `status` and `down` know of a running cloud: a record that `up` writes once all is ready."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime

import msgspec

from local.cloud import Cloud
from local.errors import CloudFailed
from local.layout import Layout, RunLock
from shared.clock import utcnow

_DOWN_SECONDS = 40.0
_STEP = 0.05


class PartRecord(msgspec.Struct, frozen=True):
    """One part.

    Parameters
    ----------
    seconds
        How long it took to be ready.
    """

    name: str
    title: str
    address: str
    pid: int
    seconds: float

    @property
    def state(self) -> str:
        """`running`, or `ended` when its process is gone."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return "ended"
        except PermissionError:
            return "running"
        return "running"


class CloudRecord(msgspec.Struct, frozen=True):
    """A running cloud."""

    supervisor: int
    started_at: datetime
    settings: str
    parts: list[PartRecord]
    addresses: dict[str, str]


def write_record(cloud: Cloud) -> CloudRecord:
    """Write down what runs."""
    record = CloudRecord(
        os.getpid(),
        utcnow(),
        str(cloud.layout.settings),
        [
            PartRecord(name, part.spec.title, part.spec.address, part.pid or 0, round(part.seconds or 0.0, 2))
            for name, part in cloud.parts.items()
        ],
        cloud.addresses,
    )
    partial = cloud.layout.record.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(record))
    partial.replace(cloud.layout.record)
    return record


def read_record(layout: Layout) -> CloudRecord | None:
    """Return what runs on a folder, or None when nothing does."""
    if not RunLock(layout).is_held() or not layout.record.exists():
        return None
    return msgspec.json.decode(layout.record.read_bytes(), type=CloudRecord)


def bring_down(layout: Layout) -> bool:
    """End the cloud that runs on a folder; return whether there was one.

    Raises
    ------
    CloudFailed
        When it does not end, or was started by a program of which nothing is known.
    """
    lock = RunLock(layout)
    if not lock.is_held():
        return False
    record = read_record(layout)
    if record is None:
        raise CloudFailed(f"The local cloud on {layout.root} is starting, or belongs to a test: end that program.")
    os.kill(record.supervisor, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while lock.is_held():
        if time.monotonic() > deadline:
            raise CloudFailed(f"The local cloud (process {record.supervisor}) did not end in {_DOWN_SECONDS:.0f} s.")
        time.sleep(_STEP)
    return True
