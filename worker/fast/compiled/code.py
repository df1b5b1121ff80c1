"""Code: the scan's machine code, as `worker.fast.compiled.build` left it, in memory and ready to be called."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import platform
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODE = ".text"
KIND = f"{sys.implementation.cache_tag}-{platform.machine()}"
"""For what code is. Another Python's would do as well, but is not the same: it comes from other byte code."""
_HERE = Path(__file__).resolve().parent
_COMPILER = _HERE.parents[1] / "requirements-build.txt"


def code_path(name: str) -> Path:
    """Where the code of a function is, or has to be: its name tells of which sources, by what and for what."""
    return _HERE / "__pycache__" / f"{name}-{KIND}-{_version()}.bin"


@lru_cache(1)
def _version() -> str:
    sources = [*sorted(_HERE.glob("*.py")), _COMPILER]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


@lru_cache(None)
def load(name: str) -> Callable[..., int] | None:
    """Map the code into memory; None when it was not built, is empty, or memory of a file must not be run here.

    Returns
    -------
    Callable
        The function of `worker.fast.compiled` with this name, with memory as numpy arrays.
    """
    try:
        with code_path(name).open("rb") as file:
            code = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return None
    return _Function(np.frombuffer(code, np.uint8))


class _Function:
    """A function of numba's calling convention: it takes where its result and an error go, and returns a status."""

    def __init__(self, code: NDArray[np.uint8]) -> None:
        self._code = code  # must stay
        self._call: Callable[..., int] | None = None

    def __call__(self, *arguments: int | NDArray[Any]) -> int:
        if self._call is None:
            kinds = [ctypes.c_int64 if isinstance(one, int) else ctypes.c_void_p for one in arguments]
            function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)
            self._call = function(self._code.ctypes.data)
        result, error = ctypes.c_int64(), ctypes.c_void_p()
        given = [one if isinstance(one, int) else one.ctypes.data for one in arguments]
        status = self._call(ctypes.byref(result), ctypes.byref(error), *given)
        return result.value if status == 0 else -1
