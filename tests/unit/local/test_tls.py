"""Certificates of one run: what they are for, and who trusts them."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import certifi
import pytest

from local.tls import Certificates, make_certificates, server_context


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Those of a run in an environment that names no authorities."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    return make_certificates(tmp_path)


def greet(certificates: Certificates, trust: str, name: str) -> str | None:
    """Shake hands with a server that presents them; the version of TLS that was agreed on."""
    here, there = socket.socketpair()
    client_context = ssl.create_default_context(cafile=trust)

    def serve() -> None:
        tls = server_context(certificates.certificate, certificates.key).wrap_socket(
            there, server_side=True, do_handshake_on_connect=False
        )
        with tls:
            try:
                tls.do_handshake()
                tls.recv(1)
            except (OSError, ssl.SSLError):
                return  # the client has said what was wrong

    server = threading.Thread(target=serve)
    server.start()
    try:
        with client_context.wrap_socket(here, server_hostname=name) as tls:
            return tls.version()
    finally:
        here.close()
        server.join(30)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_processes_that_take_the_bundle_trust_the_servers(certificates: Certificates, name: str) -> None:
    """Strictly checked, as Python 3.13 does by itself."""
    assert greet(certificates, certificates.trust["SSL_CERT_FILE"], name) in ("TLSv1.2", "TLSv1.3")


def test_nobody_else_trusts_them_and_no_other_name_is_theirs(certificates: Certificates) -> None:
    """Neither with the internet's authorities, nor as some other machine."""
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(certificates, certifi.where(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(certificates, certificates.trust["SSL_CERT_FILE"], "example.com")


def test_authority_s_key_is_written_nowhere(certificates: Certificates, tmp_path: Path) -> None:
    """One private key there is, the server's, for its owner only."""
    holding = [file for file in tmp_path.iterdir() if b"PRIVATE KEY" in file.read_bytes()]
    assert holding == [certificates.key]
    assert certificates.key.stat().st_mode & 0o077 == 0


def test_authorities_that_the_environment_names_stay_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that of a company's proxy; the internet goes on working beside the local cloud."""
    (tmp_path / "company.pem").write_bytes(b"# the company's\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "company.pem"))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    bundle = make_certificates(tmp_path / "tls").bundle.read_bytes()
    assert bundle.startswith(b"# the company's")
    assert bundle.count(b"BEGIN CERTIFICATE") == 1
