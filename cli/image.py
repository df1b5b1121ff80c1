"""`batchjson image`: builds the worker image and pushes it, for who deploys by hand; `azd up` does it by itself."""

from __future__ import annotations

import os
import subprocess
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.common import ROOT, Invocation, local_command
from cli.errors import CommandFailed, ExitCode
from cli.text import shown
from cli.tools import find_tool, run_tool

DOCKERFILE = Path("worker") / "Dockerfile"
DEFAULT_NAME = "batchjson-worker:latest"
_BASE = "python:3.13-slim"
_INSTALL = "Install Docker, Podman or Buildah; or build in your registry: batchjson image build --acr REGISTRY."
_AZ = "Install the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli"


class Engine(StrEnum):
    """What builds and pushes."""

    AUTO = "auto"
    DOCKER = "docker"
    PODMAN = "podman"
    BUILDAH = "buildah"


_ENGINE = typer.Option("--engine", help="Which program; by default the first that is installed.")


@local_command
def build(
    invocation: Invocation,
    *,
    tag: Annotated[str, typer.Option("--tag", "-t", metavar="NAME", help="Name of the image.")] = DEFAULT_NAME,
    acr: Annotated[str, typer.Option(metavar="REGISTRY", help="Build in this Azure registry; needs az only.")] = "",
    base: Annotated[str, typer.Option(metavar="IMAGE", help="Base image; best by digest.")] = _BASE,
    engine: Annotated[Engine, _ENGINE] = Engine.AUTO,
) -> None:
    """Build the worker image out of this folder's source; print its id, or its digest in the registry (--acr)."""
    output = invocation.output
    source = _source()
    output.say(f"Building {shown(tag)}")
    built = _in_registry(acr, tag, base, source) if acr else _here(_engine(engine), tag, base, source)
    output.document({"tag": tag, "digest" if acr else "id": built})
    output.show(Text(built))
    if not acr:
        output.say("Push it to a registry that your pool can read: batchjson image push REGISTRY/NAME:TAG")


@local_command
def push(
    invocation: Invocation,
    target: Annotated[str, typer.Argument(metavar="REGISTRY/NAME:TAG", help="Where to.")],
    *,
    tag: Annotated[str, typer.Option("--tag", "-t", metavar="NAME", help="Name that it was built by.")] = DEFAULT_NAME,
    engine: Annotated[Engine, _ENGINE] = Engine.AUTO,
) -> None:
    """Push the image that was built; print it by its digest, as WORKER_IMAGE is to name it."""
    output = invocation.output
    if "/" not in target:
        message = f"{shown(target)} names no registry: myregistry.azurecr.io/batchjson-worker:1"
        raise CommandFailed(message, exit_code=ExitCode.USAGE)
    program = _engine(engine)
    output.say(f"Pushing {shown(target)}")
    digest = _push(program, tag, target)
    named = f"{repository(target)}@{digest}"
    output.document({"image": named, "digest": digest})
    output.show(Text(named))
    output.say("A pool fetches images when it is made: batchjson pool create, then set WORKER_IMAGE and BATCH_POOL_ID.")


def repository(target: str) -> str:
    """An image's name without its tag; a registry's port is no tag."""
    before, _, name = target.rpartition("/")
    return f"{before}/{name.partition(':')[0]}"


def _engine(wanted: Engine) -> str:
    names = [each.value for each in Engine if each is not Engine.AUTO] if wanted is Engine.AUTO else [wanted.value]
    return find_tool(*names, fix=_INSTALL)


def _source() -> Path:
    if not (ROOT / DOCKERFILE).is_file():
        raise CommandFailed(
            "The image is built from the source, which is not here.", fix="Run it from a clone of the repository."
        )
    return ROOT


def _revision(source: Path) -> tuple[str, str]:
    """The commit and its time, in seconds of the epoch; a folder that is no clone has neither."""
    command = ["git", "-C", str(source), "log", "-1", "--format=%H %ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "unknown", "0"
    revision, _, seconds = done.stdout.strip().partition(" ")
    return revision, seconds


def _here(program: str, tag: str, base: str, source: Path) -> str:
    """Build on this machine: dated like the commit, so that a second build is the same image."""
    revision, seconds = _revision(source)
    arguments = ["--build-arg", f"BASE={base}", "--build-arg", f"REVISION={revision}"]
    common = [*arguments, "--file", str(DOCKERFILE), "--tag", tag]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "id"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": seconds}
        dated = [] if program == Engine.DOCKER else ["--timestamp", seconds]
        command = [program, "build", *common, *dated, "--iidfile", str(told), "."]
        run_tool(command, folder=source, environment=environment, shown_live=True)
        return told.read_text().strip()


def _in_registry(registry: str, tag: str, base: str, source: Path) -> str:
    """Build in the registry. Its tasks have no option for dates: the image differs from one that is built here."""
    find_tool("az", fix=_AZ)
    revision, _ = _revision(source)
    arguments = ["--build-arg", f"BASE={base}", "--build-arg", f"REVISION={revision}"]
    place = ["--registry", registry, "--image", tag]
    command = ["az", "acr", "build", *place, "--file", str(DOCKERFILE), *arguments, "."]
    run_tool(command, folder=source, shown_live=True)
    asked = ["--name", registry, "--image", tag, "--query", "digest", "--output", "tsv"]
    return run_tool(["az", "acr", "repository", "show", *asked])


def _push(program: str, tag: str, target: str) -> str:
    sign_in = f"Log in to the registry first: az acr login --name {target.partition('.')[0]}"
    if program == Engine.DOCKER:
        run_tool([program, "tag", tag, target])
        run_tool([program, "push", target], fix=sign_in, shown_live=True)
        asked = "{{range .RepoDigests}}{{println .}}{{end}}"
        digests = run_tool([program, "image", "inspect", "--format", asked, target])
        mine = [each for each in digests.splitlines() if each.startswith(f"{repository(target)}@")]
        return mine[0].partition("@")[2]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "digest"
        run_tool([program, "push", "--digestfile", str(told), tag, _destination(target)], fix=sign_in, shown_live=True)
        return told.read_text().strip()


def _destination(target: str) -> str:
    return target if "://" in target or target.startswith(("oci:", "dir:")) else f"docker://{target}"
