"""The cloud on one machine: ``python -m local up``, ``down``, ``status``."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from local.cloud import HostChoice, start
from local.errors import CloudFailed
from local.layout import Layout, RunLock
from local.processes import ROOT, keep_previous
from local.record import CloudRecord, bring_down, read_record, write_record
from local.status import as_json, hint, show
from shared.errors import BatchJsonError

_DETACH_SECONDS = 90.0
_STEP = 0.05
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Told(BaseException):
    """Someone told us to end, while the cloud was starting."""


def main() -> int:
    """Run a command; return 0 when it did what it was to do."""
    arguments = _parser().parse_args()
    try:
        match arguments.command:
            case "up":
                return _detach(arguments) if arguments.detach else _up(arguments)
            case "down":
                return _down(arguments)
            case _:
                return _status(arguments)
    except BatchJsonError as problem:
        print(problem, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and stay until Ctrl-C")
    up.add_argument("--ports", choices=["default", "free"], default="default", help="the usual ports, or any free ones")
    up.add_argument("--func", action="store_true", help="run Azure Functions Core Tools instead of our host")
    up.add_argument("--identity", action="store_true", help="without any key: TLS, and tokens of managed identities")
    up.add_argument("--no-host", action="store_true", help="start no Functions host")
    up.add_argument("--detach", action="store_true", help="return once everything is ready")
    down = commands.add_parser("down", help="end it")
    status = commands.add_parser("status", help="show what runs")
    for command in (up, down, status):
        command.add_argument("--state", type=Path, default=ROOT / ".local", help="folder of the state and the logs")
    for command in (up, status):
        command.add_argument("--json", action="store_true", help="write one JSON document to standard output")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    ended = threading.Event()
    starting = True

    def end(_number: int, _frame: FrameType | None) -> None:
        first = not ended.is_set()
        ended.set()
        if starting and first:
            raise Told

    for number in _ENDINGS:
        signal.signal(number, end)
    _say("starting the local cloud …")
    try:
        with start(arguments.state, arguments.ports, _host(arguments), identity=arguments.identity) as cloud:
            starting = False
            record = write_record(cloud)
            _announce(arguments, record, cloud.layout, detached=False)
            cloud.watch(ended.is_set)
            _say("ending the local cloud …")
    except Told:
        _say("ended before it was up")
        return 130
    _say("ended")
    return 0


def _host(arguments: argparse.Namespace) -> HostChoice:
    if arguments.no_host:
        return "none"
    if arguments.func and arguments.identity:
        raise CloudFailed("Core Tools were never tried without keys: leave --func or --identity out.")
    return "func" if arguments.func else "local"


def _detach(arguments: argparse.Namespace) -> int:
    """Start another process that stays, and wait until its cloud is ready."""
    layout = Layout(arguments.state.resolve())
    layout.make()
    log = layout.log_of("cloud")
    if not RunLock(layout).is_held():
        keep_previous(log)
    options = [f"--ports={arguments.ports}", f"--state={layout.root}"]
    flags = {"--func": arguments.func, "--no-host": arguments.no_host, "--identity": arguments.identity}
    options += [flag for flag, given in flags.items() if given]
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "local", "up", *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record = _await_record(supervisor, layout, log)
    _announce(arguments, record, layout, detached=True)
    return 0


def _await_record(supervisor: subprocess.Popen[bytes], layout: Layout, log: Path) -> CloudRecord:
    deadline = time.monotonic() + _DETACH_SECONDS
    while time.monotonic() < deadline:
        record = read_record(layout)
        if record is not None and record.supervisor == supervisor.pid:
            return record
        if supervisor.poll() is not None:
            raise CloudFailed(_without_progress(log.read_text(encoding="utf-8", errors="replace")))
        time.sleep(_STEP)
    supervisor.terminate()
    raise CloudFailed(f"The local cloud was not ready within {_DETACH_SECONDS:.0f} s; see {log}.")


def _without_progress(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("… ")).strip()


def _announce(arguments: argparse.Namespace, record: CloudRecord, layout: Layout, *, detached: bool) -> None:
    if arguments.json:
        print(as_json(record), flush=True)
        return
    show(record, Console(soft_wrap=False))
    print(hint(record, layout, detached=detached), flush=True)


def _down(arguments: argparse.Namespace) -> int:
    was_running = bring_down(Layout(arguments.state.resolve()))
    _say("ended" if was_running else "no local cloud runs here")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    layout = Layout(arguments.state.resolve())
    record = read_record(layout)
    if arguments.json:
        print(as_json(record))
    elif record is None:
        _say("no local cloud runs here; start one with `make up`")
    else:
        show(record, Console())
    return 0 if record is not None else 1


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
