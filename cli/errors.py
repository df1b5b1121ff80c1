"""What a command says when it cannot go on: the reason, what to do about it, and the next command to try."""

from __future__ import annotations

from enum import IntEnum

from shared.errors import BatchJsonError


class ExitCode(IntEnum):
    """How a command ends. Scripts rely on these numbers."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_SUCCEEDED = 3
    """The command did its work, but a run (or a local file) came out rejected, failed or lost."""
    INTERRUPTED = 130


class CommandFailed(BatchJsonError):
    """The command cannot do what it was asked to do.

    Parameters
    ----------
    fix
        What a person can do about it, as a sentence.
    next_command
        A command to try next.
    """

    permanent = True

    def __init__(
        self,
        reason: str,
        *,
        fix: str | None = None,
        next_command: str | None = None,
        exit_code: ExitCode = ExitCode.FAILED,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix
        self.next_command = next_command
        self.exit_code = exit_code
