"""The command as a whole: help, version, errors."""

from __future__ import annotations

import pytest

from cli.common import explain
from shared.errors import AccessDenied, BatchJsonError, RunNotFound, ServiceUnavailable, SettingsError
from tests.unit.cli.conftest import Cloud

COMMANDS = (
    "logs",
    "watch",
    "submit",
    "open",
    "explain",
    "doctor",
    "generate",
    "upload",
    "runs",
    "show",
    "download",
    "process",
    "demo",
    "replay",
    "sweep",
)


def test_help_names_every_command_and_the_exit_codes(cloud: Cloud) -> None:
    """One look tells what there is."""
    text = cloud.invoke("--help").out
    assert all(command in text for command in COMMANDS)
    assert "130" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_common_options(cloud: Cloud, command: str) -> None:
    """Each command explains itself, in sixty columns, and speaks JSON."""
    result = cloud.invoke(command, "--help", width=60)
    assert result.code == 0
    assert {"--json", "--quiet", "--no-input"} <= set(result.out.split())
    assert "<bool>" not in result.out


def test_version(cloud: Cloud) -> None:
    """The name and a number."""
    assert cloud.invoke("--version").out.startswith("batchjson ")


def test_unknown_command_is_wrong_usage(cloud: Cloud) -> None:
    """Exit code 2, and nothing on stdout."""
    result = cloud.invoke("explode")
    assert (result.code, result.out) == (2, "")


@pytest.mark.parametrize(
    ("problem", "next_command"),
    [
        (ServiceUnavailable("Blob storage cannot be reached"), "make up"),
        (AccessDenied("refused"), "az login"),
        (RunNotFound("There is no run"), "batchjson runs"),
        (SettingsError("missing"), None),
        (BatchJsonError("odd \x1b[2J"), None),
        (FileNotFoundError(2, "No such file or directory", "a\x1b.json"), None),
    ],
)
def test_every_error_has_words_that_are_safe_to_show(
    problem: BatchJsonError | OSError, next_command: str | None
) -> None:
    """Reason and next command, and no control character from a message or a name."""
    explained = explain(problem)
    assert explained.next_command == next_command
    assert explained.reason
    assert "\x1b" not in explained.reason
