"""What the checkers say of the deployment: Bicep files, azure.yaml, workflows, scripts, the Dockerfile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep import INFRA
from tests.infra.toolbox import ROOT, remembered, run

pytestmark = pytest.mark.timeout(600)  # the first test installs the checkers, and checkov takes its time
SKIPPED = {
    "CKV_AZURE_13": "App Service authentication is a setting of the whole app; it is set where a client id is given",
    "CKV_AZURE_17": "callers of the webhook are Event Grid and have no client certificate",
    "CKV_AZURE_35": "the firewall is shut with privateNetworking; keys are off, and Entra ID decides, either way",
    "CKV_AZURE_41": "signing secrets are changed with two valid ones at a time, not on a date",
    "CKV_AZURE_42": "recoverable it is; purge protection comes with resourceLocks, and would block a second azd up",
    "CKV_AZURE_59": "trusted services come in, Event Grid for its dead letters; privateNetworking shuts out the rest",
    "CKV_AZURE_63": "not of Flex Consumption: requests are in Application Insights",
    "CKV_AZURE_65": "would show details of errors to whoever calls",
    "CKV_AZURE_66": "not of Flex Consumption: requests are in Application Insights",
    "CKV_AZURE_76": "Batch encrypts with Microsoft's key; it holds no data of ours but names",
    "CKV_AZURE_80": "no .NET here",
    "CKV_AZURE_88": "no file share here",
    "CKV_AZURE_109": "the firewall is shut with privateNetworking; the check wants to see a literal",
    "CKV_AZURE_110": "purge protection comes with resourceLocks, and would block a second azd up",
    "CKV_AZURE_114": "the content type is set; the check does not read it behind a condition",
    "CKV_AZURE_139": "ACR's builders come from outside; Entra ID only, and the image holds no secret",
    "CKV_AZURE_163": "Defender for Containers is for the whole subscription: its owner's decision",
    "CKV_AZURE_166": "quarantine needs Premium and a scanner that lets images out again",
    "CKV_AZURE_206": "redundancy is the parameter storageSku",
    "CKV_AZURE_212": "Flex Consumption scales by itself; one instance is always ready",
    "CKV_AZURE_213": "not of Flex Consumption: the platform watches the host",
    "CKV_AZURE_222": "Event Grid calls from outside, with a key",
    "CKV_AZURE_225": "zone redundancy of a plan doubles what is always ready: the owner's decision",
}
"""Checks of checkov that we do not follow, each with its reason."""
UNSTEADY = {
    "CKV_AZURE_43": "names are a prefix and a hash; now and then checkov takes the expression itself for the name",
}
"""Checks that find something in one run and nothing in the next, over the same files."""


@pytest.fixture(scope="module")
def checkov() -> dict[str, Any]:
    """Checkov's report. It takes ten seconds and more, so that it is kept while nothing changes."""
    arguments = ("-d", "infra", "--framework", "bicep", "--skip-download", "--output", "json", "--quiet", "--compact")
    kept = remembered("checkov", sorted(INFRA.rglob("*.bicep")), " ".join(arguments))
    if not kept.exists():
        kept.write_text(run("checkov", *arguments).stdout)
    report: dict[str, Any] = json.loads(kept.read_text())
    return report


def test_checkov_reads_every_file(checkov: dict[str, Any]) -> None:
    """It exits with 0 and skips a file that it cannot parse; that must show."""
    assert checkov["summary"]["parsing_errors"] == 0
    assert checkov["summary"]["resource_count"] > 60


def test_checkov_finds_nothing_that_we_have_no_answer_to(checkov: dict[str, Any]) -> None:
    """What we do not follow stands in SKIPPED, with the reason."""
    found = {
        f"{each['check_id']} {each['check_name']}: {each['file_path']} {each['resource']}"
        for each in checkov["results"]["failed_checks"]
        if each["check_id"] not in {**SKIPPED, **UNSTEADY}
    }
    assert not found


def test_no_exception_outlives_its_finding(checkov: dict[str, Any]) -> None:
    """An exception that nothing needs would hide the next finding."""
    assert set(SKIPPED) <= {each["check_id"] for each in checkov["results"]["failed_checks"]}


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("check-jsonschema", ("--schemafile", "tests/infra/azure-yaml.schema.json", "azure.yaml")),
        ("check-jsonschema", ("--builtin-schema", "vendor.github-workflows", ".github/workflows/*.yml")),
        ("zizmor", ("--offline", "--pedantic", ".github/workflows")),
        ("shellcheck", ("infra/hooks/*.sh", ".ci/run")),
        ("hadolint", ("worker/Dockerfile",)),
    ],
    ids=["azure.yaml", "workflows", "security of workflows", "shell scripts", "Dockerfile"],
)
def test_a_checker_has_nothing_to_say(program: str, arguments: tuple[str, ...]) -> None:
    """Schemas of azure.yaml and the workflows, their security, shell scripts, the Dockerfile."""
    paths = [str(path) for pattern in arguments if "*" in pattern for path in sorted(ROOT.glob(pattern))]
    done = run(program, *[each for each in arguments if "*" not in each], *paths)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_pinned_by_commit() -> None:
    """A tag can be moved by whoever owns the action; the release stands behind it as a comment."""
    uses = [
        line.strip()
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert uses
    assert not [line for line in uses if not re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)]


def test_workflows_hold_no_secret() -> None:
    """Azure takes GitHub's own token (OIDC)."""
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert "secrets." not in path.read_text()


def test_hooks_of_azure_yaml_exist_for_both_shells() -> None:
    """A script that is not there fails in the middle of a deployment, on the other system only."""
    scripts = re.findall(r"run: (\S+)", (ROOT / "azure.yaml").read_text())
    assert {Path(script).suffix for script in scripts} == {".sh", ".ps1"}
    for script in map(Path, scripts):
        assert (ROOT / script).is_file()
        assert script.suffix == ".ps1" or (ROOT / script).stat().st_mode & 0o111


@pytest.mark.parametrize("hook", ["preprovision", "postdeploy"])
def test_both_shells_call_azure_alike(hook: str) -> None:
    """PowerShell cannot be run here: at least it makes the same calls, with the same options, as bash does."""
    bash, pwsh = ((INFRA / "hooks" / f"{hook}{suffix}").read_text() for suffix in (".sh", ".ps1"))
    assert _calls(bash) == _calls(pwsh)


def _calls(script: str) -> list[tuple[str, ...]]:
    """Each call of az and azd: its words and the names of its options."""
    joined = re.sub(r"[\\`]\n\s*", " ", script)
    lines = [match[0] for match in re.finditer(r"\b(?:az|azd) (?:[a-z]+ )+[^\n]*", joined) if "#" not in match[0]]
    return [tuple(re.findall(r"^(?:az|azd)(?: [a-z-]+)+|--[a-z-]+|\w+=(?=\$|\"\$)", line)) for line in lines]
