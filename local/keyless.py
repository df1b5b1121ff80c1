"""The local cloud without any key: TLS, tokens of managed identities, and settings in the form that Azure has.

Who gets a token how is as in Azure: the Functions host from App Service's endpoint, Batch nodes and the worker from
that of virtual machines, an operator's command by having logged in (here: by what stands beside the settings).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.identity.access import TokenAccess
from local.identity.directory import APP, OPERATOR, POOL
from local.identity.web import APP_SERVICE_PATH
from local.layout import Layout
from local.ports import Ports
from local.tls import Certificates, make_certificates
from shared.connections import EMULATOR_ACCOUNT

PUBLIC_KEY = "tokens.pem"
"""File in the identity endpoint's state folder that the services check tokens by."""
_BY_KEY = ("AzureWebJobsStorage", "STORAGE", "SERVICEBUS", "BATCH", "EMAIL")
_AS_APP = {"credential": "managedidentity", "clientId": APP.client_id}


@dataclass(frozen=True, slots=True)
class Keyless:
    """What one run without keys is made of.

    Parameters
    ----------
    header
        What App Service would tell an app's processes, so that they can ask for tokens; made anew for each run.
    """

    ports: Ports
    layout: Layout
    certificates: Certificates
    header: str = field(repr=False)

    @property
    def access(self) -> TokenAccess:
        """How the services serve."""
        tokens = self.layout.state_of("identity") / PUBLIC_KEY
        return TokenAccess(self.certificates.certificate, self.certificates.key, tokens)

    def settings(self, values: Mapping[str, str]) -> dict[str, str]:
        """The settings of a run, with each connection in its production form instead of a key."""
        kept = {name: value for name, value in values.items() if name not in _BY_KEY}
        connections = {
            "AzureWebJobsStorage": self._storage(),
            "STORAGE": self._storage(),
            "SERVICEBUS": {"fullyQualifiedNamespace": f"127.0.0.1:{self.ports.servicebus}"},
            "BATCH": {"accountEndpoint": f"https://127.0.0.1:{self.ports.batch}"},
            "EMAIL": {"endpoint": f"https://127.0.0.1:{self.ports.acs}"},
        }
        fields = {
            f"{name}__{key}": value for name, each in connections.items() for key, value in {**each, **_AS_APP}.items()
        }
        worker = {
            "WORKER_IDENTITY_CLIENT_ID": POOL.client_id,
            "WORKER_IDENTITY_RESOURCE_ID": POOL.resource_id,
        }
        return {**kept, **fields, **worker}

    @property
    def app(self) -> dict[str, str]:
        """What App Service adds to the environment of an app's processes."""
        endpoint = f"{self._identity}{APP_SERVICE_PATH}"
        return {"IDENTITY_ENDPOINT": endpoint, "IDENTITY_HEADER": self.header, **self.certificates.trust}

    @property
    def operator(self) -> dict[str, str]:
        """What stands for having logged in."""
        return {**self.app, "AZURE_CLIENT_ID": OPERATOR.client_id}

    @property
    def node(self) -> dict[str, str]:
        """What a Batch node's programs find. On a real node the address of the endpoint is fixed, and needs no name."""
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self._identity, **self.certificates.trust}

    @property
    def _identity(self) -> str:
        return f"http://127.0.0.1:{self.ports.identity}"

    def _storage(self) -> dict[str, str]:
        ports = {"blob": self.ports.blob, "queue": self.ports.queue, "table": self.ports.table}
        return {f"{name}ServiceUri": f"https://127.0.0.1:{port}/{EMULATOR_ACCOUNT}" for name, port in ports.items()}


def make_keyless(ports: Ports, layout: Layout) -> Keyless:
    """Make what a run needs: its certificates, and the header that its apps send."""
    return Keyless(ports, layout, make_certificates(layout.state_of("tls")), secrets.token_hex(32))
