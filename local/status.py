"""What the local cloud's state looks like on a terminal, and as JSON."""

from __future__ import annotations

import msgspec
from rich.console import Console
from rich.table import Table

from local.layout import Layout, command
from local.record import CloudRecord

_HINT = """
Drop files:   batchjson upload FILE.json        or any storage tool, into the container batch-input
Dashboard:    {dashboard}
Mails:        {mail}
Logs:         {logs}
End it with   {end}
"""


def show(record: CloudRecord, console: Console) -> None:
    """Print a table: part, address, state, seconds to start."""
    table = Table(box=None, pad_edge=False)
    for heading in ("part", "address", "state"):
        table.add_column(heading, overflow="fold")
    table.add_column("ready after", justify="right")
    for part in record.parts:
        table.add_row(part.title, part.address, part.state, f"{part.seconds:.1f} s")
    console.print(table)


def hint(record: CloudRecord, layout: Layout, *, detached: bool) -> str:
    """Tell what to do next."""
    end = command("down", layout.root) if detached else "Ctrl-C"
    dashboard = record.addresses.get("dashboard", "needs the Functions host")
    return _HINT.format(dashboard=dashboard, mail=record.addresses.get("mail", ""), logs=layout.logs, end=end).rstrip()


def as_json(record: CloudRecord | None) -> str:
    """Write the state as one JSON document."""
    if record is None:
        return '{"running":false}'
    parts = [{**msgspec.to_builtins(part), "state": part.state} for part in record.parts]
    document = {"running": True, **msgspec.to_builtins(record), "parts": parts}
    return msgspec.json.encode(document).decode()
