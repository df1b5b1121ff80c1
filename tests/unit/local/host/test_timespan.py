"""Time spans."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.errors import AppRefused
from local.host.timespan import format_timespan, parse_timespan

whole_seconds = st.integers(0, 10**9).map(lambda seconds: timedelta(seconds=seconds))


@given(whole_seconds)
def test_written_span_reads_back(span: timedelta) -> None:
    """With days and without."""
    assert parse_timespan(format_timespan(span)) == span


@pytest.mark.parametrize("text", ["", "5", "00:60:00", "24:00:00", "-00:00:01", "1:2:3:4", "aa:bb:cc"])
def test_other_text_is_refused(text: str) -> None:
    """The message says what is expected."""
    with pytest.raises(AppRefused, match="time span"):
        parse_timespan(text)
