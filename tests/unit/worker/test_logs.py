"""Log lines and exit codes."""

from __future__ import annotations

import errno
import logging
import os
import shlex

import pytest

from shared.errors import (
    AccessDenied,
    BlobGone,
    InvalidDocument,
    QuotaReached,
    RequestRefused,
    ServiceUnavailable,
    SettingsError,
)
from worker.exits import Exit, exit_code, told
from worker.logs import KeyValueFormatter, where


def rendered(**fields: object) -> str:
    """One line."""
    record = logging.LogRecord("worker", logging.INFO, "x.py", 1, "run.tested", None, None)
    record.fields = fields
    return KeyValueFormatter("r1").format(record)


def test_line_is_key_value_with_the_run_id() -> None:
    """A fixed event, then the fields; None is left out."""
    line = rendered(seconds=1.5, code=None)
    assert line.startswith("time=2")
    assert line.endswith("Z level=info event=run.tested run_id=r1 seconds=1.5")


@pytest.mark.parametrize("value", ['a "b"\nevent=run.forged', "\r\x1b[31m", "", "é\u2028 =", "a=b"])
def test_value_cannot_break_out_of_its_line(value: str) -> None:
    """Whatever a value holds, it stays one field of one line of ASCII."""
    line = rendered(value=value)
    assert line.isascii()
    assert line.isprintable()
    assert len([part for part in shlex.split(line, posix=False) if part.startswith("event=")]) == 1


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (InvalidDocument(), 2),
        (SettingsError(), 2),
        (ServiceUnavailable(), 3),
        (QuotaReached(), 3),
        (AccessDenied(), 4),
        (RequestRefused(), 4),
        (BlobGone(), 4),
        (OSError(28, "No space left on device"), 5),
        (MemoryError(), 6),
        (KeyError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_class_of_failure_has_its_exit_code(problem: BaseException, code: int) -> None:
    """None of them is 0."""
    assert exit_code(problem) is Exit(code)


def test_only_our_own_errors_are_quoted() -> None:
    """Others may hold what stands in a file."""
    assert told(RequestRefused("storage answered 400")) == "storage answered 400"
    assert told(ValueError("Jane Doe")) is None
    assert told(OSError("Jane Doe")) is None


def test_full_disk_is_told_in_the_words_of_the_system() -> None:
    """Without the file's name, which such an error carries, too."""
    assert told(OSError(errno.ENOSPC, "Jane Doe", "jane.json")) == os.strerror(errno.ENOSPC)


def test_place_of_an_error_is_told_innermost_first() -> None:
    """File and line, no text."""

    def fail() -> None:
        raise ValueError("Jane Doe")

    with pytest.raises(ValueError, match="Jane") as caught:
        fail()
    first, second = where(caught.value).split(" < ")
    assert first.startswith("test_logs.py:")
    assert second.startswith("test_logs.py:")
    assert first != second
