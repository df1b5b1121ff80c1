"""A named connection of the settings → an SDK client: identity in Azure, an emulator's key on a laptop.

The Functions convention serves triggers and SDK clients alike: connection ``X`` is either the setting ``X`` (a
connection string) or settings ``X__…`` (identity). A key is taken only for an emulator on this machine, and never
inside Azure. SDKs are imported where they are used, so that a worker pays for the storage client only.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.errors import SettingsError

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.core.credentials import TokenCredential
    from azure.data.tables import TableServiceClient
    from azure.servicebus import ServiceBusClient
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

EMULATOR_ACCOUNT = "devstoreaccount1"
EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known development account: public, the same on every machine (Azurite docs)."""
_DEVELOPMENT_STORAGE = (
    f"DefaultEndpointsProtocol=http;AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY};"
    f"BlobEndpoint=http://127.0.0.1:10000/{EMULATOR_ACCOUNT};"
    f"QueueEndpoint=http://127.0.0.1:10001/{EMULATOR_ACCOUNT};"
    f"TableEndpoint=http://127.0.0.1:10002/{EMULATOR_ACCOUNT};"
)
CONNECT_SECONDS = 10
READ_SECONDS = 60
TIMEOUTS: dict[str, Any] = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
"""For every client on azure-core: it would wait five minutes by itself."""
RETRIES: dict[str, Any] = {"retry_total": 4, "retry_backoff_max": 20}
"""Tries after the first, and the longest pause in seconds: azure-core would try ten times, for minutes."""
_STORAGE: dict[str, Any] = {
    **TIMEOUTS,
    "retry_total": 4,
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
}
"""For blobs and queues: tried again after about 1, 3, 5 and 9 s. By itself the SDK waits 15 s before its first retry,
so that one refusal of a busy account would hold up a trigger for longer than most runs take."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One named connection.

    Parameters
    ----------
    string
        The connection string, or "" when the connection uses identity.
    fields
        What stands behind ``NAME__`` in the settings, or the parts of the connection string.
    """

    name: str
    string: str = field(default="", repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def by_identity(self) -> bool:
        """True when a managed identity (or the operator's own log-in) opens this connection."""
        return not self.string

    @property
    def on_this_machine(self) -> bool:
        """True for an emulator: every endpoint that the connection names is on this machine."""
        return all(is_loopback(endpoint) for endpoint in _endpoints(self))

    def get(self, key: str) -> str:
        """Return a field, or "" when it is absent."""
        return self.fields.get(key, "")

    def require(self, key: str) -> str:
        """Return a field.

        Raises
        ------
        SettingsError
            When it is missing; the message names the setting.
        """
        value = self.get(key)
        if not value:
            raise SettingsError(f"The connection {self.name} needs {self.name}__{key} (or, on a laptop, {self.name}).")
        return value


def read_connection(name: str, environment: Mapping[str, str] | None = None) -> Connection | None:
    """Read a connection from settings; None when there is neither ``NAME`` nor any ``NAME__…``.

    Raises
    ------
    SettingsError
        When it holds a key that would leave this machine, or any key inside Azure.
    """
    environment = os.environ if environment is None else environment
    string = environment.get(name, "").strip()
    fields = {key.removeprefix(f"{name}__"): value for key, value in environment.items() if key.startswith(f"{name}__")}
    if not string:
        return Connection(name, fields=fields) if fields else None
    connection = _from_string(name, string)
    _refuse_keys(connection, in_azure=runs_in_azure(environment))
    return connection


def runs_in_azure(environment: Mapping[str, str]) -> bool:
    """Tell whether this process runs on App Service: WEBSITE_SITE_NAME is set there, and by no emulator."""
    return (
        bool(environment.get("WEBSITE_SITE_NAME")) and environment.get("AZURE_FUNCTIONS_ENVIRONMENT") != "Development"
    )


def _from_string(name: str, string: str) -> Connection:
    if string.startswith(("smtp://", "smtps://")):
        return Connection(name, string)
    if string.lower().rstrip(";") == "usedevelopmentstorage=true":
        string = _DEVELOPMENT_STORAGE
    parts = (part.partition("=") for part in string.split(";") if part.strip())
    return Connection(name, string, {key.strip(): value.strip() for key, _, value in parts})


def _refuse_keys(connection: Connection, *, in_azure: bool) -> None:
    if connection.string.startswith(("smtp://", "smtps://")):
        secret = bool(urlsplit(connection.string).password)
        elsewhere = False
    else:
        secret = True
        elsewhere = not connection.on_this_machine
    name = connection.name
    if in_azure and secret:
        raise SettingsError(f"{name} holds a key or a connection string. In Azure, use {name}__… and managed identity.")
    if elsewhere:
        raise SettingsError(
            f"{name} holds a key for a service that is not on this machine. Use {name}__… and identity."
        )


def _endpoints(connection: Connection) -> list[str]:
    found = [value for key, value in connection.fields.items() if key.endswith(("Endpoint", "ServiceUri"))]
    return found or ["nowhere"]


def is_loopback(endpoint: str) -> bool:
    """Tell whether an address (a URL or host:port) is on this machine, judged without asking any name server."""
    host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def credential(connection: Connection) -> TokenCredential:
    """The identity for a connection: the managed identity it names, else the default chain (az login, azd, …)."""
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    client_id = connection.get("clientId") or os.environ.get("AZURE_CLIENT_ID") or None
    if connection.get("credential") == "managedidentity":
        return ManagedIdentityCredential(client_id=client_id)
    return DefaultAzureCredential(managed_identity_client_id=client_id)


def account_name(connection: Connection) -> str:
    """The storage account's name, by which run ids are made."""
    if not connection.by_identity:
        return connection.require("AccountName")
    endpoint = connection.require("blobServiceUri")
    if is_loopback(endpoint):
        return urlsplit(endpoint).path.strip("/")  # an emulator has the account in its path
    return (urlsplit(endpoint).hostname or "").partition(".")[0]


def batch_account(connection: Connection) -> str:
    """The Batch account's name."""
    if not connection.by_identity:
        return connection.require("AccountName")
    endpoint = connection.require("accountEndpoint")
    host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname or ""
    return host.partition(".")[0]


def blob_service(connection: Connection) -> BlobServiceClient:
    """A client for the blobs of a storage connection."""
    from azure.storage.blob import BlobServiceClient

    if connection.by_identity:
        return BlobServiceClient(connection.require("blobServiceUri"), credential(connection), **_STORAGE)
    return BlobServiceClient.from_connection_string(connection.string, **_STORAGE)


def queue_service(connection: Connection) -> QueueServiceClient:
    """A client for the queues of a storage connection."""
    from azure.storage.queue import QueueServiceClient

    if connection.by_identity:
        return QueueServiceClient(connection.require("queueServiceUri"), credential(connection), **_STORAGE)
    return QueueServiceClient.from_connection_string(connection.string, **_STORAGE)


def table_service(connection: Connection) -> TableServiceClient:
    """A client for the tables of a storage connection."""
    from azure.data.tables import TableServiceClient

    if connection.by_identity:
        endpoint = connection.require("tableServiceUri")
        return TableServiceClient(endpoint, credential=credential(connection), **TIMEOUTS, **RETRIES)
    return TableServiceClient.from_connection_string(connection.string, **TIMEOUTS, **RETRIES)


def service_bus(connection: Connection) -> ServiceBusClient:
    """A client for Service Bus; bounded retries, since every caller has its own way of trying again later.

    Authorities: those of ``REQUESTS_CA_BUNDLE``, as for all other clients; by itself this SDK knows certifi's only.
    """
    from azure.servicebus import ServiceBusClient

    limits: dict[str, Any] = {"retry_total": 2, "retry_backoff_max": 5, "socket_timeout": CONNECT_SECONDS}
    if connection.by_identity:
        namespace = connection.require("fullyQualifiedNamespace")
        limits |= {"connection_verify": os.environ.get("REQUESTS_CA_BUNDLE"), **_port_of(namespace)}
        return ServiceBusClient(namespace, credential(connection), **limits)
    return ServiceBusClient.from_connection_string(connection.string, **limits)


def _port_of(namespace: str) -> dict[str, Any]:
    """A namespace on a port of its own (the SDK drops the port of the name): that of a local cloud."""
    from azure.servicebus import TransportType

    if not urlsplit(f"//{namespace}").port:
        return {}
    return {"custom_endpoint_address": f"sb://{namespace}", "transport_type": TransportType.Amqp}


def batch(connection: Connection) -> BatchClient:
    """A client for Azure Batch."""
    from azure.batch import BatchClient
    from azure.core.credentials import AzureNamedKeyCredential

    from shared.retries import JitteredRetries

    limits: dict[str, Any] = {**TIMEOUTS, "retry_policy": JitteredRetries(**RETRIES)}
    if connection.by_identity:
        return BatchClient(connection.require("accountEndpoint"), credential(connection), **limits)
    key = AzureNamedKeyCredential(connection.require("AccountName"), connection.require("AccountKey"))
    return BatchClient(connection.require("AccountEndpoint"), key, **limits)
