"""The host's log: one line an event, on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from local.host.invoke import current_function

_NOISY = ("azure", "uvicorn", "httpx", "httpcore", "msal")
_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))} | {9: "\t", 10: "\\n", 13: "\\r"}
"""Names of blobs reach the log: they are not to end a line or to move a terminal's cursor."""


class LineFormatter(logging.Formatter):
    """Writes time, level, function, message and the fields given as `extra`; a traceback stays as it is."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        function = f"[{current_function.get()}] " if current_function.get() and record.name != "host" else ""
        fields = "".join(f" {name}={value}" for name, value in vars(record).items() if name not in _STANDARD)
        line = f"[{moment}] {level}{function}{record.getMessage()}{fields}".translate(_CONTROL)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up_logging(levels: Mapping[str, str]) -> None:
    """Send all records to standard error.

    Parameters
    ----------
    levels
        `logging.logLevel` of host.json: `default`, `Function` (user code) and `Host…` count here.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    wanted = {category.lower(): _LEVELS.get(level.lower(), logging.INFO) for category, level in levels.items()}
    default = wanted.get("default", logging.INFO)
    logging.basicConfig(level=wanted.get("function", default), handlers=[handler], force=True)
    logging.getLogger("host").setLevel(wanted.get("host", default))
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
