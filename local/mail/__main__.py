"""Catch mails: ``python -m local.mail --state .local/mail``; they show at http://127.0.0.1:8025."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from pathlib import Path

from local.box import Box
from local.identity.access import TokenAccess, add_options, read_options
from local.identity.directory import MAIL
from local.mail.acs import AcsWeb
from local.mail.mailbox import Mailbox
from local.mail.smtp import serve_smtp
from local.mail.web import MailWeb
from local.serving import PortInUse, address, listen, serve, stop_on_signals

_MOST_MAILS = 5000


def main() -> int:
    """Run until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m local.mail", description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=1025, help="0 takes a free one")
    parser.add_argument("--http-port", type=int, default=8025, help="0 takes a free one")
    parser.add_argument("--acs-port", type=int, default=0, help="of the way in that takes tokens; 0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="folder for the mails")
    add_options(parser)
    arguments = parser.parse_args()
    access = read_options(parser, arguments)
    logging.basicConfig(level=logging.INFO, format="[%(asctime)s] %(message)s")
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    try:
        smtp, http = listen(arguments.smtp_port), listen(arguments.http_port)
        acs = (access, listen(arguments.acs_port)) if access else None
    except PortInUse as problem:
        print(problem, file=sys.stderr)
        return 1
    asyncio.run(_run(Mailbox(Box(arguments.state, ".eml", _MOST_MAILS)), smtp, http, acs))
    return 0


async def _run(
    mailbox: Mailbox, smtp: socket.socket, http: socket.socket, acs: tuple[TokenAccess, socket.socket] | None
) -> None:
    stop = stop_on_signals()
    server = await serve_smtp(mailbox, smtp)
    print(f"listening on {address(smtp, 'smtp')}", flush=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(MailWeb(mailbox).app(), http, stop))
        if acs:
            access, listening = acs
            web = AcsWeb(mailbox, access.check(MAIL))
            group.create_task(serve(web.app(), listening, stop, access))
    server.close()


if __name__ == "__main__":
    sys.exit(main())
