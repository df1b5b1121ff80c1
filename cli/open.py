"""`batchjson open`: where the dashboard is."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer

from cli.common import ROOT, Invocation, local_command
from cli.errors import CommandFailed, ExitCode
from cli.text import shown

RECORD = Path(".local") / "cloud.json"
"""Written by the local cloud when all of it is ready."""
FUNCTION_APP_URL = "AZURE_FUNCTION_APP_URL"
"""One of the values of an azd environment (`azd env get-values`)."""
_PATH = "/api/dashboard/"


class _Record(msgspec.Struct):
    supervisor: int
    addresses: dict[str, str]


@local_command
def open_dashboard(
    invocation: Invocation,
    *,
    url: Annotated[str, typer.Option("--url", envvar=FUNCTION_APP_URL, help="Address of the function app.")] = "",
    print_only: Annotated[bool, typer.Option("--print", help="Print the address; open nothing.")] = False,
) -> None:
    """Open the dashboard in the browser: that of the running local cloud, else that of the function app."""
    output = invocation.output
    address = _deployed(url) if url else _local()
    output.document({"url": address})
    output.show(address)
    if not print_only and not output.as_json and not webbrowser.open(address):
        output.say("No browser could be opened here: open the address above.")


def _deployed(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise CommandFailed(f"{shown(url)} is no address.", fix="Give https://….", exit_code=ExitCode.USAGE)
    return url if parts.path.rstrip("/") else f"{url.rstrip('/')}{_PATH}"


def _local() -> str:
    """The address of the local cloud that runs in this folder, or where the project is."""
    for folder in dict.fromkeys((Path.cwd(), ROOT)):
        record = _running(folder / RECORD)
        if record and (address := record.addresses.get("dashboard")):
            return address
    raise CommandFailed(
        "No local cloud with a dashboard runs here, and no function app was named.",
        fix=f"Start the local cloud, or name the function app: --url, or {FUNCTION_APP_URL} (azd env get-values).",
        next_command="make up",
    )


def _running(file: Path) -> _Record | None:
    if not file.is_file():
        return None
    record = msgspec.json.decode(file.read_bytes(), type=_Record)
    try:
        os.kill(record.supervisor, 0)
    except ProcessLookupError:
        return None  # it was killed, and left its record
    except PermissionError:
        return record
    return record
