"""Waiting that ends early when the host stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from local.host.errors import HostStops

log = logging.getLogger("host")
_T = TypeVar("_T")
_LONGEST_BACKOFF = 10.0


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long.

    Raises
    ------
    HostStops
        As soon as the host stops.
    """
    if stop.is_set():
        raise HostStops
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
    raise HostStops


def backoff(first: float, longest: float = _LONGEST_BACKOFF) -> Iterator[float]:
    """Yield waiting times that double up to a bound, without end."""
    seconds = first
    while True:
        yield seconds
        seconds = min(seconds * 2, longest)


async def insist(
    what: str, action: Callable[[], Awaitable[_T]], errors: tuple[type[Exception], ...], stop: asyncio.Event
) -> _T:
    """Do something until it succeeds; say once that it does not.

    Raises
    ------
    HostStops
        When the host stops before.
    """
    waits = backoff(0.5)
    told = False
    while True:
        try:
            return await action()
        except errors as problem:
            log.log(logging.DEBUG if told else logging.WARNING, "%s: trying again until it works: %s", what, problem)
        told = True
        await pause(stop, next(waits))
