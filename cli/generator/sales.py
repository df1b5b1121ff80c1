"""Good transactions, whose amounts add up to the cent, and the anomalies that can be planted among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random

from cli.generator.catalogue import CHEAP, LUXURIES, SHUFFLED, Customer, Product, pick
from cli.generator.schedule import Timestamps, moments
from cli.generator.spread import Spread

_LINES = (1,) * 46 + (2,) * 28 + (3,) * 14 + (4,) * 8 + (5,) * 4
_QUANTITIES = (1,) * 62 + (2,) * 22 + (3,) * 8 + (4,) * 4 + (5,) * 2 + (6,) * 2
_STATUSES = ("completed",) * 88 + ("pending",) * 5 + ("refunded",) * 4 + ("cancelled",) * 3
_PAYMENTS = (
    ("credit_card",) * 46 + ("debit_card",) * 18 + ("paypal",) * 17 + ("apple_pay",) * 8 + ("bank_transfer",) * 6
    + ("google_pay",) * 5
)  # fmt: skip
_SHIPPING = (0, 499, 499, 599, 799, 1299)
_FREE_SHIPPING_FROM = 10_000
_ANYBODY = 0.5
_EXPENSIVE = 50_000
"""Cents; of what costs more, nobody buys more than two."""
ANOMALIES = ("high_value", "rapid_purchases", "unusual_quantity", "high_value_purchases", "inconsistent_amounts")


@dataclass(slots=True)
class Sale:
    """One transaction before it is written. Amounts are cents; `lines` are product, quantity and discount."""

    index: int
    moment: int
    customer: Customer
    lines: list[tuple[Product, int, int]]
    shipping: int
    payment: str
    status: str
    error_in_total: int = 0
    error_in_line: int = 0


@dataclass(slots=True)
class _Burst:
    """Purchases that follow one another: whose, how many are still to come, how far apart, and whether big ones."""

    customer: Customer
    left: int
    moment: int
    gap: int
    big: bool


@dataclass(slots=True)
class SaleSource:
    """Makes the sales of one file, one after the other.

    Parameters
    ----------
    anomalies
        Share of transactions at which an anomaly is planted; the kinds take turns.
    """

    rng: Random
    customers: tuple[Customer, ...]
    anomalies: float = 0.0
    planted: dict[str, int] = field(default_factory=dict)
    _burst: _Burst | None = None

    def sales(self, count: int, first_day: date, days: int) -> Iterator[Sale]:
        """Yield `count` sales, in the order of time but for bursts, which overlap their neighbours."""
        due, waiting = Spread(self.rng, self.anomalies), 0
        for index, moment in enumerate(moments(self.rng, count, first_day, days)):
            sale = self._sale(index, moment)
            waiting += due.hit(index)
            if self._burst:
                self._continue_burst(self._burst, sale)
            elif waiting:
                waiting -= 1
                self._plant(sale)
            yield sale

    def _sale(self, index: int, moment: int) -> Sale:
        rng, r = self.rng, self.rng.random
        lines = [self._line(r()) for _ in range(pick(rng, _LINES))]
        customer = self.customers[self._customer_index(r(), r())]
        return Sale(index, moment, customer, lines, pick(rng, _SHIPPING), pick(rng, _PAYMENTS), pick(rng, _STATUSES))

    def _customer_index(self, which: float, luck: float) -> int:
        # Half of the purchases fall on anybody, half the more often the further ahead a customer stands.
        return int(len(self.customers) * (luck if which < _ANYBODY else luck * luck))

    def _line(self, luck: float) -> tuple[Product, int, int]:
        product = SHUFFLED[int(len(SHUFFLED) * luck * luck)]
        quantity = pick(self.rng, _QUANTITIES)
        if product.price > _EXPENSIVE:
            quantity = min(quantity, 2)
        if self.rng.random() > 0.08:
            return product, quantity, 0
        return product, quantity, product.price * quantity * (5 + int(self.rng.random() * 26)) // 100

    def _plant(self, sale: Sale) -> None:
        kind = ANOMALIES[sum(self.planted.values()) % len(ANOMALIES)]
        self.planted[kind] = self.planted.get(kind, 0) + 1
        match kind:
            case "high_value":
                self._enlarge(sale)
            case "unusual_quantity":
                sale.lines[0] = (pick(self.rng, CHEAP), 21 + int(self.rng.random() * 80), 0)
            case "inconsistent_amounts":
                self._falsify(sale)
            case "rapid_purchases":
                self._begin_burst(sale, purchases=5 + int(self.rng.random() * 3), gap=80, big=False)
            case "high_value_purchases":
                self._begin_burst(sale, purchases=3, gap=1_200, big=True)

    def _enlarge(self, sale: Sale) -> None:
        sale.lines = [(pick(self.rng, LUXURIES), 1 + int(self.rng.random() * 4), 0) for _ in range(2)]
        sale.shipping = 0

    def _falsify(self, sale: Sale) -> None:
        wrong = 100 + int(self.rng.random() * 900)
        if self.rng.random() < 0.5:
            sale.error_in_total = wrong
        else:
            sale.error_in_line = wrong

    def _begin_burst(self, sale: Sale, *, purchases: int, gap: int, big: bool) -> None:
        self._burst = _Burst(sale.customer, purchases, sale.moment, gap, big)
        self._continue_burst(self._burst, sale)

    def _continue_burst(self, burst: _Burst, sale: Sale) -> None:
        sale.customer, sale.moment = burst.customer, burst.moment
        if burst.big:
            self._enlarge(sale)
        burst.moment += int(self.rng.random() * burst.gap)
        burst.left -= 1
        if not burst.left:
            self._burst = None


class SaleWriter:
    """Writes sales as JSON text, each on one line, without going through a tree of objects."""

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self._timestamps = Timestamps()

    def transaction_id(self, index: int) -> str:
        """The id of the transaction at that place of the file; no two files of a data set share one."""
        return f"TX-{self._batch}-{index:07d}"

    def write(self, sale: Sale) -> str:
        """Write one sale."""
        lines, subtotal = self._lines(sale)
        tax = (subtotal * sale.customer.tax_rate + 500) // 1000
        shipping = 0 if subtotal >= _FREE_SHIPPING_FROM else sale.shipping
        total = subtotal + tax + shipping + sale.error_in_total
        # Real files use two names for it.
        shipping_key = "shipping_cost" if sale.index % 50 == 49 else "shipping"
        return (
            f'{{"transaction_id":"{self.transaction_id(sale.index)}",'
            f'"timestamp":"{self._timestamps.write(sale.moment)}","customer":{sale.customer.json},'
            f'"line_items":[{lines}],"subtotal":{_money(subtotal)},"tax":{_money(tax)},'
            f'"{shipping_key}":{_money(shipping)},"total":{_money(total)},'
            f'"payment_method":"{sale.payment}","status":"{sale.status}"}}'
        )

    def _lines(self, sale: Sale) -> tuple[str, int]:
        texts, sum_of_lines, error = [], 0, sale.error_in_line
        for product, quantity, discount in sale.lines:
            subtotal = product.price * quantity - discount + error
            error = 0
            sum_of_lines += subtotal
            reduced = f',"discount":{_money(discount)}' if discount else ""
            texts.append(
                f'{product.head},"quantity":{quantity},"unit_price":{_money(product.price)}{reduced},'
                f'"subtotal":{_money(subtotal)}}}'
            )
        return ",".join(texts), sum_of_lines


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
