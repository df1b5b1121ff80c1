"""Whether this image is whole, told without any network: everything imports, and the engine can work and write."""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from importlib import import_module
from io import BytesIO

from shared.task import Limits
from worker import VERSION
from worker.decide import Job, decide
from worker.report import Input

_NEEDED = ("azure.identity", "azure.storage.blob", "worker.batch_task", "worker.storage", "worker.fast.engine")
_NOTHING = b'{"transactions": []}'


class NotWhole(Exception):
    """The engine did not do what it should."""


def check() -> None:
    """Import all that a task uses, process a file without transactions, and print the version as JSON.

    Raises
    ------
    ImportError, OSError, NotWhole
        When something is missing, there is no place for scratch files, or the engine fails.
    """
    for module in _NEEDED:
        import_module(module)
    with tempfile.TemporaryFile() as errors:
        about = Input(container=None, name="nothing.json", etag=None, bytes=len(_NOTHING))
        decision = decide(Job("check", 1, about, Limits(), processes=1), BytesIO(_NOTHING), errors)
    if decision.outcome.status != "succeeded":
        raise NotWhole(f"The engine rejects an empty list: {decision.outcome.code}.")
    print(json.dumps({"version": VERSION, "python": platform.python_version()}))
    sys.stdout.flush()
