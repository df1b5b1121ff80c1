"""Segments, what a scanner makes of them, and what it should."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.unit.worker.fast.written import BROKEN, DEEPEST_IN_ARRAY, NOT_UTF8, ODD, ONE, PUT, TAKEN, alike, changed
from worker.fast.decode import Form
from worker.fast.rows import Tables
from worker.fast.scanner import Scanned, Scanner
from worker.model import Line, Transaction
from worker.parse import DECODER, too_deep

IN_ARRAY = Form(DEEPEST_IN_ARRAY, lines=False, max_bytes=1 << 20)
IN_LINES = Form(DEEPEST_IN_ARRAY + 1, lines=True, max_bytes=1 << 20)
_BETWEEN = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_BREAK = re.compile(r"[ \t\r]*\n")
_ROOM = 1 << 12


@dataclass(frozen=True, slots=True)
class Scan:
    """A segment's transactions as they were scanned, and the texts of their codes."""

    found: Scanned
    tables: Tables

    def transactions(self) -> dict[int, Transaction]:
        """The rows, by the places of their transactions."""
        rows = self.found.rows
        customers, customer_names, statuses, methods, products, product_names, categories = self._texts()
        ids = self.found.identities(rows.place)
        of_lines = iter(zip(*(column.tolist() for column in rows.of_lines), strict=True))
        made = {}
        for identity, row in zip(ids, zip(*(column.tolist() for column in rows.of_rows), strict=True), strict=True):
            place, time, customer, name, status, method, line_count, *amounts = row
            lines = [next(of_lines) for _ in range(line_count)]
            subtotal, tax, shipping, total = amounts
            made[place] = Transaction(
                transaction_id=identity,
                time=time,
                customer_id=customers[customer],
                customer_name=customer_names[name],
                lines=tuple(Line(products[p], product_names[n], categories[c], *rest) for p, n, c, *rest in lines),
                subtotal=subtotal,
                tax=tax,
                shipping=shipping,
                total=total,
                payment_method=methods[method],
                status=statuses[status],
            )
        assert next(of_lines, None) is None
        return made

    def everything(self) -> list[Any]:
        """All that came of it, to be compared."""
        found = self.found
        arrays = [found.begins, found.ends, found.prints, *found.rows.of_rows, *found.rows.of_lines, *found.ids]
        return [*(array.tolist() for array in arrays), *self._texts()]

    def _texts(self) -> list[list[Any]]:
        tables = self.tables
        of_rows = (tables.customers, tables.names, tables.statuses, tables.methods)
        of_lines = (tables.products, tables.product_names, tables.categories)
        return [list(table.texts()) for table in (*of_rows, *of_lines)]


def scan(scanner: Scanner, text: bytes, form: Form) -> Scan | None:
    """Scan a segment."""
    tables = Tables()
    found = scanner.scan(memoryview(bytearray(text + b"\xff" * _ROOM)), len(text), form, tables)
    return Scan(found, tables) if found is not None else None


def records_of(text: bytes, form: Form) -> list[tuple[int, int, object]] | None:
    """The transactions of a segment, and where each begins and ends, as the plain engine has it; None if it is none."""
    try:
        shown = text.decode()
    except UnicodeDecodeError:
        return None
    found: list[tuple[int, int, object]] = []
    at = begin_byte = 0
    while shown.startswith("{", at):
        try:
            record, end = DECODER.raw_decode(shown, at)
        except (ValueError, RecursionError):
            return None
        end_byte = begin_byte + len(shown[at:end].encode())
        if too_deep(shown, at, end, form.levels) or end_byte - begin_byte > form.max_bytes:
            return None
        if form.lines and "\n" in shown[at:end]:
            return None
        found.append((begin_byte, end_byte, record))
        if end == len(shown):
            return found
        gap = (_BREAK if form.lines else _BETWEEN).match(shown, end)
        if gap is None:
            return None
        at, begin_byte = gap.end(), end_byte + len(gap[0])
    return None


def segment(texts: list[str], form: Form) -> bytes:
    """Transactions as they stand in a segment."""
    return ("\n" if form.lines else ", ").join(texts).encode("utf-8", "surrogatepass")


def examples() -> list[str]:
    """Transactions of every kind, each beside one that is usual."""
    return [changed(change) for kind in (TAKEN, ODD, BROKEN) for change in kind.values()]


def hostile(random: Random, form: Form) -> bytes:
    """Some transactions of every kind, most of them such as JSON may hold, damaged or not."""
    texts = [json.dumps(one, ensure_ascii=random.random() < 0.5) for one in alike(random.randrange(1, 5))]
    for _ in range(random.randrange(3)):
        old, new = random.choice(_VALID if random.random() < 0.9 else _WRONG)
        texts.insert(random.randrange(len(texts) + 1), ONE.replace(old, new))
    text = segment(texts, form)
    for _ in range(random.choice([0, 0, 1, 1, 2])):
        begin = random.randrange(len(text) + 1)
        put = random.choice([random.choice(PUT).encode(), random.choice(NOT_UTF8), random.randbytes(2), b""])
        text = text[:begin] + put + text[begin + random.randrange(4) :]
    return text if random.random() < 0.9 else text[: random.randrange(len(text) + 1)]


_VALID = [change for kind in (TAKEN, ODD) for change in kind.values() if len(change[1]) < 1000]
_WRONG = [change for change in BROKEN.values() if len(change[1]) < 1000]
