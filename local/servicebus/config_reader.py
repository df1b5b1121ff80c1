"""Reads values out of a configuration document and collects what is wrong, so that one error can tell all of it."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/~-]*[A-Za-z0-9_~-])?")
_DURATION: Final = re.compile(
    r"P(?=.)(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


class ConfigError(ValueError):
    """The entities' file is not usable."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the Service Bus entities are not usable:\n" + "\n".join(f"  {each}" for each in problems))
        self.problems = tuple(problems)


class Reader:
    """One object of the document, with its place in it. Problems go to a list that all readers share."""

    def __init__(self, where: str, values: Mapping[str, Any], problems: list[str], name: str = "") -> None:
        self.where = where
        self.name = name
        self.problems = problems
        self._values = values
        self._read: set[str] = {"Name"} if name else set()

    @classmethod
    def root(cls, document: Any) -> "Reader":
        """A reader of the whole document."""
        if isinstance(document, dict):
            return cls("", document, [])
        return cls("", {}, ["the document must be a JSON object"])

    def problem(self, key: str, text: str) -> None:
        """Notes what is wrong with a key."""
        self.problems.append(": ".join(part for part in (self.where, key, text) if part))

    def present(self, key: str) -> bool:
        """Whether the key has a value."""
        return self._get(key) is not None

    def ignore(self, key: str) -> None:
        """Accepts the key without a look at its value."""
        self._read.add(key)

    def section(self, key: str) -> "Reader":
        """The object under a key; an empty one when there is none."""
        value = self._of(dict, key, "an object") or {}
        return Reader(self.where or key, value, self.problems)

    def children(self, key: str, kind: str) -> list["Reader"]:
        """The named objects in the list under a key."""
        found = self._of(list, key, "a list") or []
        return [reader for place, value in enumerate(found) if (reader := self._child(key, kind, place, value))]

    def text(self, key: str) -> str | None:
        """The text under a key; None when it is missing or empty, which the emulator's files use alike."""
        return self._of(str, key, "text") or None

    def flag(self, key: str) -> bool:
        """The truth value under a key; false when it is missing."""
        return bool(self._of(bool, key, "true or false"))

    def count(self, key: str, default: int, limit: int) -> int:
        """The whole number of 1 to `limit` under a key."""
        value = self._get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
            self.problem(key, f"a whole number of 1 to {limit} expected, not {value!r}")
            return default
        return value

    def duration(self, key: str, limit: timedelta | None = None) -> timedelta | None:
        """The ISO 8601 duration under a key, which must be above zero; None when it is missing."""
        text = self.text(key)
        if text is None:
            return None
        duration = _duration(text)
        if not duration:
            self.problem(key, f"an ISO 8601 duration such as PT30S expected, not {text!r}")
            return None
        if limit is not None and duration > limit:
            self.problem(key, f"{text} is longer than the {limit} that Azure allows")
        return duration

    def constants(self, key: str) -> dict[str, str | int | float | bool]:
        """The object under a key, whose values must be text, numbers or truth values."""
        values = self._of(dict, key, "an object") or {}
        wrong = [name for name, value in values.items() if not isinstance(value, str | int | float)]
        for name in wrong:
            self.problem(f"{key}.{name}", "text, a number or a truth value expected")
        return {name: value for name, value in values.items() if name not in wrong}

    def check_name(self, limit: int) -> None:
        """Notes a name that Azure would refuse."""
        if len(self.name) > limit or not _NAME.fullmatch(self.name):
            self.problem("Name", f"{self.name!r} is no valid name of at most {limit} characters")

    def finish(self) -> None:
        """Notes the keys that nothing asked for: a key with a typing error must not be lost in silence."""
        for key in self._values.keys() - self._read:
            self.problem(key, f"unknown key; known are {', '.join(sorted(self._read))}")

    def _child(self, key: str, kind: str, place: int, value: Any) -> "Reader | None":
        name = value.get("Name") if isinstance(value, dict) else None
        if not isinstance(name, str) or not name:
            self.problem(f"{key}[{place}]", "an object with a Name expected")
            return None
        label = f"{kind} {name!r}"
        inside = f"{self.where} {label}" if kind in {"subscription", "rule"} else label
        return Reader(inside, value, self.problems, name)

    def _of(self, kind: type, key: str, expected: str) -> Any:
        value = self._get(key)
        if value is not None and not isinstance(value, kind):
            self.problem(key, f"{expected} expected, not {value!r}")
            return None
        return value

    def _get(self, key: str) -> Any:
        self._read.add(key)
        return self._values.get(key)


def _duration(text: str) -> timedelta | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    try:
        return timedelta(**{unit: float(value) for unit, value in match.groupdict().items() if value})
    except OverflowError:
        return None
