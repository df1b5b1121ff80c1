"""The ports of the local cloud: the usual ones, or free ones."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from local.errors import PortsTaken
from local.serving import LOOPBACK

_FREE_RANGE = range(20_000, 32_000)
"""Below the range from which systems take ports for outgoing connections (32768 and up on Linux, 49152 on macOS)."""


class Ports(msgspec.Struct, frozen=True):
    """Where each part listens. The defaults are the usual ones of the emulators and of Core Tools."""

    blob: int = 10000
    queue: int = 10001
    table: int = 10002
    servicebus: int = 5672
    batch: int = 10003
    smtp: int = 1025
    mail: int = 8025
    webhooks: int = 8026
    functions: int = 7071
    identity: int = 10004
    acs: int = 8027

    def items(self) -> Iterator[tuple[str, int]]:
        """Yield name and port, in a fixed order."""
        yield from msgspec.structs.asdict(self).items()


PART_OF = {
    "blob": "storage, blobs",
    "queue": "storage, queues",
    "table": "storage, tables",
    "servicebus": "Service Bus",
    "batch": "Batch",
    "smtp": "mail, SMTP",
    "mail": "mail, page",
    "webhooks": "webhooks",
    "functions": "Functions host",
    "identity": "identity endpoint",
    "acs": "mail, with tokens",
}
WITHOUT_KEYS = frozenset({"identity", "acs"})
"""Those that are listened on when the local cloud runs without keys only."""


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
    return True


def check_free(ports: Ports, *, keyless: bool = False) -> None:
    """Make sure that nobody listens on the ports that will be used.

    Raises
    ------
    PortsTaken
        When somebody does; the message names each port, its part and what to do.
    """
    used = ((name, port) for name, port in ports.items() if keyless or name not in WITHOUT_KEYS)
    taken = [(PART_OF[name], port) for name, port in used if not is_free(port)]
    if taken:
        raise PortsTaken(taken)


def free_ports(remembered: Path) -> Ports:
    """Find free ports. Those of the last run are taken again when they are free: addresses in the state stay true.

    Parameters
    ----------
    remembered
        File that keeps them from one run to the next.
    """
    ports = _read(remembered)
    if ports is None or not all(is_free(port) for _, port in ports.items()):
        ports = Ports(*_pick(len(Ports.__struct_fields__)))
    remembered.write_bytes(msgspec.json.encode(ports))
    return ports


def _read(remembered: Path) -> Ports | None:
    if not remembered.exists():
        return None
    try:
        return msgspec.json.decode(remembered.read_bytes(), type=Ports)
    except msgspec.MsgspecError:
        return None


def _pick(count: int) -> list[int]:
    candidates = random.SystemRandom().sample(_FREE_RANGE, len(_FREE_RANGE))
    free = (port for port in candidates if is_free(port))
    return [next(free) for _ in range(count)]
