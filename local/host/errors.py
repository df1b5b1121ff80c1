"""What can go wrong in the local Functions host."""

from __future__ import annotations

from shared.errors import BatchJsonError


class AppRefused(BatchJsonError):
    """The function app is not one that this host, or Azure, would run."""

    permanent = True


class FunctionFailed(BatchJsonError):
    """A function raised an error; it is logged already."""

    def __init__(self, invocation_id: str) -> None:
        super().__init__(f"Invocation {invocation_id} failed.")
        self.invocation_id = invocation_id


class BlobChanged(BatchJsonError):
    """The blob was overwritten or deleted after it was found: its newer version has its own turn."""


class HostStops(BatchJsonError):
    """The host stops; what was about to be done is left for its next start."""
