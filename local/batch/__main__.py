"""Run the local Batch: ``python -m local.batch --port 10003 --state DIR --pools FILE.json``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from local.batch.app import make_app
from local.batch.config import ACCOUNT_KEY, ACCOUNT_NAME, ConfigError, Settings, load_pools
from local.batch.database import Database
from local.batch.processes import StillAlive
from local.batch.server import Batch, assemble
from local.identity.access import add_options, read_options

_IDLE_SECONDS = 75
"""How long an idle connection is kept: longer than clients usually pause, so that few meet one just being closed."""
_FAREWELL_SECONDS = 3
"""How long open connections may take to finish when the server stops."""


class _Server(uvicorn.Server):
    """uvicorn, which says where it listens, and leaves signals to us: its own way ends the process with the signal."""

    def __init__(self, config: uvicorn.Config, endpoint: str) -> None:
        super().__init__(config)
        self._endpoint = endpoint

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, and say so."""
        await super().startup(sockets)
        print(f"listening on {self._endpoint}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = read_arguments(arguments)
        with contextlib.closing(listen(settings.host, settings.port)) as listener:
            database = Database(settings.state)
            with contextlib.closing(database):
                asyncio.run(serve(settings, database, listener))
    except (ConfigError, StillAlive) as problem:
        print(f"local Batch: {problem}", file=sys.stderr)
        return 1
    return 0


def read_arguments(arguments: list[str] | None) -> Settings:
    """Read the command line and the pools file.

    Raises
    ------
    ConfigError
        When the pools file cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m local.batch", description="The local Azure Batch.")
    parser.add_argument("--port", type=int, default=10003, help="0 takes a free port (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    parser.add_argument("--state", type=Path, required=True, help="directory of the database and the tasks' files")
    parser.add_argument("--pools", type=Path, required=True, help="JSON file that describes the pools")
    parser.add_argument("--account-name", default=ACCOUNT_NAME, help="(default: %(default)s)")
    parser.add_argument("--account-key", default=ACCOUNT_KEY, help="base64 (default: the well-known key)")
    parser.add_argument("--active-job-quota", type=int, default=100, help="(default: %(default)s)")
    add_options(parser)
    given = parser.parse_args(arguments)
    return Settings(
        state=given.state.resolve(),
        pools=load_pools(given.pools),
        host=given.host,
        port=given.port,
        account_name=given.account_name,
        account_key=given.account_key,
        active_job_quota=given.active_job_quota,
        access=read_options(parser, given),
    )


def listen(host: str, port: int) -> socket.socket:
    """Take the port.

    Raises
    ------
    ConfigError
        When another program has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, each answer takes 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as problem:
        listener.close()
        raise ConfigError(f"Cannot listen on {host}:{port}: {problem.strerror}.") from problem
    return listener


async def serve(settings: Settings, database: Database, listener: socket.socket) -> None:
    """Serve until a signal comes; then end all that runs."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    access = settings.access
    endpoint = f"{'https' if access else 'http'}://{host}:{listener.getsockname()[1]}"
    batch = assemble(settings, database, endpoint)
    batch.scheduler.recover()
    config = uvicorn.Config(
        make_app(batch),
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_FAREWELL_SECONDS,
        ssl_certfile=access.certificate if access else None,
        ssl_keyfile=access.key if access else None,
    )
    server = _Server(config, endpoint)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _ask_to_exit, server)
    await _serve_with_loops(server, batch, listener)


def _ask_to_exit(server: uvicorn.Server) -> None:
    server.should_exit = True


async def _serve_with_loops(server: uvicorn.Server, batch: Batch, listener: socket.socket) -> None:
    """A loop that fails takes the server down with it: better than one that goes on without starting tasks."""
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(batch.scheduler.run()), group.create_task(batch.keep_house())]
        await server.serve(sockets=[listener])
        await batch.stop()
        for loop in loops:
            loop.cancel()


if __name__ == "__main__":
    sys.exit(main())
