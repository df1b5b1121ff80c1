"""Run a function app without Core Tools: ``python -m local.host --app . --settings .local/settings.json``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
import traceback
from pathlib import Path

from local.host.errors import AppRefused
from local.host.functions import Function, load_functions
from local.host.host import Host, Options
from local.host.hostjson import HostConfig, read_host_json
from local.host.listing import listing
from local.host.logs import set_up_logging
from local.host.settings import load_values
from local.serving import PortInUse, listen, stop_on_signals
from shared.errors import SettingsError

log = logging.getLogger("host")


def main() -> int:
    """Run until SIGTERM or Ctrl-C; return 1 when the app cannot be run."""
    arguments = _parser().parse_args()
    root = arguments.app.resolve()
    try:
        config = _prepare(root, arguments.settings, arguments.port)
        functions = load_functions(root, os.environ)
        options = Options(root, arguments.state, arguments.port, arguments.scan_interval, arguments.retry_wait)
        host = Host(functions, config, options)
        listening = listen(arguments.port)
    except (AppRefused, SettingsError, PortInUse) as problem:
        print(f"The function app cannot be run: {problem}", file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - the app's own error at import; in Azure it would be no functions and no message
        print("The function app cannot be imported:", file=sys.stderr)
        traceback.print_exc()
        return 1
    _announce(functions, listening.getsockname()[1], config)
    asyncio.run(_run(host, listening))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="folder of function_app.py and host.json")
    parser.add_argument("--settings", type=Path, required=True, help="file in the form of local.settings.json")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="folder for the timers' status")
    parser.add_argument("--scan-interval", type=float, default=1.0, help="seconds between two scans of a container")
    parser.add_argument("--retry-wait", type=float, default=0.25, help="seconds before the second try on a blob")
    return parser


def _prepare(root: Path, settings: Path, port: int) -> HostConfig:
    """Put the settings into the environment, before the app is imported. The file wins over what is there."""
    os.environ.update(load_values(settings))
    os.environ["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
    os.environ.setdefault("WEBSITE_HOSTNAME", f"localhost:{port}")
    config, ignored = read_host_json(root / "host.json")
    set_up_logging(config.log_levels)
    if ignored:
        log.info("host.json: not honoured here: %s", ", ".join(ignored))
    return config


def _announce(functions: list[Function], port: int, config: HostConfig) -> None:
    for line in listing(functions, port, config.route_prefix):
        print(line)
    sys.stdout.flush()
    for function in functions:
        if function.retry:
            log.warning("The retry policy of %s is not honoured here", function.name)


async def _run(host: Host, listening: socket.socket) -> None:
    if await host.run(listening, stop_on_signals()):
        # Python would wait for the threads of the abandoned calls.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
