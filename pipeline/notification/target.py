"""Where a webhook may go: never into our own network, whatever a name resolves to (SSRF)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

import httpx

from shared.errors import DeliveryFailed, DeliveryRefused, SettingsError

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the IP addresses of a host name."""
_PORTS = {"http": 80, "https": 443}
FORBIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own: DNS, health probes, agent. It is a public address by its number
        "169.254.0.0/16",  # link-local; 169.254.169.254 hands out identities
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback, and IPv4 in disguise
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64: carries any IPv4 address
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: carries any IPv4 address
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""IANA's special-purpose registries, and Azure's addresses. Spelled out, as `is_global` differs between Pythons."""


def read_url(address: str, *, https_only: bool, name: str = "WEBHOOK_URL") -> httpx.URL:
    """Read the address of a webhook.

    Parameters
    ----------
    name
        What the error calls it.

    Raises
    ------
    SettingsError
        When it is no http(s) address, carries a user or password, or is not https where it must be.
    """
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, UnicodeError) as problem:
        raise SettingsError(f"{name} is no address.") from problem
    if url.scheme not in _PORTS or not url.host:
        raise SettingsError(f"{name} should be an https:// address.")
    if "@" in address.partition("://")[2].partition("/")[0] or url.userinfo:
        raise SettingsError(f"{name} must not hold a user or password: calls are signed instead.")
    if https_only and url.scheme != "https":
        raise SettingsError(f"{name} must be https:// outside a laptop.")
    return url


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a name; an address is its own answer."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


def vetted_addresses(url: httpx.URL, look_up: Resolve, *, allow_private: bool) -> tuple[str, ...]:
    """Resolve a webhook's host, once, to the addresses that may be connected to.

    The caller must connect to these and not resolve again: a second answer could be another one (DNS rebinding).

    Raises
    ------
    DeliveryFailed
        When the name does not resolve at present.
    DeliveryRefused
        When any of its addresses is not public, as one bad answer among good ones is an attack.
    """
    host = url.raw_host.decode("ascii")
    try:
        addresses = tuple(dict.fromkeys(look_up(host, url.port or _PORTS[url.scheme])))
    except (OSError, UnicodeError) as problem:
        raise DeliveryFailed(f"The webhook's host does not resolve ({type(problem).__name__}).") from problem
    if not addresses:
        raise DeliveryFailed("The webhook's host does not resolve (no address).")
    if not allow_private and not all(is_public(address) for address in addresses):
        raise DeliveryRefused("The webhook's host resolves to an address that is not public.")
    return addresses


def is_public(address: str) -> bool:
    """Tell whether an IP address is out on the Internet; what cannot be read is not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
        return False
    listed = any(ip.version == network.version and ip in network for network in FORBIDDEN)
    return ip.is_global and not ip.is_multicast and not listed
