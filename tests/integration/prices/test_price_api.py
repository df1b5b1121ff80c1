"""The Azure Retail Prices API over HTTP, against a stand-in that filters and pages as it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.price_api import RetailPrices
from shared.cost import Price, Priority
from shared.errors import RequestRefused, ServiceUnavailable
from tests.integration.prices.server import Prices, a_meter, price_server
from tests.unit.builders import NOON

SIZE, REGION = "standard_d2s_v5", "westeurope"


@pytest.fixture
def server() -> Iterator[Prices]:
    """A price list with the meters that a size has in a region, and some of others."""
    with price_server() as prices:
        prices.items += [
            a_meter(productName="Virtual Machines Dsv5 Series Windows", retailPrice=0.207),
            a_meter(meterName="D2s v5 Spot", retailPrice=0.0213),
            a_meter(meterName="D2s v5 Low Priority", retailPrice=0.023),
            a_meter(productName="Dsv5 Series Cloud Services", retailPrice=0.3),
            a_meter(),
            a_meter(type="Reservation", retailPrice=640, unitOfMeasure="1 Hour"),
            a_meter(region="eastus", retailPrice=0.096),
            a_meter("Standard_D4s_v5", retailPrice=0.23),
        ]
        yield prices


def prices_of(server: Prices) -> tuple[RetailPrices, list[float]]:
    """The gateway to a server, and the pauses that it would make."""
    pauses: list[float] = []
    return RetailPrices(server.address, "USD", lambda: NOON, pauses.append), pauses


@pytest.mark.parametrize(
    ("priority", "per_hour"), [(Priority.DEDICATED, "0.115"), (Priority.SPOT, "0.0213")], ids=["dedicated", "spot"]
)
def test_price_is_that_of_the_linux_machine_as_it_is_bought(server: Prices, priority: Priority, per_hour: str) -> None:
    """Neither Windows, nor low priority, nor Cloud Services, nor a reservation, nor another region."""
    assert prices_of(server)[0].price(SIZE, REGION, priority) == Price(
        per_hour=per_hour,
        currency="USD",
        vm_size="Standard_D2s_v5",
        region=REGION,
        priority=priority,
        date=NOON.date(),
        source="retail",
    )


def test_meter_on_a_later_page_is_found(server: Prices) -> None:
    """A size has more meters than a page holds."""
    server.page = 1
    found = prices_of(server)[0].price(SIZE, REGION, Priority.DEDICATED)
    assert found
    assert found.per_hour == "0.115"
    assert len(server.asked) == 5


def test_newest_price_in_force_counts(server: Prices) -> None:
    """A price that is announced is not yet the price."""
    server.items.append(a_meter(retailPrice=0.12, effectiveStartDate="2026-01-01T00:00:00Z"))
    server.items.append(a_meter(retailPrice=0.5, effectiveStartDate="2027-01-01T00:00:00Z"))
    found = prices_of(server)[0].price(SIZE, REGION, Priority.DEDICATED)
    assert found
    assert found.per_hour == "0.12"


def test_unknown_size_has_no_price(server: Prices) -> None:
    """It is not an error that a region does not sell a size."""
    assert prices_of(server)[0].price("standard_d2s_v9", REGION, Priority.DEDICATED) is None


def test_busy_service_is_asked_again_as_it_says(server: Prices) -> None:
    """Retry-After counts, else a pause with jitter."""
    server.fail_next += [(429, {"Retry-After": "2"}), (503, {})]
    prices, pauses = prices_of(server)
    assert prices.price(SIZE, REGION, Priority.DEDICATED)
    assert pauses[0] == 2
    assert 0.5 <= pauses[1] <= 1.5


def test_service_that_stays_down_is_given_up(server: Prices) -> None:
    """Three tries, no more: a poll waits for it."""
    server.fail_next += [(500, {})] * 5
    prices, pauses = prices_of(server)
    with pytest.raises(ServiceUnavailable, match="500, 3 times"):
        prices.price(SIZE, REGION, Priority.DEDICATED)
    assert len(pauses) == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"Items": [{"retailPrice": "a"}]}'])
def test_answer_that_is_no_price_list_is_refused(server: Prices, body: bytes) -> None:
    """A proxy's page is no price."""
    server.body_next.append(body)
    with pytest.raises(RequestRefused):
        prices_of(server)[0].price(SIZE, REGION, Priority.DEDICATED)


@pytest.mark.parametrize("status", [302, 400, 404])
def test_refusal_is_not_asked_again(server: Prices, status: int) -> None:
    """It would be refused again; redirects are not followed."""
    server.fail_next.append((status, {"Location": "http://127.0.0.1:9/"}))
    with pytest.raises(RequestRefused, match=str(status)):
        prices_of(server)[0].price(SIZE, REGION, Priority.DEDICATED)
    assert len(server.asked) == 1


def test_next_page_on_another_host_is_not_fetched(server: Prices) -> None:
    """The list may lead to more of itself, nowhere else."""
    server.body_next.append(b'{"Items": [], "NextPageLink": "http://169.254.169.254/metadata"}')
    with pytest.raises(RequestRefused, match="another host"):
        prices_of(server)[0].price(SIZE, REGION, Priority.DEDICATED)


def test_endless_list_is_given_up(server: Prices) -> None:
    """A list that always leads on ends all the same."""
    link: Any = server.address.encode()
    server.body_next += [b'{"Items": [], "NextPageLink": "' + link + b'"}'] * 20
    with pytest.raises(RequestRefused, match="10 pages"):
        prices_of(server)[0].price(SIZE, REGION, Priority.DEDICATED)


def test_service_that_cannot_be_reached_is_unavailable() -> None:
    """Nothing listens there."""
    with price_server() as gone:
        address = gone.address
    prices = RetailPrices(address, "USD", lambda: NOON, lambda _: None)
    with pytest.raises(ServiceUnavailable, match="ConnectError"):
        prices.price(SIZE, REGION, Priority.DEDICATED)
