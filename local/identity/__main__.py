"""Hand out tokens: ``IDENTITY_HEADER=… python -m local.identity --port 10004 --state .local/identity``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
from pathlib import Path

from local.identity.tokens import Issuer
from local.identity.web import IdentityWeb
from local.serving import PortInUse, listen, serve, stop_on_signals


def main() -> int:
    """Run until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m local.identity", description=__doc__)
    parser.add_argument("--port", type=int, default=10004, help="0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="folder for the keys of the tokens")
    arguments = parser.parse_args()
    header = os.environ.get("IDENTITY_HEADER", "")
    if not header:
        print("IDENTITY_HEADER must be set: it is what apps have to send.", file=sys.stderr)
        return 1
    logging.basicConfig(level=logging.INFO, format="[%(asctime)s] %(message)s")
    issuer = Issuer(arguments.state / "private.pem")
    (arguments.state / "tokens.pem").write_bytes(issuer.public_key())
    try:
        listening = listen(arguments.port)
    except PortInUse as problem:
        print(problem, file=sys.stderr)
        return 1
    asyncio.run(_run(IdentityWeb(issuer, header), listening))
    return 0


async def _run(web: IdentityWeb, listening: socket.socket) -> None:
    await serve(web.app(), listening, stop_on_signals())


if __name__ == "__main__":
    sys.exit(main())
