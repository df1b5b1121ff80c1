"""Log lines: ``key=value``, one event a line, on stderr. Never content of a file, a blob name or a secret."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

log = logging.getLogger("worker")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/+-")
_FRAMES = 4


def start_logging(run_id: str) -> None:
    """Send this process's log lines to stderr, each with the run id."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter(run_id))
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def event(name: str, **fields: object) -> None:
    """Log an event at level info; a field that is None is left out."""
    log.info(name, extra={"fields": fields})


class KeyValueFormatter(logging.Formatter):
    """Renders the event, the run id, and what the call gives as ``extra={"fields": {…}}``."""

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        """Render one record as one line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "run_id": self._run_id,
            **getattr(record, "fields", {}),
        }
        return " ".join(f"{key}={_quoted(str(value))}" for key, value in line.items() if value is not None)


def where(problem: BaseException) -> str:
    """The places in the code that an exception came through. Its text is left out: it may quote the file."""
    frames = traceback.extract_tb(problem.__traceback__)[-_FRAMES:]
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))


def _quoted(value: str) -> str:
    return value if value and _PLAIN.issuperset(value) else json.dumps(value)
