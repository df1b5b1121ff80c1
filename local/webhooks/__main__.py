"""Receive webhooks: ``python -m local.webhooks --secret whsec_… --state .local/webhooks``."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from pathlib import Path

from local.box import Box
from local.serving import PortInUse, listen, serve, stop_on_signals
from local.webhooks.signature import parse_secret
from local.webhooks.web import Receiver
from shared.errors import SettingsError

_MOST_DELIVERIES = 5000


def main() -> int:
    """Run until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m local.webhooks", description=__doc__)
    parser.add_argument("--port", type=int, default=8026, help="0 takes a free one")
    parser.add_argument(
        "--secret", default=os.environ.get("WEBHOOK_SECRET", ""), help="whsec_…; by default WEBHOOK_SECRET"
    )
    parser.add_argument("--state", type=Path, required=True, help="folder for what came")
    arguments = parser.parse_args()
    try:
        receiver = Receiver(parse_secret(arguments.secret), Box(arguments.state, ".json", _MOST_DELIVERIES))
        listening = listen(arguments.port)
    except (PortInUse, SettingsError) as problem:
        print(problem, file=sys.stderr)
        return 1
    asyncio.run(_run(receiver, listening))
    return 0


async def _run(receiver: Receiver, listening: socket.socket) -> None:
    await serve(receiver.app(), listening, stop_on_signals())


if __name__ == "__main__":
    sys.exit(main())
