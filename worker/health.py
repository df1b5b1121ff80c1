"""Whether this image is whole, told without any network: everything imports, the engines work and can write."""

from __future__ import annotations

import faulthandler
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from typing import Any, BinaryIO

from shared.errors import BatchJsonError
from shared.task import Limits
from worker import VERSION, engine
from worker.engine import Result

_NEEDED = ("azure.identity", "azure.storage.blob", "worker.batch_task", "worker.storage", "worker.fast.engine")
_COUNT, _LEVELS = 50, 8
_BUILD_ANEW = "what is compiled is damaged. Remove it and build it anew: python -m worker.fast.compiled.build"


class NotWhole(BatchJsonError):
    """The engine did not do what it should."""


def check() -> None:
    """Import all that a task uses, process some transactions with both engines, and print the version as JSON.

    Compiled code that is damaged may end the process by a signal; a traceback then tells where.

    Raises
    ------
    ImportError, OSError, NotWhole
        When something is missing, there is no place for scratch files, or an engine fails.
    """
    faulthandler.enable()
    for module in _NEEDED:
        import_module(module)
    compiled = _is_compiled()
    _compare_engines(json.dumps({"transactions": _transactions()}).encode())
    print(json.dumps({"version": VERSION, "python": platform.python_version(), "compiled": compiled}))
    sys.stdout.flush()


def _is_compiled() -> bool:
    """Tell whether all is there that is compiled, after trying what reads the text."""
    from worker.fast.compiled.build import ENTRIES
    from worker.fast.compiled.code import load

    _try_scanner(",".join(map(json.dumps, _transactions())).encode())
    return all(load(name) for name in ENTRIES)


def _try_scanner(text: bytes) -> None:
    """Have it read usual transactions. Where it cannot, the engine goes another way, and does not tell."""
    from worker.fast.compiled.layout import BEHIND
    from worker.fast.decode import Form
    from worker.fast.rows import Tables
    from worker.fast.scanner import Scanner

    scanner = Scanner.available()
    if scanner is None:
        return
    buffer, form = memoryview(bytearray(text + bytes(BEHIND))), Form(_LEVELS, lines=False, max_bytes=len(text))
    scanned = scanner.scan(buffer, len(text), form, Tables())
    if scanned is None or scanned.odd():
        raise NotWhole(f"The scan does not read usual transactions: {_BUILD_ANEW}.")


def _compare_engines(text: bytes) -> None:
    """Have both engines process a text."""
    from worker.fast.engine import process as process_fast

    expected, given = _processed(engine.process, text), _processed(process_fast, text)
    if expected[0].validation.total_transactions != _COUNT:
        raise NotWhole("The engine does not count what it reads.")
    if expected != given:
        raise NotWhole(f"The fast engine's figures are not those of the plain one: {_BUILD_ANEW}.")


def _processed(process: Callable[[BytesIO, BinaryIO, Limits], Result], text: bytes) -> tuple[Result, bytes]:
    """What an engine makes of a text: its figures, and the list of errors."""
    with tempfile.TemporaryFile() as errors:
        result = process(BytesIO(text), errors, Limits())
        errors.seek(0)
        return result, errors.read()


def _transactions() -> list[dict[str, Any]]:
    """Transactions as most files have them; the last ones have a quantity out of range."""
    return [_transaction(number) for number in range(_COUNT)]


def _transaction(number: int) -> dict[str, Any]:
    product = {"product_id": f"P{number % 7}", "product_name": "Café", "category": "Food"}
    quantity = number + 60
    subtotal = quantity * 1.25 - 0.25
    return {
        "transaction_id": f"T{number}",
        "timestamp": f"2026-01-{number % 28 + 1:02}T12:00:00Z",
        "customer": {"customer_id": f"C{number % 5}", "name": "Anna"},
        "line_items": [{**product, "quantity": quantity, "unit_price": 1.25, "discount": 0.25, "subtotal": subtotal}],
        "subtotal": subtotal,
        "tax": 0.5,
        "shipping": 5,
        "total": subtotal + 5.5,
        "payment_method": "card",
        "status": "completed",
    }
