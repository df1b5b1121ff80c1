"""Webhooks go out to the Internet and nowhere else."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.target import is_public, read_url, resolve, vetted_addresses
from shared.errors import DeliveryFailed, DeliveryRefused, SettingsError

PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]
HOSTILE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
]


class Resolver:
    """Answers with one list of addresses a question, and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self._answers.pop(0)


def vet(*addresses: str, allow_private: bool = False) -> tuple[str, ...]:
    """Vet a host that resolves to these."""
    url = httpx.URL("https://hooks.example.com/x")
    return vetted_addresses(url, Resolver(addresses), allow_private=allow_private)


@pytest.mark.parametrize("address", HOSTILE)
def test_addresses_inside_are_refused(address: str) -> None:
    """Private, local, special and disguised addresses are refused for good."""
    assert not is_public(address)
    with pytest.raises(DeliveryRefused):
        vet(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_outside_are_taken(address: str) -> None:
    """Public addresses of both families pass."""
    assert vet(address) == (address,)


@pytest.mark.parametrize("bad", ["10.0.0.1", "::1", "169.254.169.254"])
def test_one_address_inside_refuses_all(bad: str) -> None:
    """A good answer does not excuse a bad one, in whatever order."""
    for answer in ([*PUBLIC, bad], [bad, *PUBLIC]):
        with pytest.raises(DeliveryRefused):
            vet(*answer)


def test_a_laptop_may_call_itself() -> None:
    """Private addresses pass where they are allowed."""
    assert vet("127.0.0.1", "::1", allow_private=True) == ("127.0.0.1", "::1")


def test_the_host_is_resolved_once_with_its_port() -> None:
    """One question is asked, and doubles in its answer are dropped."""
    resolver = Resolver(["1.1.1.1", "1.1.1.1", "1.0.0.1"])
    assert vetted_addresses(httpx.URL("https://a.example:444/"), resolver, allow_private=False) == (
        "1.1.1.1",
        "1.0.0.1",
    )
    assert resolver.asked == [("a.example", 444)]


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), TimeoutError(), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_tried_again(failure: Exception) -> None:
    """DNS trouble may pass: it is a failure, not a refusal."""

    def look_up(host: str, port: int) -> Sequence[str]:
        raise failure

    with pytest.raises(DeliveryFailed) as caught:
        vetted_addresses(httpx.URL("https://a.example/"), look_up, allow_private=False)
    assert not caught.value.permanent


def test_an_empty_answer_is_tried_again() -> None:
    """No address at all is DNS trouble, too."""
    with pytest.raises(DeliveryFailed) as caught:
        vet()
    assert not caught.value.permanent


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_addresses_in_odd_notations_do_not_get_through(host: str) -> None:
    """However an address is written in the URL, the system's own reading of it is vetted."""
    with pytest.raises(DeliveryFailed):
        vetted_addresses(httpx.URL(f"https://{host}/"), resolve, allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "https://user:pw@example.com/",
        "https://user@example.com/",
        "https://@example.com/",
        "https://example.com\\@127.0.0.1/",
        "https://127.0.0.1#@example.com",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://[::1",
        "https://example.com:port/",
        "https://host/\r\nX: y",
        "https://。。/",
        "example.com",
        "",
    ],
)
def test_addresses_that_are_no_webhook_are_settings_errors(address: str) -> None:
    """Credentials, other schemes and nonsense are refused at start."""
    with pytest.raises(SettingsError, match="WEBHOOK_URL"):
        read_url(address, https_only=True)


def test_http_is_for_laptops() -> None:
    """A plain http address is read where it is allowed."""
    assert read_url("http://127.0.0.1:8026/hook", https_only=False).port == 8026


def test_an_at_sign_in_the_path_is_no_credential() -> None:
    """Only the part before the path can hold a password."""
    assert read_url("https://example.com/@me?to=a@b", https_only=True).host == "example.com"


@given(st.ip_addresses())
def test_only_global_addresses_are_public(address: object) -> None:
    """What Python's own registry calls not global is never let through."""
    assert not is_public(str(address)) or (address.is_global and not address.is_multicast)  # type: ignore[attr-defined]
