"""What the small servers of the local cloud have in common: their socket, their start, their end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from local.tls import ServerFiles
from shared.errors import BatchJsonError

LOOPBACK = "127.0.0.1"
OWN_NAMES_ONLY = Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"], www_redirect=False)
"""Refuses other host names: a page elsewhere cannot rebind its own to this machine and read what is here."""
_LONGEST_END = 5


class PortInUse(BatchJsonError):
    """Another program listens on the port."""

    permanent = True

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} is in use.")
        self.port = port


class Server(uvicorn.Server):
    """uvicorn, that says when it is ready and leaves the signals to its caller."""

    def __init__(self, app: ASGIApp, tls: ServerFiles | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=_LONGEST_END,
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=tls.key if tls else None,
            )
        )
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def listen(port: int) -> socket.socket:
    """Listen on a port of the loopback interface; 0 takes a free one.

    Raises
    ------
    PortInUse
        When another program listens there.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as problem:
        listening.close()
        raise PortInUse(port) from problem
    return listening


def address(listening: socket.socket, scheme: str = "http") -> str:
    """Return the address at which a socket listens."""
    return f"{scheme}://{LOOPBACK}:{listening.getsockname()[1]}"


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and Ctrl-C set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def serve(app: ASGIApp, listening: socket.socket, stop: asyncio.Event, tls: ServerFiles | None = None) -> None:
    """Serve until told to stop, over TLS where there is a certificate; print where, once it answers."""
    server = Server(app, tls)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await server.ready.wait()
    print(f"listening on {address(listening, 'https' if tls else 'http')}", flush=True)
    await stop.wait()
    server.should_exit = True
    await serving
