"""Merge: the parts of a file, in file order → its totals. The result does not depend on where the file was cut."""

from __future__ import annotations

import numpy as np

from worker.errors_log import ErrorsLog
from worker.fast.numbers import ROOM, Codes, Ints, codes_of
from worker.fast.seen import Seen
from worker.fast.sums import High, Part, Sales, Valid, highest
from worker.fast.vocabulary import Vocabulary
from worker.figures import consistency
from worker.figures.consistency import Difference, falling_differences
from worker.model import Problem

_NOTHING = np.zeros(0, np.int64)


class Column:
    """A sum for each code of a table; exact, whatever the amounts."""

    def __init__(self) -> None:
        self._values = _NOTHING
        self._most = 0

    def add(self, codes: Ints, amounts: Ints) -> None:
        """Add an amount, none of them negative, to each of some codes, all different."""
        if not len(codes):
            return
        self._make_room(int(codes.max()) + 1)
        self._most += int(amounts.max())
        if self._values.dtype != object and (self._most >= ROOM or amounts.dtype == object):
            self._values = self._values.astype(object)
        self._values[codes] += amounts

    def values(self, size: int) -> Ints:
        """The sum of each code below a size."""
        self._make_room(size)
        return self._values[:size]

    def _make_room(self, size: int) -> None:
        missing = size - len(self._values)
        if missing > 0:
            missing = max(missing, len(self._values) // 4)
            self._values = np.concatenate([self._values, np.zeros(missing, self._values.dtype)])


class Last:
    """The last text of each code of a table, as a code of another table, or -1."""

    def __init__(self) -> None:
        self._values = _NOTHING

    def put(self, codes: Ints, values: Ints) -> None:
        """Replace the texts of some codes."""
        if len(codes):
            missing = int(codes.max()) + 1 - len(self._values)
            if missing > 0:
                more = np.full(max(missing, len(self._values) // 4), -1)
                self._values = np.concatenate([self._values, more])
            self._values[codes] = values

    def values(self, size: int) -> Ints:
        """The code of the last text, or -1, of each code below a size."""
        values = np.full(size, -1)
        values[: len(self._values)] = self._values[:size]
        return values

    def get(self, code: int) -> int:
        """The code of the last text, or -1."""
        return int(self._values[code]) if code < len(self._values) else -1


class Totals:
    """What the parts amount to so far.

    Memory: 20 bytes for each valid transaction, 16 to 24 for each id, some 300 for each customer and product.
    """

    def __init__(self, errors: ErrorsLog) -> None:
        self.errors = errors
        self.begin()

    def begin(self) -> None:
        """Start anew, forgetting everything."""
        self.errors.begin()
        self.count = 0
        self._seen = Seen()
        self.customers, self.names, self.products = Vocabulary(), Vocabulary(), Vocabulary()
        self.product_names, self.categories = Vocabulary(), Vocabulary()
        self.statuses, self.methods = Vocabulary(), Vocabulary()
        self.status_counts, self.method_counts, self.unusual_quantities = Column(), Column(), Column()
        self.customer_revenue, self.customer_orders, self.customer_name = Column(), Column(), Last()
        self.product_units, self.product_revenue = Column(), Column()
        self.product_name, self.product_category = Last(), Last()
        self.category_revenue, self.category_lines = Column(), Column()
        self.days = Codes()
        self.day_revenue, self.day_orders = Column(), Column()
        self.orders = self.revenue = self.net = self.tax = self.shipping = self.items = 0
        self.first_time: int | None = None
        self.last_time: int | None = None
        self.high: list[High] = []
        self.inconsistent = 0
        self.differences: list[Difference] = []
        self._rows: list[tuple[Ints, Ints, Ints]] = []

    def remember(self, ids: Ints, places: Ints) -> list[int]:
        """Remember the ids of the part that follows; return the places of those that an earlier part has."""
        return [int(place) for place in places[self._seen.add(ids)]]

    def merge(self, part: Part) -> None:
        """Append a part whose ids are remembered already."""
        self.errors.add(
            Problem(self.count + place, identity, where, code) for place, identity, where, code in part.errors
        )
        self.count += part.count
        if part.valid is not None:
            self._merge_valid(part, part.valid)

    def rows(self) -> tuple[Ints, Ints, Ints]:
        """Take out total, time and customer's code of each valid transaction, at the end of the file."""
        self._seen = Seen()  # its memory is needed now
        columns, self._rows = list(zip(*self._rows, strict=True)), []
        if not columns:
            return _NOTHING, _NOTHING, _NOTHING
        customer, time, total = (np.concatenate(columns.pop()) for _ in range(3))
        return total, time, customer

    def _merge_valid(self, part: Part, valid: Valid) -> None:
        customers = self.customers.recode(part.customers)
        self._rows.append((valid.total, valid.time, customers[valid.customer].astype(np.int32)))
        self.status_counts.add(self.statuses.recode(part.statuses), valid.statuses)
        self.method_counts.add(self.methods.recode(part.methods), valid.methods)
        self.unusual_quantities.add(customers, valid.unusual_quantities)
        self.high = highest(self.high + valid.high)
        self.inconsistent += valid.inconsistent
        self.differences = falling_differences(self.differences + valid.differences)[: consistency.SHOWN]
        if valid.sales is not None:
            self._merge_sales(part, valid.sales, customers)

    def _merge_sales(self, part: Part, sales: Sales, customers: Ints) -> None:
        self.orders += sales.orders
        self.revenue += sales.revenue
        self.net += sales.net
        self.tax += sales.tax
        self.shipping += sales.shipping
        self.items += sales.items
        self.first_time = sales.first if self.first_time is None else min(self.first_time, sales.first)
        self.last_time = sales.last if self.last_time is None else max(self.last_time, sales.last)
        self.customer_revenue.add(customers, sales.customer_revenue)
        self.customer_orders.add(customers, sales.customer_orders)
        _put(self.customer_name, customers, self.names.recode(part.names), sales.customer_name)
        products, categories = self.products.recode(part.products), self.categories.recode(part.categories)
        self.product_units.add(products, sales.product_units)
        self.product_revenue.add(products, sales.product_revenue)
        _put(self.product_name, products, self.product_names.recode(part.product_names), sales.product_name)
        _put(self.product_category, products, categories, sales.product_category)
        self.category_revenue.add(categories, sales.category_revenue)
        self.category_lines.add(categories, sales.category_lines)
        days = codes_of([str(day) for day in sales.days.tolist()], self.days)
        self.day_revenue.add(days, sales.day_revenue)
        self.day_orders.add(days, sales.day_orders)


def _put(last: Last, codes: Ints, texts: Ints, values: Ints) -> None:
    given = values >= 0
    last.put(codes[given], texts[values[given]])
