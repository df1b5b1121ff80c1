"""What all commands share: their common options, and how errors become a message and an exit code."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, Protocol

import typer

from cli.errors import CommandFailed, ExitCode
from cli.output import Output
from cli.settings import demand_answer, find_settings
from cli.text import shown
from shared.errors import AccessDenied, BatchJsonError, RunNotFound, ServiceUnavailable, SettingsError
from shared.settings import STORAGE_NEEDS

if TYPE_CHECKING:
    from pipeline.services import Services

P = ParamSpec("P")
ROOT = Path(__file__).resolve().parent.parent
"""Where the project's packages stand; its parts are started from here."""

_JSON = typer.Option("--json", help="One JSON document on stdout in place of text.", rich_help_panel="Everywhere")
_QUIET = typer.Option("--quiet", "-q", help="Results and errors only.", rich_help_panel="Everywhere")
_NO_INPUT = typer.Option("--no-input", help="Never ask; fail in place of it.", rich_help_panel="Everywhere")
_SETTINGS = typer.Option(
    "--settings",
    metavar="FILE",
    envvar="BATCHJSON_SETTINGS",
    help="Settings in the form of local.settings.json.",
    rich_help_panel="Everywhere",
    dir_okay=False,
)


class Connect(Protocol):
    """Opens the services that the settings name; tests hand another one to the command as its context object."""

    def __call__(self, settings_file: Path | None, needs: AbstractSet[str] = STORAGE_NEEDS) -> Services: ...


def connect(settings_file: Path | None, needs: AbstractSet[str] = STORAGE_NEEDS) -> Services:
    """Find the settings, make sure that storage answers, and open the services."""
    found = find_settings(settings_file, os.environ, (Path.cwd(), ROOT), needs)
    demand_answer(found)
    os.environ.update(found.platform)  # where the SDKs look for it, as Core Tools do with a settings file's values
    # The Azure SDKs behind it take longer to load than `--help` may take.
    from pipeline.services import Services

    return Services.from_settings(found.settings)


@dataclass(frozen=True, slots=True)
class Invocation:
    """How a command was called: its voice, the settings it was given, and how it gets at the services."""

    output: Output
    settings_file: Path | None = None
    connect: Connect = connect

    def services(self, needs: AbstractSet[str] = STORAGE_NEEDS) -> Services:
        """Open the services; `needs` are the connections and settings that the command cannot do without."""
        return self.connect(self.settings_file, needs)


def local_command(function: Callable[Concatenate[Invocation, P], None]) -> Callable[..., None]:
    """Make a command that needs no cloud: adds ``--json``, ``--quiet``, ``--no-input``; errors become exit codes."""
    return _command(function, _common_parameters())


def cloud_command(function: Callable[Concatenate[Invocation, P], None]) -> Callable[..., None]:
    """Make a command that talks to storage: adds ``--settings`` as well."""
    return _command(function, [*_common_parameters(), _option("settings", Path | None, _SETTINGS, default=None)])


def _command(function: Callable[..., None], common: list[inspect.Parameter]) -> Callable[..., None]:
    signature = inspect.signature(function, eval_str=True)
    own = list(signature.parameters.values())[1:]

    @functools.wraps(function)
    def command(context: typer.Context, **values: Any) -> None:
        given = {parameter.name: values.pop(parameter.name) for parameter in common}
        output = Output(as_json=given["json"], quiet=given["quiet"], asks=not given["no_input"])
        with errors_explained(output):
            function(Invocation(output, given.get("settings"), context.obj or connect), **values)

    taken = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [taken, *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *common]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del command.__wrapped__  # its signature is not the command's
    return command


def _common_parameters() -> list[inspect.Parameter]:
    return [
        _option("json", bool, _JSON, default=False),
        _option("quiet", bool, _QUIET, default=False),
        _option("no_input", bool, _NO_INPUT, default=False),
    ]


def _option(name: str, kind: Any, option: Any, *, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


@contextmanager
def errors_explained(output: Output) -> Iterator[None]:
    """Turn an error into a message on stderr and the exit code; what is no error of ours stays a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        output.err.print("Stopped.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        raise  # whoever read our output has gone: Typer ends the process without a word
    except (BatchJsonError, OSError) as problem:
        explained = explain(problem)
        output.fail(explained.reason, explained.fix, explained.next_command)
        raise typer.Exit(explained.exit_code) from problem


def explain(problem: BatchJsonError | OSError) -> CommandFailed:
    """Find the words for an error: reason, fix, next command."""
    reason = shown_lines(str(problem))
    match problem:
        case CommandFailed():
            return problem
        case OSError():
            name = f" {shown(str(problem.filename))}" if problem.filename else ""
            return CommandFailed(f"{os.strerror(problem.errno) if problem.errno else reason}:{name}".rstrip(":"))
        case SettingsError():
            return CommandFailed(reason, fix="Correct the settings, or give others: --settings FILE.")
        case ServiceUnavailable():
            return CommandFailed(
                reason, fix="On a laptop: is the local cloud running? In Azure: try again in a minute.",
                next_command="make up",
            )  # fmt: skip
        case AccessDenied():
            return CommandFailed(
                reason,
                fix="Log in as somebody who has a data role on the storage account, or ask for one.",
                next_command="az login",
            )
        case RunNotFound():
            return CommandFailed(reason, fix="Look for it in the list.", next_command="batchjson runs")
        case _:
            return CommandFailed(reason)


def shown_lines(text: str) -> str:
    """Write a message of several lines so that no name in it can act on the terminal."""
    return "\n".join(shown(line) for line in text.split("\n"))
