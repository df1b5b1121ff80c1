"""What the exit code tells: 0 means that an outcome is recorded, anything else that Batch should try again."""

from __future__ import annotations

import os
from enum import IntEnum

from shared.errors import (
    AccessDenied,
    BatchJsonError,
    BlobGone,
    InvalidDocument,
    RequestRefused,
    ServiceUnavailable,
    SettingsError,
)


class Exit(IntEnum):
    """Exit codes (docs/report.md: Exit codes)."""

    RECORDED = 0
    UNEXPECTED = 1
    BAD_PARAMETERS = 2
    STORAGE_UNAVAILABLE = 3
    STORAGE_REFUSED = 4
    LOCAL_DISK = 5
    OUT_OF_MEMORY = 6
    INTERRUPTED = 130
    TERMINATED = 143


def exit_code(problem: BaseException) -> Exit:
    """Tell the class of a failure."""
    match problem:
        case InvalidDocument() | SettingsError():
            return Exit.BAD_PARAMETERS
        case ServiceUnavailable():
            return Exit.STORAGE_UNAVAILABLE
        case AccessDenied() | RequestRefused() | BlobGone():
            return Exit.STORAGE_REFUSED
        case OSError():
            return Exit.LOCAL_DISK
        case MemoryError():
            return Exit.OUT_OF_MEMORY
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case _:
            return Exit.UNEXPECTED


def told(problem: BaseException) -> str | None:
    """What may be logged of a failure's text: our own errors and the words of the system quote nothing of a file."""
    if isinstance(problem, OSError) and problem.errno is not None:
        return os.strerror(problem.errno)
    return str(problem) if isinstance(problem, BatchJsonError) else None
