"""Settings of the app: a file in the form of local.settings.json, and ``%SETTING%`` in binding fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from local.host.errors import AppRefused
from shared.errors import SettingsError

_PERCENT = re.compile(r"%([^%]*)(%?)")
_NAMES_THINGS = frozenset({"name", "type", "direction", "connection"})
"""Fields that Azure does not expand: they name a parameter, a binding type or a connection."""


class _File(msgspec.Struct, rename="pascal"):
    is_encrypted: bool = False
    values: dict[str, str | int | float | bool] = {}


def load_values(path: Path) -> dict[str, str]:
    """Read ``Values`` of a file in the form of local.settings.json; numbers and booleans become text, as in Azure.

    Raises
    ------
    SettingsError
        When the file is missing, encrypted or not of that form.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError) as problem:
        raise SettingsError(f"The settings file {path} cannot be read: {problem}") from problem
    if file.is_encrypted:
        raise SettingsError(f"The settings file {path} is encrypted; run `func settings decrypt` first.")
    return {name: _as_text(value) for name, value in file.values.items()}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Put settings in for ``%SETTING%``.

    Raises
    ------
    SettingsError
        When a setting is missing or a percent sign is left open, as the Functions host does.
    """

    def value_of(match: re.Match[str]) -> str:
        name, closing = match.groups()
        if not closing:
            raise SettingsError(f"a % is left open in {text!r}")
        if name not in environment:
            raise SettingsError(f"the setting {name} is missing")
        return environment[name]

    return _PERCENT.sub(value_of, text)


def expand_binding(function: str, binding: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Expand every text field of a binding.

    Raises
    ------
    AppRefused
        When that is not possible; the message names function, field and setting.
    """
    return {
        key: _expand_field(function, key, value, environment)
        if isinstance(value, str) and key not in _NAMES_THINGS
        else value
        for key, value in binding.items()
    }


def _expand_field(function: str, key: str, text: str, environment: Mapping[str, str]) -> str:
    try:
        return expand(text, environment)
    except SettingsError as problem:
        raise AppRefused(f"Function {function}, field {key} ({text}): {problem}.") from problem
