"""Who there is, and what tokens can be asked for: the local cloud's stand-in for a directory."""

from __future__ import annotations

from dataclasses import dataclass

TENANT = "10ca1000-0000-4000-8000-000000000000"
_GROUP = "/subscriptions/10ca1000-0000-4000-8000-000000000001/resourceGroups/local"
_IDENTITIES = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"

STORAGE = "https://storage.azure.com"
SERVICE_BUS = "https://servicebus.azure.net"
BATCH = "https://batch.core.windows.net"
MAIL = "https://communication.azure.com"
AUDIENCES = frozenset({STORAGE, SERVICE_BUS, BATCH, MAIL})
"""The services that tokens are issued for, without the slash that some SDKs write behind them."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user-assigned managed identity. Its ids are fixed and public; they open nothing by themselves."""

    name: str
    client_id: str
    principal_id: str

    @property
    def resource_id(self) -> str:
        """Its Azure resource id."""
        return f"{_IDENTITIES}/{self.name}"


APP = Identity("app", "10ca1000-0000-4000-8000-0000000000a1", "10ca1000-0000-4000-8000-0000000000a2")
"""The function app's."""
POOL = Identity("pool", "10ca1000-0000-4000-8000-0000000000b1", "10ca1000-0000-4000-8000-0000000000b2")
"""The Batch pool's: the worker uses it, and Batch to upload logs."""
OPERATOR = Identity("operator", "10ca1000-0000-4000-8000-0000000000c1", "10ca1000-0000-4000-8000-0000000000c2")
"""Stands for a person who has logged in; the command uses it."""


def audience_of(resource: str) -> str | None:
    """The service that a resource means; None when it is none of ours."""
    audience = resource.rstrip("/")
    return audience if audience in AUDIENCES else None


def find(identities: tuple[Identity, ...], client_id: str, resource_id: str) -> Identity | None:
    """Find the identity that a request names, by either id; None when it names none of these.

    A request without any id is refused, too: in Azure it means the system-assigned identity, which our apps do not
    have, and an app that forgets to name its identity is to be found out here.
    """
    for each in identities:
        if client_id.lower() == each.client_id or resource_id.lower() == each.resource_id.lower():
            return each
    return None
