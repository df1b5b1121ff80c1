"""The command `batchjson`: its sub-commands, and the way in."""

from __future__ import annotations

import logging
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli import budget, image, pool_change, webhooks
from cli.canary import canary
from cli.costs import costs
from cli.demo.command import demo
from cli.doctor import doctor
from cli.download import download
from cli.explain import explain
from cli.formula import formula
from cli.generate import generate
from cli.logs import logs
from cli.open import open_dashboard
from cli.pool import doctor as pool_doctor
from cli.pool import show as pool_show
from cli.process import process
from cli.replay import replay
from cli.rollup import rollup
from cli.runs import runs
from cli.show import show
from cli.simulate import simulate
from cli.submit import submit
from cli.sweep import sweep
from cli.upload import upload
from cli.watch import watch


class Command(TyperCommand):
    """A sub-command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, flags without a type."""
        return _untyped_flags(super().get_params(ctx))


class Group(TyperGroup):
    """The command itself."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, flags without a type."""
        return _untyped_flags(super().get_params(ctx))


def _untyped_flags(parameters: list[Any]) -> list[Any]:
    # Typer's help would say `--gzip <bool>`, as if the flag took a value.
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


app = typer.Typer(
    name="batchjson",
    cls=Group,
    help="Drop JSON files into a blob container; Azure Functions and Azure Batch do the rest.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a run did not succeed or something is not well, "
    "130 stopped by Ctrl-C. "
    "Results go to stdout, messages to stderr. All commands: docs/cli.md",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_FILES, _RUNS, _TRY, _CARE = "Files", "Runs", "Try it", "When something went wrong"
for _function, _panel in (
    (demo, _TRY),
    (generate, _FILES),
    (process, _FILES),
    (upload, _FILES),
    (runs, _RUNS),
    (show, _RUNS),
    (download, _RUNS),
    (costs, _RUNS),
    (logs, _RUNS),
    (watch, _RUNS),
    (submit, _FILES),
    (doctor, _CARE),
    (rollup, _RUNS),
    (explain, _CARE),
    (replay, _CARE),
    (sweep, _CARE),
    (canary, _CARE),
):
    app.command(cls=Command, rich_help_panel=_panel)(_function)
app.command("open", cls=Command, rich_help_panel=_RUNS)(open_dashboard)

_webhooks = typer.Typer(cls=Group, no_args_is_help=True, help="Webhook endpoints: how they are, and every call.")
for _name, _function in (
    ("list", webhooks.list_endpoints),
    ("log", webhooks.log),
    ("test", webhooks.call_as_test),
    ("enable", webhooks.enable),
):
    _webhooks.command(_name, cls=Command)(_function)
app.add_typer(_webhooks, name="webhooks", rich_help_panel=_CARE)
_pool = typer.Typer(
    name="pool", cls=Group, help="The pool: how it stands and grows, what is wrong with it.", no_args_is_help=True
)
for _name, _function in (
    ("show", pool_show),
    ("doctor", pool_doctor),
    ("formula", formula),
    ("simulate", simulate),
    ("create", pool_change.create),
    ("resize", pool_change.resize),
    ("recycle", pool_change.recycle),
):
    _pool.command(_name, cls=Command)(_function)
app.add_typer(_pool, rich_help_panel=_CARE)
_image = typer.Typer(name="image", cls=Group, help="The worker image: build it, push it.", no_args_is_help=True)
for _name, _function in (("build", image.build), ("push", image.push)):
    _image.command(_name, cls=Command)(_function)
app.add_typer(_image, rich_help_panel=_CARE)
_budget = typer.Typer(name="budget", cls=Group, help="What a day and a month may cost.", no_args_is_help=True)
for _name, _function in (("show", budget.show), ("set", budget.set_), ("raise", budget.raise_), ("drop", budget.drop)):
    _budget.command(_name, cls=Command)(_function)
app.add_typer(_budget, rich_help_panel=_RUNS)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # Typer calls it so
    if wanted:
        typer.echo(f"batchjson {installed_version()}")
        raise typer.Exit


def installed_version() -> str:
    """The version of the installed package."""
    try:
        return version("batchjson")
    except PackageNotFoundError:
        return "(not installed: run from its source)"


@app.callback()
def main(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Drop JSON files into a blob container; Azure Functions and Azure Batch do the rest."""


def run() -> None:
    """The entry point: speaks any encoding, and lets SIGTERM and SIGHUP end a command as tidily as Ctrl-C does."""
    # Log events are for operators of the function app: a command says what it has to say itself.
    logging.getLogger().addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding cannot show must not end the command.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants it ignored
            signal.signal(number, _interrupted)
    app()


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
