"""Route templates of HTTP triggers: ``runs/{id}``, ``files/{name:int}``, ``{*rest}``, ``{page?}``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from local.host.errors import AppRefused

_T = TypeVar("_T")
_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)(?::([a-z]+)(?:\([^)]*\))?)?(\?)?\}", re.ASCII)
_KINDS = {
    "": r"[^/]+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "alpha": r"[A-Za-z]+",
    "bool": r"(?:[Tt]rue|[Ff]alse)",
    "guid": r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template; `rank` sorts literal segments before parameters, and those before the rest of a path."""

    path: re.Pattern[str]
    rank: tuple[int, ...]


def compile_template(template: str) -> Template:
    """Compile a route template; it matches a path without its leading slash.

    Raises
    ------
    AppRefused
        When it uses what this host does not offer, such as a constraint of another kind.
    """
    segments = [segment for segment in template.strip("/").split("/") if segment]
    pattern = "".join(_segment(segment, template, first=not place) for place, segment in enumerate(segments))
    return Template(re.compile(pattern + "/?", re.DOTALL), tuple(_rank(segment) for segment in segments))


def _rank(segment: str) -> int:
    if "{*" in segment:
        return 3
    if "{" in segment:
        return 1 if ":" in segment else 2
    return 0


def _segment(segment: str, template: str, *, first: bool) -> str:
    slash = "" if first else "/"
    whole = _PARAMETER.fullmatch(segment)
    if whole and whole.group(1):
        return f"(?:{slash}(?P<{whole.group(2)}>.*))?"
    if whole and whole.group(4):
        return f"(?:{slash}{_parameter(whole, template)})?"
    return slash + _mixed(segment, template)


def _mixed(segment: str, template: str) -> str:
    parts, end = [], 0
    for found in _PARAMETER.finditer(segment):
        parts += [_literal(segment[end : found.start()], template), _parameter(found, template)]
        end = found.end()
    return "".join([*parts, _literal(segment[end:], template)])


def _literal(text: str, template: str) -> str:
    if "{" in text or "}" in text:
        raise AppRefused(f"The route {template!r} cannot be read at {text!r}.")
    return f"(?i:{re.escape(text)})"


def _parameter(found: re.Match[str], template: str) -> str:
    kind = found.group(3) or ""
    if kind not in _KINDS:
        raise AppRefused(f"The route {template!r} has a constraint {kind!r}, which this host does not offer.")
    return f"(?P<{found.group(2)}>{_KINDS[kind]})"


@dataclass(frozen=True, slots=True)
class Route(Generic[_T]):
    """What serves the paths of a template."""

    template: Template
    methods: frozenset[str]
    target: _T


class Router(Generic[_T]):
    """Finds what serves a request: the most exact template wins."""

    def __init__(self, routes: Iterable[Route[_T]]) -> None:
        self._routes = sorted(routes, key=lambda route: route.template.rank)

    def find(self, method: str, path: str) -> tuple[_T, dict[str, str]] | None:
        """Return what serves a path (without its leading slash), and the parameters in it."""
        for route in self._routes:
            found = route.template.path.fullmatch(path)
            if found and method in route.methods:
                return route.target, {name: value for name, value in found.groupdict().items() if value is not None}
        return None
