"""Check: whole columns at once. Whatever is in doubt is left to the plain check."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from worker.fast.compiled.code import load
from worker.fast.moments import NEVER
from worker.fast.numbers import ROOM, Ints, Mask
from worker.fast.rows import Rows
from worker.limits import CheckLimits
from worker.money import LARGEST_AMOUNT


def check(rows: Rows, limits: CheckLimits) -> Mask:
    """Tell which rows the plain check must judge."""
    tell = load("doubt")
    return _told_by(tell, rows, limits) if tell else _told(rows, limits)


def _told_by(tell: Callable[..., int], rows: Rows, limits: CheckLimits) -> Mask:
    """By the compiled code (`worker.fast.compiled.tally`)."""
    of_rows = (rows.time, rows.line_count, rows.subtotal, rows.tax, rows.shipping, rows.total)
    of_lines = (rows.quantity, rows.unit_price, rows.discount, rows.line_subtotal)
    columns = [np.ascontiguousarray(column, np.int64) for column in (*of_rows, *of_lines)]
    in_doubt = np.empty(len(rows.time), np.bool_)
    bounds = (limits.max_quantity, limits.max_unit_price, limits.min_total, limits.max_total)
    tell(len(in_doubt), *columns, NEVER, LARGEST_AMOUNT, *bounds, in_doubt)
    return in_doubt


def _told(rows: Rows, limits: CheckLimits) -> Mask:
    in_doubt: Mask = (rows.total < limits.min_total) | (rows.total > limits.max_total) | (rows.time == NEVER)
    for amounts in (rows.subtotal, rows.tax, rows.shipping):
        in_doubt |= _are_out_of(amounts, 0, LARGEST_AMOUNT)
    lines = _are_out_of(rows.quantity, 1, limits.max_quantity) | _are_out_of(rows.unit_price, 0, limits.max_unit_price)
    for amounts in (rows.discount, rows.line_subtotal):
        lines |= _are_out_of(amounts, 0, LARGEST_AMOUNT)
    if lines.any():
        in_doubt |= np.logical_or.reduceat(lines, rows.first_lines)
    return in_doubt


def _are_out_of(amounts: Ints, low: int, high: int) -> Mask:
    out: Mask = (amounts < low) | (amounts > high)
    return out


def widen_where_needed(rows: Rows) -> Rows:
    """Give columns Python's own ints where a product or a sum of a segment might leave int64."""
    largest = max(int(column.max()) for column in (rows.subtotal, rows.tax, rows.shipping, rows.total))
    lines = max(int(column.max()) for column in (rows.discount, rows.line_subtotal))
    product = int(rows.quantity.max()) * int(rows.unit_price.max())
    if (product + largest + lines) * (len(rows.quantity) + 3) < ROOM:
        return rows
    for name in ("subtotal", "tax", "shipping", "total", "quantity", "unit_price", "discount", "line_subtotal"):
        setattr(rows, name, getattr(rows, name).astype(object))
    return rows


def sizes_of_differences(rows: Rows) -> Ints:
    """By how much each row does not add up: its largest difference beyond what rounding explains, or 0.

    The rule is that of `worker.figures.consistency`: one cent a summand.
    """
    starts = rows.first_lines
    lines = np.abs(rows.quantity * rows.unit_price - rows.discount - rows.line_subtotal)
    lines = np.where(lines > rows.quantity + 1, lines, 0)
    in_all = np.abs(np.add.reduceat(rows.line_subtotal, starts) - rows.subtotal)
    in_all = np.where(in_all > rows.line_count, in_all, 0)
    total = np.abs(rows.subtotal + rows.tax + rows.shipping - rows.total)
    total = np.where(total > 3, total, 0)
    sizes: Ints = np.maximum(np.maximum(np.maximum.reduceat(lines, starts), in_all), total)
    return sizes
