"""The functions of the scan as the Python that they are, one by one: what is compiled wraps around without a word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from worker.fast.compiled.layout import BEHIND

FEED, BLANK = ord("\n"), ord(" ")
"""What is a blank besides the others: a line feed, or nothing."""


@contextmanager
def wrapping() -> Iterator[None]:
    """Let the arithmetic of words wrap around."""
    with np.errstate(over="ignore"):
        yield


def text(content: bytes | str) -> bytes:
    """A text with what stands behind it."""
    return (content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content) + bytes(BEHIND)
