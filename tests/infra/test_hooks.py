"""The hooks for bash, run with an Azure CLI that only takes notes and answers from a script."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.settings import find_settings
from infra.hooks.write_settings import OUTPUTS
from shared.settings import FUNCTION_APP_NEEDS
from shared.specs import SPECS
from tests.infra.bicep import INFRA, module
from tests.infra.test_settings import EDITABLE

DIGEST = "sha256:" + "a" * 64
VARIABLES = {
    "AZURE_ENV_NAME": "test",
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_LOCATION": "westeurope",
    "AZURE_RESOURCE_GROUP": "rg-test",
    "AZURE_FUNCTION_APP_NAME": "bj-app",
    "AZURE_STORAGE_ACCOUNT_NAME": "bjstorage",
    "AZURE_EVENT_GRID_TOPIC_NAME": "bj-uploads",
    "STORAGE_IS_HIERARCHICAL": "false",
    "STORAGE__blobServiceUri": "https://bjstorage.blob.core.windows.net/",
    "STORAGE__queueServiceUri": "https://bjstorage.queue.core.windows.net/",
    "STORAGE__tableServiceUri": "https://bjstorage.table.core.windows.net/",
    "SERVICEBUS__fullyQualifiedNamespace": "bj-bus.servicebus.windows.net",
    "BATCH__accountEndpoint": "https://bj.westeurope.batch.azure.com",
    "BATCH_POOL_ID": "workers-1a2b3c4d",
    "WORKER_IMAGE": "bj.azurecr.io/batchjson-worker@sha256:0",
    "WORKER_IDENTITY_CLIENT_ID": "00000000-0000-0000-0000-000000000002",
    "WORKER_IDENTITY_RESOURCE_ID": "/subscriptions/0/resourceGroups/rg-test/worker",
}
_RECORDER = """#!/bin/sh
printf '%s %s\\n' "$(basename "$0")" "$*" >> "$NOTES"
case "$*" in
ANSWERS
esac
"""


@dataclass(frozen=True)
class Project:
    """A clone with the hooks in it, whose az, azd, make and batchjson only take notes."""

    root: Path

    def answer(self, program: str, *cases: tuple[str, str]) -> None:
        """Let a program take notes, and answer what contains a text by a line of shell."""
        path = self.root / (".venv/bin" if program == "batchjson" else "bin") / program
        path.parent.mkdir(parents=True, exist_ok=True)
        answers = "\n".join(f'*"{text}"*) {then} ;;' for text, then in cases)
        path.write_text(_RECORDER.replace("ANSWERS", answers))
        path.chmod(0o755)

    def run(self, hook: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Run a hook with what azd would put into its environment."""
        path = f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **VARIABLES, "PATH": path, "NOTES": str(self.root / "notes"), **changed}
        script = str(self.root / "infra" / "hooks" / f"{hook}.sh")
        return subprocess.run([script], env=environment, capture_output=True, text=True, timeout=110, check=False)

    @property
    def notes(self) -> list[str]:
        """Every call, in order."""
        return (self.root / "notes").read_text().splitlines()

    def calls(self, beginning: str) -> list[str]:
        """The calls that begin so."""
        return [note for note in self.notes if note.startswith(beginning)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A clone without changes; az makes a registry and knows no image; azd takes values; nothing is slept through."""
    shutil.copytree(INFRA / "hooks", tmp_path / "infra" / "hooks")
    shutil.copy(INFRA / "app-settings.json", tmp_path / "infra")
    (tmp_path / "notes").touch()
    for folder in ("worker", "shared"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file.py").write_text("x = 1\n")
    git = [
        "git",
        "-C",
        str(tmp_path),
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "-c",
        "commit.gpgsign=false",
    ]
    for command in (["init", "--quiet"], ["add", "worker", "shared"], ["commit", "--quiet", "--message", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    project = Project(tmp_path)
    project.answer("az", ("deployment sub create", "echo bjregistry"), ("acr repository show", "exit 3"))
    for program in ("azd", "make", "sleep", "batchjson"):
        project.answer(program)
    return project


def test_the_image_is_built_once_and_its_digest_told(project: Project) -> None:
    """Built in the registry of the first stage, by a tag that is the content."""
    built = project.root / "built"
    shown = f"test -e '{built}' && echo {DIGEST}"
    project.answer("az", ("deployment sub create", "echo bjregistry"), ("acr repository show", shown),
                   ("acr build", f"touch '{built}'"))  # fmt: skip
    assert project.run("preprovision").returncode == 0
    assert len(project.calls("az acr build")) == 1
    assert "--registry bjregistry" in project.calls("az acr build")[0]
    assert project.calls("azd") == [f"azd env set WORKER_IMAGE_DIGEST {DIGEST}"]

    again = project.run("preprovision")
    assert again.returncode == 0
    assert "is there already" in again.stdout
    assert len(project.calls("az acr build")) == 1


def test_changed_files_are_built_under_a_tag_of_their_own(project: Project) -> None:
    """What is not committed must not be taken for the image of the commit."""
    (project.root / "worker" / "file.py").write_text("x = 2\n")
    project.run("preprovision")
    assert "--image batchjson-worker:changed-" in project.calls("az acr build")[0]


@pytest.mark.parametrize("name", ["AZURE_ENV_NAME", "AZURE_SUBSCRIPTION_ID", "AZURE_LOCATION"])
def test_a_missing_variable_is_told_with_how_to_set_it(project: Project, name: str) -> None:
    """Nothing is called before."""
    done = project.run("preprovision", **{name: ""})
    assert done.returncode == 1
    assert f"{name} is not set. azd env set {name} VALUE" in done.stderr
    assert not project.notes


def test_a_registry_that_cannot_be_made_ends_the_hook(project: Project) -> None:
    """No image is built, and azd is told nothing."""
    project.answer("az", ("deployment sub create", "exit 1"))
    assert project.run("preprovision").returncode != 0
    assert not project.calls("az acr")
    assert not project.calls("azd")


def test_the_function_is_subscribed_once_its_webhook_is_there(project: Project) -> None:
    """Event Grid would refuse, or the key would be missing; the key itself never shows."""
    tries = project.root / "tries"
    project.answer(
        "az", ("functionapp keys list", f"echo x >> '{tries}'; [ $(wc -l < '{tries}') -gt 2 ] && echo 40 || echo 0")
    )
    done = project.run("postdeploy")
    assert done.returncode == 0, done.stderr
    assert len(project.calls("az functionapp keys list")) == 3
    (subscribed,) = project.calls("az deployment group create")
    assert "--template-file infra/events.bicep" in subscribed
    assert "functionAppName=bj-app storageName=bjstorage topicName=bj-uploads hierarchicalNamespace=false" in subscribed
    assert project.calls("batchjson")[-1] == "batchjson canary --events-only"


@pytest.mark.parametrize(("wish", "called"), [("full", ["batchjson canary"]), ("off", [])])
def test_the_canary_can_wait_for_more_or_be_left_out(project: Project, wish: str, called: list[str]) -> None:
    """BATCHJSON_CANARY."""
    project.answer("az", ("functionapp keys list", "echo 40"))
    assert project.run("postdeploy", BATCHJSON_CANARY=wish).returncode == 0
    assert [call.strip() for call in project.calls("batchjson canary")] == called


def test_a_canary_that_fails_fails_the_deployment(project: Project) -> None:
    """azd shows the hook's error, and stops."""
    project.answer("az", ("functionapp keys list", "echo 40"))
    project.answer("batchjson", ("canary", "exit 1"))
    assert project.run("postdeploy").returncode == 1


def test_roles_that_have_not_arrived_yet_are_waited_for(project: Project) -> None:
    """They take minutes; a canary before that would blame the deployment."""
    tries = project.root / "tries"
    project.answer("az", ("functionapp keys list", "echo 40"))
    project.answer("batchjson", ("runs", f"echo x >> '{tries}'; [ $(wc -l < '{tries}') -gt 3 ]"))
    assert project.run("postdeploy").returncode == 0
    assert len(project.calls("batchjson runs")) == 4


def test_an_app_without_a_blob_trigger_is_given_up(project: Project) -> None:
    """After ten minutes, with what was waited for; nothing is subscribed."""
    project.answer("az", ("functionapp keys list", "echo 0"))
    done = project.run("postdeploy")
    assert done.returncode == 1
    assert "Gave up: Waiting for the function app to find its blob trigger" in done.stderr
    assert not project.calls("az deployment")


def test_the_settings_for_the_operator_are_those_of_the_function_app(project: Project) -> None:
    """Limits and names as deployed, no secret; a sweep or replay by hand finds all that it needs."""
    editable = {**EDITABLE, "MAX_QUANTITY": "500", "WEBHOOK_SECRETS_ERP": "@Microsoft.KeyVault(SecretUri=https://x)"}
    (project.root / "infra" / "app-settings.json").write_text(json.dumps(editable))
    project.answer("az", ("functionapp keys list", "echo 40"))
    assert project.run("postdeploy").returncode == 0
    file = project.root / ".azure" / "test" / "batchjson.settings.json"
    found = find_settings(file, {}, [], FUNCTION_APP_NEEDS).settings
    assert found.max_quantity == 500
    assert found.batch_pool_id == "workers-1a2b3c4d"
    assert found.connection("STORAGE").by_identity
    assert "KeyVault" not in file.read_text()
    assert project.calls("azd") == [f"azd env set BATCHJSON_SETTINGS {file}"]


def test_the_settings_for_the_operator_are_outputs_of_the_deployment() -> None:
    """An output that was renamed would leave the command without."""
    outputs = module("main.bicep").named("output")
    assert set(OUTPUTS) <= set(outputs)
    assert {name for name in outputs if name in {spec.name for spec in SPECS} or "__" in name} == set(OUTPUTS)
