"""Settings files and `%SETTING%`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.errors import AppRefused
from local.host.settings import expand, expand_binding, load_values
from shared.errors import SettingsError

plain = st.text(st.characters(exclude_characters="%", exclude_categories=["Cs"]))


@given(plain)
def test_text_without_percent_stays_as_it_is(text: str) -> None:
    """Only `%…%` is replaced."""
    assert expand(text, {}) == text


@given(plain, plain, plain, plain)
def test_setting_is_put_in_once(before: str, name: str, value: str, after: str) -> None:
    """What stands around it stays, and its value is not expanded again."""
    assert expand(f"{before}%{name}%{after}", {name: f"%{value}%"}) == f"{before}%{value}%{after}"


def test_missing_setting_names_function_field_and_setting() -> None:
    """One can tell from the message what to set, and why."""
    binding = {"type": "timerTrigger", "name": "timer", "schedule": "%POLL_SCHEDULE%"}
    with pytest.raises(AppRefused, match=r"Function poll, field schedule .*POLL_SCHEDULE is missing"):
        expand_binding("poll", binding, {})


def test_open_percent_is_refused() -> None:
    """As the Functions host does."""
    with pytest.raises(AppRefused, match="left open"):
        expand_binding("poll", {"path": "in/%NAME"}, {"NAME": "x"})


def test_names_of_parameters_and_connections_are_not_expanded() -> None:
    """They name things; Azure leaves them alone, too."""
    binding = {"name": "%X%", "connection": "%X%", "path": "%X%", "many": True}
    assert expand_binding("f", binding, {"X": "in"}) == {"name": "%X%", "connection": "%X%", "path": "in", "many": True}


def test_values_become_text(tmp_path: Path) -> None:
    """Azure has text settings only."""
    file = tmp_path / "settings.json"
    file.write_text('{"IsEncrypted": false, "Values": {"A": "x", "B": 3, "C": true}, "Host": {}}')
    assert load_values(file) == {"A": "x", "B": "3", "C": "true"}


@pytest.mark.parametrize("content", ['{"IsEncrypted": true, "Values": {}}', '{"Values": {"A": []}}', "{", "[]"])
def test_unusable_file_is_refused(tmp_path: Path, content: str) -> None:
    """Encrypted, of another form, or no JSON."""
    file = tmp_path / "settings.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match="settings file"):
        load_values(file)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(SettingsError, match="nowhere"):
        load_values(tmp_path / "nowhere.json")
