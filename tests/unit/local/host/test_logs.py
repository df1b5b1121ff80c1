"""Lines of the host's log."""

from __future__ import annotations

import logging
import re

from hypothesis import given
from hypothesis import strategies as st

from local.host.logs import LineFormatter


def line(message: str, **extra: object) -> str:
    """Format a record."""
    record = logging.LogRecord("user", logging.INFO, __file__, 1, "%s", (message,), None)
    vars(record).update(extra)
    return LineFormatter().format(record)


@given(st.text())
def test_message_never_ends_its_line(message: str) -> None:
    """Blob names are hostile: no line break, no escape sequence."""
    assert re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line(message, name_of_blob=message)) is None


def test_fields_follow_the_event() -> None:
    """Events are fixed names plus fields."""
    assert line("run.submitted", run_id="abc", bytes=3).endswith("Z] run.submitted run_id=abc bytes=3")


def test_level_is_shown_when_it_is_not_information() -> None:
    """As a word: colour is not needed."""
    record = logging.LogRecord("host", logging.ERROR, __file__, 1, "no", (), None)
    assert LineFormatter().format(record).endswith("Z] ERROR no")
