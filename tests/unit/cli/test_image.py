"""`batchjson image`, over stand-ins for the programs; tests/image runs it with buildah."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.image import repository
from tests.unit.builders import ROOT
from tests.unit.cli.conftest import Cloud
from tests.unit.cli.tools import Tools, option

DIGEST = "sha256:" + "ab" * 32
WRITES_ID = f"""
if "--iidfile" in sys.argv: open(sys.argv[sys.argv.index("--iidfile") + 1], "w").write({DIGEST!r})
if "--digestfile" in sys.argv: open(sys.argv[sys.argv.index("--digestfile") + 1], "w").write({DIGEST!r})
"""
GIT = "print('0123456789012345678901234567890123456789 1700000000')"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """A machine with git and nothing else."""
    tools = Tools(tmp_path, monkeypatch)
    tools.add("git", GIT)
    return tools


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_build_uses_what_is_installed_and_dates_it_like_the_commit(cloud: Cloud, tools: Tools, engine: str) -> None:
    """From the source's folder, with the revision as a label; the id is the result."""
    tools.add(engine, WRITES_ID)
    result = cloud.invoke("image", "build", "--tag", "worker:1", "--base", "python@sha256:0", "--json")
    assert result.code == 0, result.err
    assert result.document == {"tag": "worker:1", "id": DIGEST}
    call = tools.calls[-1]
    assert call[:2] == [engine, "build"]
    assert (option(call, "--tag"), option(call, "--file"), call[-1]) == ("worker:1", "worker/Dockerfile", ".")
    assert {"BASE=python@sha256:0", "REVISION=0123456789012345678901234567890123456789"} <= set(call)
    assert tools.folders[-1] == ROOT
    assert tools.environments[-1]["SOURCE_DATE_EPOCH"] == "1700000000"
    assert ("--timestamp" in call) is (engine != "docker")


def test_build_without_any_program_names_the_ways(cloud: Cloud, tools: Tools) -> None:
    """Among them the one that needs nothing here."""
    result = cloud.invoke("image", "build")
    assert result.code == 1
    assert "docker or podman or buildah is not installed" in result.err
    assert "--acr" in result.err


def test_failed_build_says_which_command_it_was(cloud: Cloud, tools: Tools) -> None:
    """So that a person can run it."""
    tools.add("buildah", "sys.exit(3)")
    result = cloud.invoke("image", "build", "--engine", "buildah", width=200)
    assert result.code == 1
    assert "buildah failed with exit code 3" in result.err
    assert "buildah build --build-arg" in result.err


def test_build_in_a_registry_needs_az_alone_and_tells_the_digest(cloud: Cloud, tools: Tools) -> None:
    """The registry builds out of the source."""
    tools.add("az", f"print('log' if 'build' in sys.argv else {DIGEST!r})")
    result = cloud.invoke("image", "build", "--acr", "myregistry", "--tag", "worker:1", "--json")
    assert result.document == {"tag": "worker:1", "digest": DIGEST}
    built, asked = tools.calls[-2:]
    assert built[:3] == ["az", "acr", "build"]
    assert (option(built, "--registry"), option(built, "--image")) == ("myregistry", "worker:1")
    assert asked[:4] == ["az", "acr", "repository", "show"]


def test_push_prints_what_worker_image_is_to_be(cloud: Cloud, tools: Tools) -> None:
    """By digest, which no later push can change."""
    tools.add("buildah", WRITES_ID)
    result = cloud.invoke(
        "image", "push", "reg.azurecr.io/worker:1", "--tag", "worker:1", "--engine", "buildah", width=120
    )
    assert result.code == 0, result.err
    assert result.out.strip() == f"reg.azurecr.io/worker@{DIGEST}"
    assert tools.calls[-1][-2:] == ["worker:1", "docker://reg.azurecr.io/worker:1"]


def test_push_with_docker_asks_it_for_the_digest_of_that_registry(cloud: Cloud, tools: Tools) -> None:
    """An image may have been pushed elsewhere before."""
    digests = f"elsewhere.io/worker@sha256:{'0' * 64}\\nreg.azurecr.io/worker@{DIGEST}"
    tools.add("docker", f"print({digests!r}.replace('\\\\n', chr(10)) if 'inspect' in sys.argv else '')")
    result = cloud.invoke("image", "push", "reg.azurecr.io/worker:1", "--json")
    assert result.document == {"image": f"reg.azurecr.io/worker@{DIGEST}", "digest": DIGEST}
    assert [call[1] for call in tools.calls] == ["tag", "push", "image"]


def test_refused_push_says_how_to_log_in(cloud: Cloud, tools: Tools) -> None:
    """Most often it is that."""
    tools.add("podman", "sys.exit(125)")
    result = cloud.invoke("image", "push", "reg.azurecr.io/worker:1", width=200)
    assert result.code == 1
    assert "az acr login --name reg" in result.err


def test_push_without_a_registry_is_wrong_usage(cloud: Cloud, tools: Tools) -> None:
    """An image has to have somewhere to go."""
    assert cloud.invoke("image", "push", "worker:1").code == 2


@pytest.mark.parametrize(
    ("target", "expected"),
    [("r.io/a/b:1", "r.io/a/b"), ("r.io:5000/a", "r.io:5000/a"), ("r.io:5000/a:1", "r.io:5000/a")],
)
def test_repository_is_the_name_without_its_tag(target: str, expected: str) -> None:
    """A port is no tag."""
    assert repository(target) == expected
