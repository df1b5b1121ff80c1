"""A stand-in for the Azure Retail Prices API: filters as it does, in pages, and fails when told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_FIELDS = {"serviceName", "armRegionName", "armSkuName", "priceType"}


def a_meter(sku: str = "Standard_D2s_v5", region: str = "westeurope", **changes: Any) -> dict[str, Any]:
    """A meter of a Linux machine, as the API shows it."""
    item = {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": 0.115,
        "armRegionName": region,
        "meterName": sku.removeprefix("Standard_").replace("_", " "),
        "productName": "Virtual Machines Dsv5 Series",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "armSkuName": sku,
        "effectiveStartDate": "2021-10-01T00:00:00Z",
    }
    return item | changes


@dataclass
class Prices:
    """What the service has, how it answers, and what it was asked."""

    address: str
    items: list[dict[str, Any]] = field(default_factory=list)
    page: int = 100
    fail_next: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    body_next: list[bytes] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, query: str) -> tuple[int, dict[str, str], bytes]:
        """Answer one request."""
        asked = {key: values[-1] for key, values in parse_qs(query).items()}
        self.asked.append(asked)
        if self.fail_next:
            status, headers = self.fail_next.pop(0)
            return status, headers, b""
        if self.body_next:
            return 200, {}, self.body_next.pop(0)
        wanted = dict(re.findall(r"(\w+) eq '([^']*)'", asked["$filter"]))
        assert wanted.keys() <= _FIELDS
        wanted = {"type" if key == "priceType" else key: value for key, value in wanted.items()}
        found = [item for item in self.items if all(item[key] == value for key, value in wanted.items())]
        start = int(asked.get("$skip", "0"))
        following = f"{self.address}?{query}&$skip={start + self.page}" if len(found) > start + self.page else None
        page = {"BillingCurrency": "USD", "Items": found[start : start + self.page], "NextPageLink": following}
        return 200, {"Content-Type": "application/json"}, json.dumps(page).encode()


@contextmanager
def price_server() -> Iterator[Prices]:
    """Serve prices on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = prices.answer(urlsplit(self.path).query)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        prices = Prices(f"http://127.0.0.1:{server.server_address[1]}/api/retail/prices")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield prices
        finally:
            server.shutdown()
            thread.join()
