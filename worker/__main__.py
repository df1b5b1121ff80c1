"""The way in: ``python -m worker`` runs as a Batch task, ``python -m worker --file PATH --output DIR`` on a disk.

``python -m worker --check`` tells the version, and whether everything is there that a task needs.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from shared.rollup import RollUpTask
from shared.task import Limits, TaskParameters
from worker.exits import Exit, exit_code, told
from worker.limits import read_limits
from worker.logs import event, log, start_logging, where
from worker.spans import told_as_span

_CONTAINERS_UNTIL_COLLECTION = 100_000
"""Hardly anything here makes reference cycles; looking for them this seldom saves some hundredths of the time."""


def main(arguments: Sequence[str]) -> Exit:
    """Run one task or one file, and return the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    options = _parse(arguments)
    start_logging(options.run_id or os.environ.get("BATCHJSON_RUN_ID", ""))
    if options.check:
        return _guarded(_check)
    return _guarded(_task if options.file is None else lambda: _file(options))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument("--check", action="store_true", help="tell the version and whether all is there; no network")
    parser.add_argument("--file", type=Path, help="process this file instead of a Batch task's blob")
    parser.add_argument("--output", type=Path, help="the folder for report.json, errors.jsonl and outcome.json")
    parser.add_argument("--limits", default="{}", help="limits that differ from the defaults, as a JSON object")
    parser.add_argument("--run-id", help="default: derived from the file's content")
    parser.add_argument("--processes", type=_positive, help="how many work on the file; default: one a core")
    parser.add_argument("--progress", action="store_true", help="tell on stderr how many bytes have been read")
    options = parser.parse_args(arguments)
    if (options.file is None) != (options.output is None):
        parser.error("--file and --output go together")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _task() -> None:
    roll_up = RollUpTask.from_environment(os.environ)
    if roll_up:
        from worker.rollup import run_roll_up

        run_roll_up(roll_up, os.environ)
        return
    from worker.batch_task import run_task

    task = TaskParameters.from_environment(os.environ)
    with told_as_span(task, os.environ):
        run_task(task, os.environ)


def _check() -> None:
    from worker.health import check

    check()


def _file(options: argparse.Namespace) -> None:
    from worker.local_file import process_file, show

    limits: Limits = read_limits(options.limits)
    told = options.progress
    show(process_file(options.file, options.output, limits, options.run_id, options.processes, progress=told))


def _guarded(work: Callable[[], None]) -> Exit:
    """Do the work. Whatever goes wrong ends in one clear line and an exit code: nothing above this would tell."""
    try:
        work()
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - told, and passed on as the exit code
        code = exit_code(problem)
        log.error(
            "run.failed",
            extra={
                "fields": {
                    "exit_code": int(code),
                    "error": type(problem).__name__,
                    "message": told(problem),
                    "at": where(problem),
                }
            },
        )
        return code
    return Exit.RECORDED


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """Batch ends a task with SIGTERM, then kills it. As process 1 of a container we would ignore it by default."""
    event("run.terminated", exit_code=int(Exit.TERMINATED))
    sys.exit(Exit.TERMINATED)


def _leave(code: Exit) -> NoReturn:
    """End the process at once: Python would first tidy up memory that is gone with it, for 20 ms and more."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    gc.set_threshold(_CONTAINERS_UNTIL_COLLECTION)
    _leave(main(sys.argv[1:]))
