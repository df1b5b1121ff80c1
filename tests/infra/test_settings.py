"""The app settings of the deployment against those that the code reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

from shared.settings import Settings
from shared.specs import SPECS
from tests.infra.bicep import INFRA, Choice, module

ROOT = INFRA.parent
FUNCTION = module("modules/function.bicep")
EDITABLE: dict[str, str] = json.loads((INFRA / "app-settings.json").read_text())
OF_THE_HOST = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "the host sends its telemetry there",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "… by Entra ID",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": "App Service authentication signs in with the app's identity",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "no spans that hold addresses",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "the Python worker sends its telemetry there, too",
    "PYTHON_ISOLATE_WORKER_DEPENDENCIES": "our packages before the worker's, on Python 3.11 and 3.12",
}
"""Read by the platform, not by us."""


def _computed() -> dict[str, object]:
    groups = ("platform", "connections", "ofThisDeployment")
    return {name: value for group in groups for name, value in FUNCTION.var(group).items()}


def _connections() -> set[str]:
    """The settings of connections in Azure, out of the table in docs/settings.md."""
    names = set()
    for line in (ROOT / "docs" / "settings.md").read_text().splitlines():
        if row := re.match(r"\| `(\w+)` \| (.*__.*) \|.*\|$", line):
            names |= {f"{row[1]}{part}" for part in re.findall(r"`(__\w+)`", row[2])}
    return names


def _value(found: object) -> str:
    """What a setting could be: of two, the one for a parameter that was left empty or off."""
    match found:
        case str(known):
            return known
        case Choice(yes=str(empty)):
            return empty
        case _:
            return "given-by-azure"


def test_every_setting_that_the_code_reads_is_deployed() -> None:
    """A setting in SPECS that Bicep does not set would keep its default in Azure, whatever the user does."""
    missing = {spec.name for spec in SPECS} - set(EDITABLE) - set(_computed())
    assert not missing, f"add to infra/app-settings.json (with the default): {sorted(missing)}"


def test_every_connection_is_deployed() -> None:
    """Each has the settings that docs/settings.md names for Azure."""
    missing = _connections() - set(_computed())
    assert not missing, f"add to `connections` in infra/modules/function.bicep: {sorted(missing)}"


def test_nothing_is_deployed_that_nobody_reads() -> None:
    """A setting that was renamed or dropped in the code goes from infra, too."""
    known = {spec.name for spec in SPECS} | _connections() | set(OF_THE_HOST)
    unknown = {name for name in {*EDITABLE, *_computed()} - known if not name.startswith("WEBHOOK_SECRETS_")}
    assert not unknown, f"take out of infra/app-settings.json or infra/modules/function.bicep: {sorted(unknown)}"


def test_a_setting_is_set_in_one_place() -> None:
    """Computed or editable, not both: one would win in silence."""
    assert not set(EDITABLE) & set(_computed())


def test_the_function_app_starts_with_what_is_deployed() -> None:
    """The settings as Azure would hold them are taken by the code, which refuses keys there."""
    computed = {name: _value(value) for name, value in _computed().items()}
    environment = {
        **EDITABLE,
        **computed,
        "WEBSITE_SITE_NAME": "bj-app",
        "WEBHOOK_URL": "",
        "EMAIL_TO": "ops@example.com",
    }
    settings = Settings.from_env(environment)
    assert settings.in_azure
    assert settings.blob_trigger_source == "EventGrid"
    assert all(connection.by_identity for connection in settings.connections.values())


def test_no_setting_of_the_deployment_is_refused_by_flex_consumption() -> None:
    """Settings that moved to functionAppConfig make it fail ("Flex Consumption plan deprecations", Functions docs)."""
    moved = {"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "SCM_DO_BUILD_DURING_DEPLOYMENT"}
    deployed = set(EDITABLE) | set(_computed())
    assert not {name for name in deployed if name in moved or name.startswith(("WEBSITE_", "ENABLE_ORYX"))}


def test_python_versions_are_those_that_the_project_supports() -> None:
    """The parameter allows what CI tests, and azure-functions has a release for."""
    text = Path(INFRA / "main.bicep").read_text()
    assert "@allowed(['3.11', '3.12', '3.13'])\nparam pythonVersion" in text
