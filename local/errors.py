"""What can go wrong with the local cloud as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import BatchJsonError


class CloudFailed(BatchJsonError):
    """The local cloud cannot go on."""


class PortsTaken(CloudFailed):
    """Other programs listen where parts of the local cloud are to listen."""

    permanent = True

    def __init__(self, taken: Sequence[tuple[str, int]]) -> None:
        listed = ", ".join(f"{port} ({part})" for part, port in taken)
        noun = "Port" if len(taken) == 1 else "Ports"
        super().__init__(
            f"{noun} {listed} in use by another program. End that program, or take free ports: make up PORTS=free "
            "(python -m local up --ports free)."
        )
        self.taken = tuple(taken)


class AlreadyRunning(CloudFailed):
    """A local cloud runs on this state already."""

    permanent = True


class PartFailed(CloudFailed):
    """A part of the local cloud ended, or did not come up.

    Parameters
    ----------
    tail
        The last lines of its log.
    """

    def __init__(self, part: str, what: str, log: str, tail: str) -> None:
        super().__init__(f"{part} {what}. The end of {log}:\n{tail}")
        self.part = part
