"""Runs the broker: `python -m local.servicebus --config FILE --state DIR`."""

import argparse
import asyncio
import errno
import logging
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from local.identity.access import TokenAccess, add_options, read_options
from local.servicebus.broker import Broker
from local.servicebus.clock import system_clock
from local.servicebus.config import ConfigError, NamespaceConfig, load_config
from local.servicebus.connection import Connection
from local.servicebus.entities.namespace import Namespace
from local.servicebus.store import Store, StoreError

log = logging.getLogger("local.servicebus")

_PLAIN = frozenset(vars(logging.makeLogRecord({})))


class _Lines(logging.Formatter):
    """An event and its fields in one line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={value!r}" for name, value in vars(record).items() if name not in _PLAIN]
        line = " ".join([self.formatTime(record), record.levelname, record.getMessage(), *fields])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _ListenError(Exception):
    """The broker cannot listen."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        reason = f"cannot listen on port {port} of {host}: {error}"
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} of {host} is in use; stop what uses it or choose another --port"
        super().__init__(reason)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until the process is told to stop; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    access = read_options(parser, options)
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    logging.basicConfig(level=options.log_level, handlers=[handler])
    try:
        config = load_config(options.config)
        with Store(options.state) as store:
            asyncio.run(_serve(options, config, store, access))
    except (ConfigError, StoreError, _ListenError) as exc:
        return _refuse(str(exc))
    except sqlite3.Error as exc:
        return _refuse(f"the state in {options.state} can no longer be written: {exc}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.servicebus", description="A Service Bus for one machine.")
    parser.add_argument("--config", type=Path, required=True, help="entities, as in the emulator's Config.json")
    parser.add_argument("--state", type=Path, required=True, help="folder for what must survive a restart")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=5672, help="0 takes a free port (default %(default)s)")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    add_options(parser)
    return parser


async def _serve(
    options: argparse.Namespace, config: NamespaceConfig, store: Store, access: TokenAccess | None
) -> None:
    namespace = Namespace(config, system_clock, store)
    unknown = store.load(namespace)
    if unknown:
        log.warning("state.unconfigured_entities", extra={"entities": unknown})
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    broker = Broker(namespace, store, system_clock, access=access)
    try:
        port = await broker.start(Connection, options.host, options.port)
    except OSError as exc:
        raise _ListenError(options.host, options.port, exc) from exc
    sys.stdout.write(f"listening on {'amqps' if access else 'amqp'}://{options.host}:{port}\n")
    sys.stdout.flush()
    try:
        await broker.wait(stopped)
    finally:
        await broker.stop()


def _refuse(reason: str) -> int:
    sys.stderr.write(f"local Service Bus: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
