"""Log events with fixed names and fields, and the trace context that crosses the Batch hop."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from datetime import UTC, datetime

from shared.runs import RunId, attempt_id

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class KeyValueFormatter(logging.Formatter):
    """Writes ``2025-01-17T14:30:22.123Z INFO run.submitted run_id=…``: the event first, then its fields.

    Values with anything but plain characters are quoted as JSON strings, so that a hostile blob name can neither break
    a line nor forge a field.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write one record on one line (a traceback follows on lines of its own)."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6]
        fields = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        line = " ".join(
            [
                f"{moment}Z",
                record.levelname,
                _safe(record.getMessage()),
                *(f"{k}={_safe(v)}" for k, v in fields.items()),
            ]
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _safe(value: object) -> str:
    text = str(value)
    plain = text.isascii() and text.isprintable() and not set(text) & set('"= ')
    return text if plain else json.dumps(text)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send our log events to standard error; for processes that no host gives a log handler to."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    quieten_libraries()


def quieten_libraries() -> None:
    """Let libraries log warnings only: at level info they log addresses, with names of blobs or a webhook's token."""
    for noisy in ("azure", "httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def traceparent(run_id: RunId, attempt: int, step: str) -> str:
    """The W3C trace context of a step: the trace id is the run id, the span id follows from attempt and step.

    Both sides of a hop can so compute it without having talked to each other (W3C Trace Context, level 1).
    """
    span = hashlib.sha256(f"{attempt_id(run_id, attempt)}/{step}".encode()).hexdigest()[:16]
    return f"00-{run_id}-{span}-01"
