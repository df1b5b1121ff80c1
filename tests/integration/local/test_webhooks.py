"""The local webhook receiver."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.webhooks.signature import parse_secret, sign
from tests.parts import free_ports, process

pytestmark = pytest.mark.cloud
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client for an empty receiver."""
    [port] = free_ports(1)
    options = ["--port", str(port), "--secret", SECRET, "--state", str(tmp_path / "hooks")]
    with (
        process([sys.executable, "-W", "error", "-m", "local.webhooks", *options], tmp_path / "hooks.log", port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        yield client


def deliver(web: httpx.Client, body: bytes = b'{"n": 1}', signature: str = "") -> httpx.Response:
    """Deliver something, signed."""
    stamp = str(int(time.time()))
    signature = signature or sign(parse_secret(SECRET), "msg_1", stamp, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
    return web.post("/hook", content=body, headers=headers)


def test_signed_delivery_is_taken_and_kept(web: httpx.Client) -> None:
    """204; the body can be seen."""
    assert deliver(web).status_code == 204
    listed = web.get("/api/deliveries").json()
    assert listed["total"] == 1
    assert listed["deliveries"][0].items() >= {"id": "msg_1", "status": 204, "problem": None, "body": {"n": 1}}.items()
    assert web.delete("/api/deliveries").status_code == 204
    assert web.get("/api/deliveries").json()["total"] == 0


def test_bad_signature_is_401_and_kept(web: httpx.Client) -> None:
    """One sees why."""
    assert deliver(web, signature="v1,AAAA").status_code == 401
    [kept] = web.get("/api/deliveries").json()["deliveries"]
    assert (kept["status"], kept["problem"]) == (401, "No signature fits.")


def test_failures_are_as_ordered(web: httpx.Client) -> None:
    """So many, with this status and Retry-After; then all is well again."""
    assert web.put("/api/next", json={"status": 503, "times": 2, "retry_after": 1}).status_code == 204
    answers = [deliver(web) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 204]
    assert [answer.headers.get("retry-after") for answer in answers] == ["1", "1", None]


@pytest.mark.parametrize("order", [{"status": 99}, {"times": -1}, {"state": 503}, []])
def test_order_that_makes_no_sense_is_refused(web: httpx.Client, order: object) -> None:
    """400, with the reason."""
    answer = web.put("/api/next", json=order)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_odd_bodies_are_kept(web: httpx.Client) -> None:
    """Neither JSON nor text, nested without end, or larger than anyone sends."""
    assert deliver(web, b"\xff\x00").status_code == 204
    assert deliver(web, b"[" * 100_000).status_code == 204
    assert deliver(web, b"x" * (1024 * 1024 + 1)).status_code == 413
    assert web.get("/api/deliveries").json()["total"] == 2
