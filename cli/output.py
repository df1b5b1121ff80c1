"""Where everything that a command says goes: data to stdout, all the rest to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.prompt import Confirm
from rich.text import Text

from cli.errors import CommandFailed, ExitCode
from shared.runs import RunState

STATE_MARKS: dict[RunState, tuple[str, str]] = {
    RunState.CLAIMED: ("·", "dim"),
    RunState.SUBMITTED: ("…", "cyan"),
    RunState.SUCCEEDED: ("✓", "green"),
    RunState.REJECTED: ("!", "yellow"),
    RunState.FAILED: ("✗", "red"),
    RunState.LOST: ("?", "magenta"),
    RunState.IGNORED: ("-", "dim"),
}
"""A mark and a colour a state; its word always stands beside them, since neither is for everyone."""
Advance = Callable[[int], None]
_encoder = msgspec.json.Encoder(decimal_format="number")
_NARROW = 70


def _console(*, stderr: bool) -> Console:
    # Markup, emoji codes and highlighting off: what is printed holds names that strangers chose.
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)


@dataclass(slots=True)
class Output:
    """The voice of a command.

    Parameters
    ----------
    as_json
        One JSON document on stdout in place of tables and sentences.
    quiet
        No messages and no progress; results and errors only.
    asks
        Whether questions may be asked; off a terminal they never are.
    """

    as_json: bool = False
    quiet: bool = False
    asks: bool = True
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    @property
    def animated(self) -> bool:
        """True when a person looks at stderr and moving things may be shown there."""
        return self.err.is_terminal and not self.err.is_dumb_terminal and not self.quiet

    def show(self, *renderables: RenderableType) -> None:
        """Print results for people; nothing when JSON is asked for."""
        if not self.as_json:
            for renderable in renderables:
                self.out.print(renderable)

    def lines(self, text: str) -> None:
        """Print lines that somebody else wrote: whole, however long, so that they can be searched."""
        if not self.as_json:
            self.out.print(Text(text), soft_wrap=True)

    def document(self, document: Any) -> None:
        """Print the result as one JSON document, when JSON is asked for."""
        if self.as_json:
            sys.stdout.write(msgspec.json.format(_encoder.encode(document), indent=2).decode() + "\n")

    def say(self, message: RenderableType, style: str | None = None) -> None:
        """Tell how things are going. Lines are left whole, so that a path or a command can be copied."""
        if not self.quiet:
            self.err.print(message, style=style, soft_wrap=True)

    def fail(self, reason: str, fix: str | None = None, next_command: str | None = None) -> None:
        """Tell why the command ends, what to do about it, and what to try next. Quiet does not silence this."""
        self.err.print(Text.assemble(("error: ", "bold red"), reason), soft_wrap=True)
        if fix:
            self.err.print(Text.assemble(("  fix: ", "bold"), fix), soft_wrap=True)
        if next_command:
            self.err.print(Text.assemble((" next: ", "bold"), next_command), soft_wrap=True)

    def confirm(self, question: str, otherwise: str) -> None:
        """Ask before something is overwritten.

        Raises
        ------
        CommandFailed
            When the answer is no, or when nobody can be asked; `otherwise` then says what to do.
        """
        if not (self.asks and sys.stdin.isatty() and self.err.is_terminal):
            raise CommandFailed(question.replace("?", "") + ": nobody can be asked here.", fix=otherwise)
        if not Confirm.ask(Text(question), console=self.err, default=False):
            raise CommandFailed("Nothing was done.", fix=otherwise, exit_code=ExitCode.FAILED)

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show on a terminal that something of unknown length goes on."""
        if not self.animated:
            yield
            return
        with self.err.status(what):
            yield

    @contextmanager
    def progress(self, what: str, total: int, *, in_bytes: bool) -> Iterator[Advance]:
        """Show a bar on a terminal; nothing moves anywhere else. Yields the function that moves it on."""
        if not self.animated:
            yield lambda _: None
            return
        with Progress(*_columns(self.err.width, in_bytes=in_bytes), console=self.err, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.advance(task, done)


def _columns(width: int, *, in_bytes: bool) -> list[ProgressColumn]:
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=None)]
    columns.append(DownloadColumn() if in_bytes else MofNCompleteColumn())
    if width >= _NARROW:
        columns += [TransferSpeedColumn()] if in_bytes else []
        columns.append(TimeRemainingColumn())
    return columns


def state_text(state: RunState) -> Text:
    """Write a state: its mark, and its word."""
    mark, style = STATE_MARKS[state]
    return Text(f"{mark} {state.value}", style=style)
