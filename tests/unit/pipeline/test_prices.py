"""Prices: asked for once a day, kept in the ledger, and never a reason to fail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.price_table import TablePrices, canonical_size
from pipeline.prices import DailyPrices
from shared.cost import Price, Priority
from shared.errors import RequestRefused, ServiceUnavailable
from tests.doubles.ledger import MemoryLedger
from tests.doubles.prices import FixedPrices
from tests.unit.builders import Clock, laptop_settings

SIZE, REGION = "standard_d2s_v5", "westeurope"


class Shop:
    """A price list, a ledger, and processes that reckon with them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.online = FixedPrices(self.clock)
        self.ledger = MemoryLedger()
        self.process = self.new_process()

    def new_process(self) -> DailyPrices:
        """A process that remembers nothing."""
        return DailyPrices(self.online, TablePrices("USD"), self.ledger, self.clock)

    def price(self, process: DailyPrices | None = None) -> Price | None:
        """The price that a process reckons with now."""
        return (process or self.process).price(SIZE, REGION, Priority.DEDICATED)


@pytest.fixture
def shop() -> Shop:
    """One of them."""
    return Shop()


def test_price_is_asked_for_once_a_day(shop: Shop) -> None:
    """By whichever process is first; the others find it in the ledger."""
    first = shop.price()
    assert first
    assert (first.per_hour, first.source) == ("0.100", "retail")
    assert shop.price(shop.new_process()) == first
    assert shop.price() == first
    assert shop.online.asked == 1
    shop.clock.forward(days=1)
    shop.price()
    shop.price()
    assert shop.online.asked == 2


def test_many_runs_at_once_ask_once(shop: Shop) -> None:
    """The first runs of a day settle side by side."""
    with ThreadPoolExecutor(8) as runs:
        found = set(runs.map(lambda _: shop.price() is not None, range(16)))
    assert found == {True}
    assert shop.online.asked == 1


@pytest.mark.parametrize("failure", [ServiceUnavailable("It is down."), RequestRefused("It has changed.")])
def test_yesterdays_price_serves_while_the_list_is_down(
    shop: Shop, failure: ServiceUnavailable | RequestRefused
) -> None:
    """It says of which day it is."""
    first = shop.price()
    shop.clock.forward(days=1)
    shop.online.failure = failure
    assert shop.price() == first
    assert shop.price(shop.new_process()) == first


def test_list_that_is_down_is_left_in_peace(shop: Shop) -> None:
    """A poll must not wait for it each time; ten minutes later it is asked again."""
    shop.online.failure = ServiceUnavailable("It is down.")
    shop.ledger.set_bookmark("price-standard_d2s_v5-westeurope-dedicated", "{}")
    for _ in range(5):
        shop.price()
    assert shop.online.asked == 1
    shop.online.failure = None
    fresh = shop.new_process()
    assert shop.price(fresh)
    assert shop.online.asked == 2


def test_table_serves_when_nothing_better_is_known(shop: Shop) -> None:
    """The list is down from the start, or yesterday is long ago."""
    shop.price()
    shop.clock.forward(days=31)
    shop.online.failure = ServiceUnavailable("It is down.")
    found = shop.price()
    assert found
    assert found.source == "table"


def test_table_serves_for_what_the_list_lacks(shop: Shop) -> None:
    """And what neither knows has no price."""
    shop.online.per_hour = None
    found = shop.price()
    assert found
    assert found.source == "table"
    assert shop.process.price("standard_x1", REGION, Priority.DEDICATED) is None


@pytest.mark.parametrize(("size", "region"), [("standard_d2s_v5", ""), ("", "westeurope"), ("a/b'#", "westeurope")])
def test_nothing_is_asked_about_what_is_no_machine(shop: Shop, size: str, region: str) -> None:
    """An empty region, or a size that could bend a query, never leaves the house."""
    assert shop.process.price(size, region, Priority.DEDICATED) is None
    assert shop.online.asked == 0


def test_laptop_never_calls_out() -> None:
    """Unless it is told to."""
    assert not laptop_settings().asks_for_prices
    assert not laptop_settings(PRICE_SOURCE="auto").asks_for_prices
    assert laptop_settings(PRICE_SOURCE="retail").asks_for_prices


def test_table_has_the_price_of_the_local_pool() -> None:
    """So that the laptop shows a cost; a Spot machine is reckoned at the dedicated price there."""
    dedicated = TablePrices("USD").price(SIZE, REGION, Priority.DEDICATED)
    spot = TablePrices("USD").price(SIZE, REGION, Priority.SPOT)
    assert dedicated
    assert spot
    assert (dedicated.per_hour, dedicated.vm_size) == ("0.115", "Standard_D2s_v5")
    assert spot.per_hour == dedicated.per_hour


def test_table_converts_no_currency() -> None:
    """A price in dollars is not one in euros."""
    assert TablePrices("EUR").price(SIZE, REGION, Priority.DEDICATED) is None


@pytest.mark.parametrize(
    ("given", "spelt"),
    [
        ("STANDARD_D2S_V5", "Standard_D2s_v5"),
        ("standard_e4bds_v5", "Standard_E4bds_v5"),
        ("standard_dc2as_v5", "Standard_DC2as_v5"),
        ("Standard_f4s_v2", "Standard_F4s_v2"),
        ("basic_a1", "basic_a1"),
    ],
)
def test_size_is_spelt_as_the_list_spells_it(given: str, spelt: str) -> None:
    """Batch takes any case, the list only one."""
    assert canonical_size(given) == spelt
