"""Tally: rows → sums. Compiled; see `build`.

The rules are those of `worker.fast.check` and `worker.fast.sums`, which do the same where nothing is compiled.
"""

from __future__ import annotations

from numpy import int64

from worker.fast.compiled.kinds import Bytes, Integers, Place
from worker.fast.compiled.layout import ByCategory, ByCustomer, ByDay, ByProduct, Sum

_DAY = 86_400_000_000
_FACTOR = 0x9E3779B1
_ORDERS, _REVENUE, _NET, _TAX, _SHIPPING = (
    int(Sum.ORDERS),
    int(Sum.REVENUE),
    int(Sum.NET),
    int(Sum.TAX),
    int(Sum.SHIPPING),
)
_ITEMS, _FIRST, _LAST = int(Sum.ITEMS), int(Sum.FIRST), int(Sum.LAST)
_INCONSISTENT, _DAYS = int(Sum.INCONSISTENT), int(Sum.DAYS)
_CUSTOMER_REVENUE, _CUSTOMER_ORDERS = int(ByCustomer.REVENUE), int(ByCustomer.ORDERS)
_CUSTOMER_NAME, _UNUSUAL = int(ByCustomer.NAME), int(ByCustomer.UNUSUAL)
_UNITS, _PRODUCT_REVENUE = int(ByProduct.UNITS), int(ByProduct.REVENUE)
_PRODUCT_NAME, _PRODUCT_CATEGORY = int(ByProduct.NAME), int(ByProduct.CATEGORY)
_CATEGORY_REVENUE, _CATEGORY_LINES = int(ByCategory.REVENUE), int(ByCategory.LINES)
_DATE, _DAY_REVENUE, _DAY_ORDERS = int(ByDay.DAY), int(ByDay.REVENUE), int(ByDay.ORDERS)


def doubt(
    count: Place, time: Integers, line_count: Integers, subtotal: Integers, tax: Integers, shipping: Integers,
    total: Integers, quantity: Integers, unit_price: Integers, discount: Integers, line_subtotal: Integers,
    never: Place, largest: Place, max_quantity: Place, max_unit_price: Place, min_total: Place, max_total: Place,
    doubtful: Bytes,
) -> Place:  # fmt: skip
    """Tell which rows the plain check must judge; returns how many."""
    found = line = 0
    for row in range(count):
        fine = (
            time[row] != never
            and min_total <= total[row] <= max_total
            and 0 <= subtotal[row] <= largest
            and 0 <= tax[row] <= largest
            and 0 <= shipping[row] <= largest
        )
        end = line + line_count[row]
        while line < end:
            fine = (
                fine
                and 1 <= quantity[line] <= max_quantity
                and 0 <= unit_price[line] <= max_unit_price
                and 0 <= discount[line] <= largest
                and 0 <= line_subtotal[line] <= largest
            )
            line += 1
        doubtful[row] = not fine
        found += not fine
    return found


def tally(
    count: Place, time: Integers, customer: Integers, name: Integers, status: Integers, method: Integers,
    line_count: Integers, subtotal: Integers, tax: Integers, shipping: Integers, total: Integers,
    product: Integers, product_name: Integers, category: Integers, quantity: Integers, unit_price: Integers,
    discount: Integers, line_subtotal: Integers,
    counting: Bytes, usual_quantity: Place, sums: Integers, statuses: Integers, methods: Integers,
    customers: Integers, customer_room: Place, products: Integers, product_room: Place,
    categories: Integers, category_room: Place, days: Integers, day_room: Place, day_slots: Integers, slot_count: Place,
    sizes: Integers, highest: Integers, largest: Integers, shown: Place,
) -> Place:  # fmt: skip
    """Add up rows, of which every sum fits into 62 bits.

    Parameters
    ----------
    counting
        For each status whether it counts for revenue.
    sums, statuses, methods, customers, products, categories
        Take sums (`layout.Sum`, `layout.ByCustomer` …), on what is there: zeros, and -1 for names and categories.
    days, day_slots
        Take the days that occur, in that order, with their sums; and a table of them, of zeros.
    sizes
        Takes by how much each row does not add up.
    highest, largest
        Take the `shown` highest totals and largest of those sizes, falling, on zeros.
    """
    line = 0
    for row in range(count):
        begin, end = line, line + line_count[row]
        line = end
        buyer, amount = customer[row], total[row]
        statuses[status[row]] += 1
        methods[method[row]] += 1
        for one in range(begin, end):
            if quantity[one] > usual_quantity:
                customers[_UNUSUAL * customer_room + buyer] += 1
        sizes[row] = _difference(
            begin, end, subtotal[row], tax[row] + shipping[row] + subtotal[row] - amount,
            quantity, unit_price, discount, line_subtotal,
        )  # fmt: skip
        sums[_INCONSISTENT] += sizes[row] > 0
        _put(highest, shown, amount)
        _put(largest, shown, sizes[row])
        if not counting[status[row]]:
            continue
        _count_row(sums, time[row], subtotal[row], tax[row], shipping[row], amount)
        customers[_CUSTOMER_REVENUE * customer_room + buyer] += amount
        customers[_CUSTOMER_ORDERS * customer_room + buyer] += 1
        if name[row] > 0:
            customers[_CUSTOMER_NAME * customer_room + buyer] = name[row]
        day = _place_of_day(time[row] // _DAY, sums, days, day_room, day_slots, slot_count)
        days[_DAY_REVENUE * day_room + day] += amount
        days[_DAY_ORDERS * day_room + day] += 1
        for one in range(begin, end):
            sold, kind = product[one], category[one]
            sums[_ITEMS] += quantity[one]
            products[_UNITS * product_room + sold] += quantity[one]
            products[_PRODUCT_REVENUE * product_room + sold] += line_subtotal[one]
            products[_PRODUCT_NAME * product_room + sold] = product_name[one]
            if kind > 0:
                products[_PRODUCT_CATEGORY * product_room + sold] = kind
            categories[_CATEGORY_REVENUE * category_room + kind] += line_subtotal[one]
            categories[_CATEGORY_LINES * category_room + kind] += 1
    return 0


def _count_row(sums: Integers, time: Place, subtotal: Place, tax: Place, shipping: Place, total: Place) -> None:
    if sums[_ORDERS] == 0 or time < sums[_FIRST]:
        sums[_FIRST] = time
    if sums[_ORDERS] == 0 or time > sums[_LAST]:
        sums[_LAST] = time
    sums[_ORDERS] += 1
    sums[_REVENUE] += total
    sums[_NET] += subtotal
    sums[_TAX] += tax
    sums[_SHIPPING] += shipping


def _difference(
    begin: Place, end: Place, subtotal: Place, in_all: Place,
    quantity: Integers, unit_price: Integers, discount: Integers, line_subtotal: Integers,
) -> Place:  # fmt: skip
    """By how much a row does not add up (`worker.figures.consistency`: one cent a summand is explained by rounding)."""
    size, lines = 0, 0
    for one in range(begin, end):
        off = abs(quantity[one] * unit_price[one] - discount[one] - line_subtotal[one])
        if off > quantity[one] + 1 and off > size:
            size = off
        lines += line_subtotal[one]
    off = abs(lines - subtotal)
    if off > end - begin and off > size:
        size = off
    off = abs(in_all)
    return off if off > 3 and off > size else size


def _put(falling: Integers, size: Place, value: Place) -> None:
    """Put a value where it belongs among the largest ones so far, if it does."""
    at = size - 1
    if value <= falling[at]:
        return
    while at > 0 and falling[at - 1] < value:
        falling[at] = falling[at - 1]
        at -= 1
    falling[at] = value


def _place_of_day(
    day: Place, sums: Integers, days: Integers, day_room: Place, day_slots: Integers, slot_count: Place
) -> Place:
    slot = (day * _FACTOR) & (slot_count - 1)
    while day_slots[slot] != 0:
        if days[_DATE * day_room + day_slots[slot] - 1] == day:
            return int64(day_slots[slot] - 1)
        slot = (slot + 1) & (slot_count - 1)
    place = sums[_DAYS]
    sums[_DAYS] = place + 1
    day_slots[slot] = place + 1
    days[_DATE * day_room + place] = day
    return int64(place)
