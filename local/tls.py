"""TLS of one run of the local cloud: an authority that lives for that run, and the certificate of all its servers.

The authority's key is never written. Our own processes trust it, through the environment; the machine does not.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import certifi
import trustme

from shared.clock import utcnow

_NAMES = ("localhost", "127.0.0.1")
_LIFETIME = timedelta(days=30)


class ServerFiles(Protocol):
    """What a server presents: the file of its certificate and the file of that one's key."""

    @property
    def certificate(self) -> Path:
        """PEM."""
        ...

    @property
    def key(self) -> Path:
        """PEM."""
        ...


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of a run.

    Parameters
    ----------
    bundle
        Every authority that our processes trust: those of the internet, and this run's own.
    """

    certificate: Path
    key: Path
    bundle: Path

    @property
    def trust(self) -> dict[str, str]:
        """The environment in which requests (azure-core) and Python's own TLS (httpx) trust this run's servers."""
        return {"REQUESTS_CA_BUNDLE": str(self.bundle), "SSL_CERT_FILE": str(self.bundle)}


def certificates_in(folder: Path) -> Certificates:
    """Name the files of a run, whether or not they have been made."""
    return Certificates(folder / "server.pem", folder / "server.key", folder / "bundle.pem")


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and a certificate for this machine's loopback names, in place of those of the run before."""
    folder.mkdir(parents=True, exist_ok=True)
    files = certificates_in(folder)
    authority = trustme.CA(organization_name="batchjson local cloud")
    issued = authority.issue_cert(*_NAMES, not_after=utcnow() + _LIFETIME)
    files.certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    files.key.unlink(missing_ok=True)
    with os.fdopen(os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as key:
        key.write(issued.private_key_pem.bytes())
    files.bundle.write_bytes(_trusted().read_bytes() + b"\n" + authority.cert_pem.bytes())
    return files


def _trusted() -> Path:
    """The authorities that this machine's environment names (a company's proxy may have its own), else certifi's."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        file = Path(os.environ.get(name, ""))
        if file.is_file():
            return file
    return Path(certifi.where())


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server presents; TLS 1.2 and newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
