"""How a service of the local cloud serves that takes tokens only: its TLS, and what its tokens are checked by."""

from __future__ import annotations

import argparse
import ssl
from dataclasses import dataclass
from pathlib import Path

from local.identity.tokens import TokenCheck
from local.tls import server_context

_OPTIONS = ("--tls-certificate", "--tls-key", "--tokens")


@dataclass(frozen=True, slots=True)
class TokenAccess:
    """The files of such a service: its certificate, that one's key, and the public key of the tokens."""

    certificate: Path
    key: Path
    tokens: Path

    def context(self) -> ssl.SSLContext:
        """What the service presents."""
        return server_context(self.certificate, self.key)

    def check(self, audience: str) -> TokenCheck:
        """What lets tokens for this service pass."""
        return TokenCheck(self.tokens, audience)

    def options(self) -> list[str]:
        """The command line that `read_options` reads back."""
        files = (self.certificate, self.key, self.tokens)
        return [word for option, file in zip(_OPTIONS, files, strict=True) for word in (option, str(file))]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take `TokenAccess`."""
    group = parser.add_argument_group("over TLS, with tokens only (all three or none)")
    group.add_argument("--tls-certificate", type=Path, metavar="PEM")
    group.add_argument("--tls-key", type=Path, metavar="PEM")
    group.add_argument("--tokens", type=Path, metavar="PEM", help="public key that tokens are checked by")


def read_options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> TokenAccess | None:
    """Read it from a command line; None when it was not given. Half of it ends the command with its usage."""
    files = (given.tls_certificate, given.tls_key, given.tokens)
    if not any(files):
        return None
    if not all(files):
        parser.error(f"{', '.join(_OPTIONS)} go together")
    return TokenAccess(*files)
