"""The faults themselves: what they say they do, they do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.faults.proxy import LOOPBACK, Hold, HttpProxy


@pytest.fixture
def answers() -> list[int]:
    """The statuses that the service gives, one a request."""
    return []


@pytest.fixture
def proxy(answers: list[int]) -> Iterator[HttpProxy]:
    """A proxy before a service that gives `answers`."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(answers.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with HttpProxy(server.server_port) as proxy:
            yield proxy
        server.shutdown()


def test_hold_of_an_accepted_request_lets_a_refused_one_go(proxy: HttpProxy, answers: list[int]) -> None:
    """A write that lost its race is not the write that was meant; its repetition is."""
    answers += [412, 204, 204]
    hold = Hold(accepted=True)
    proxy.lay(hold, "row")
    statuses: list[int] = []

    def put() -> None:
        statuses.append(httpx.put(f"http://{LOOPBACK}:{proxy.port}/row", content=b"x").status_code)

    put()
    assert statuses == [412]
    held = threading.Thread(target=put)
    held.start()
    hold.wait(10)
    assert statuses == [412]
    put()
    assert statuses == [412, 204]
    hold.let_go()
    held.join(10)
    assert statuses == [412, 204, 204]
