"""The list of functions that `func start` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from local.host.functions import Function
from local.host.web import methods_of, route_of


def listing(functions: Sequence[Function], port: int, prefix: str) -> Iterator[str]:
    """Yield the lines: HTTP functions with methods and address, the others with the type of their trigger."""
    yield "Functions:"
    for function in sorted(functions, key=lambda function: (function.kind != "httpTrigger", function.name)):
        yield f"\n        {function.name}: {_way_in(function, port, prefix)}"
    yield ""


def _way_in(function: Function, port: int, prefix: str) -> str:
    if function.kind != "httpTrigger":
        return function.kind
    methods = f"[{','.join(methods_of(function))}] " if function.binding.get("methods") else ""
    return f"{methods}http://localhost:{port}/{route_of(function, prefix)}"
