"""Role assignments: each role that the code needs is assigned, and no other, in one table with a reason each."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dashboard.guard import Role
from tests.infra.bicep import INFRA, BicepFile, Choice, Source, module, text_of

ROOT = INFRA.parent
ROLES = module("modules/roles.bicep")
OPENED_BY = {
    "blob_service": {"blobDataOwner"},
    "queue_service": {"queueDataContributor"},
    "table_service": {"tableDataContributor"},
    "service_bus": {"serviceBusSender"},
    "service_bus_topic_trigger": {"serviceBusReceiver"},
    "service_bus_queue_trigger": {"serviceBusReceiver"},
    "batch": {"batchJobSubmitter"},
    "EmailClient": {"emailOwner"},
}
"""Which role of the function app each client or trigger needs. A new way to open a service gets a row here."""
OF_THE_PLATFORM = {
    "keyVaultSecretsUser": "@Microsoft.KeyVault(",
    "metricsPublisher": "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
}
"""Roles of the app that a setting asks for, and how that shows in function.bicep."""
BUILT_IN = {
    "acrPull": ("7f951dda-4ed3-4680-a7ca-43fe172d538d", "AcrPull"),
    "batchDataContributor": ("6aaa78f1-f7de-44ca-8722-c64a23943cae", "Azure Batch Data Contributor"),
    "batchJobSubmitter": ("48e5e92e-a480-4e71-aa9c-2778f4c13781", "Azure Batch Job Submitter"),
    "blobDataContributor": ("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor"),
    "blobDataOwner": ("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "Storage Blob Data Owner"),
    "blobDataReader": ("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "Storage Blob Data Reader"),
    "emailOwner": ("09976791-48a7-449e-bb21-39d1a415f350", "Communication and Email Service Owner"),
    "keyVaultSecretsUser": ("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User"),
    "metricsPublisher": ("3913510d-42f4-4e42-8a64-420c390055eb", "Monitoring Metrics Publisher"),
    "queueDataContributor": ("974c5e8b-45b9-4653-ba55-5f855dd0fb88", "Storage Queue Data Contributor"),
    "serviceBusReceiver": ("4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", "Azure Service Bus Data Receiver"),
    "serviceBusSender": ("69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "Azure Service Bus Data Sender"),
    "tableDataContributor": ("0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "Storage Table Data Contributor"),
}
"""Ids and names of built-in roles ("Azure built-in roles", Microsoft Learn); a digit wrong would assign another."""
WHO = {"app": "function app", "worker": "nodes", "topic": "Event Grid topic", "operator": "operator"}


def _table() -> Iterator[tuple[str, str, str, str]]:
    """Each assignment: who, the role's name, on what, why."""
    names = {role: name for name, role in ROLES.var("roleIds").items()}
    for variable in ROLES.named("var"):
        if not re.match(r"(operatorO|o)n[A-Z]", variable):
            continue
        rows: Any = ROLES.var(variable)
        for row in rows.yes if isinstance(rows, Choice) else rows:
            who = row["who"]["id"].text.removesuffix("PrincipalId")
            role = row["role"].no if isinstance(row["role"], Choice) else row["role"]
            yield who, names[role], variable.removeprefix("operatorOn").removeprefix("on"), row["why"]


def _of(who: str) -> set[str]:
    return {role for principal, role, _, _ in _table() if principal == who}


def _calls(*places: str) -> set[str]:
    """The names of all functions and methods that some code calls."""
    paths = [
        path for place in places for path in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    found = set()
    for path in map(Path, paths):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found.add(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
    return found


def test_roles_have_the_ids_that_microsoft_gave_them() -> None:
    """Ids are the one part of an assignment that nobody reads."""
    assert ROLES.var("roleIds") == {name: role for name, (role, _) in BUILT_IN.items()}


def test_the_function_app_has_the_roles_that_its_code_needs_and_no_other() -> None:
    """A client that is opened, a trigger that listens, a setting that refers to a secret."""
    calls = _calls("function_app.py", "pipeline", "dashboard")
    needed = {role for name, roles in OPENED_BY.items() if name in calls for role in roles}
    function = text_of(module("modules/function.bicep").root)
    needed |= {role for role, sign in OF_THE_PLATFORM.items() if sign in function}
    assert _of("app") == needed


def test_the_function_app_may_change_the_pool_only_where_its_doctor_repairs() -> None:
    """Rebooting a node takes a role that could delete the pool as well."""
    role = ROLES.var("onBatch")[0]["role"]
    assert role == Choice("repairs", BUILT_IN["batchDataContributor"][0], BUILT_IN["batchJobSubmitter"][0])
    assert ROLES.var("repairs") == Source("settings.POOL_DOCTOR_REPAIRS != 'none'")
    assert json.loads((INFRA / "app-settings.json").read_text())["POOL_DOCTOR_REPAIRS"] == "none"


def test_every_client_that_the_connections_make_has_its_role() -> None:
    """A new function in shared/connections.py that opens a service needs a row in OPENED_BY."""
    module_text = ast.parse((ROOT / "shared" / "connections.py").read_text())
    functions = [node for node in module_text.body if isinstance(node, ast.FunctionDef) and node.returns]
    opens = {node.name for node in functions if node.returns and ast.unparse(node.returns).endswith("Client")}
    assert opens
    assert opens <= set(OPENED_BY)


def test_the_nodes_read_uploads_and_write_results_and_logs() -> None:
    """Per container, so that a task cannot touch ledger, queue, code or another's upload."""
    assert {(role, scope) for who, role, scope, _ in _table() if who == "worker"} == {
        ("blobDataReader", "Input"),
        ("blobDataContributor", "Output"),
        ("blobDataContributor", "Logs"),
        ("acrPull", "Registry"),
    }
    assert _calls("worker") & set(OPENED_BY) <= {"blob_service"}


def test_the_event_grid_topic_writes_its_dead_letters_and_nothing_else() -> None:
    """One container."""
    assert {(role, scope) for who, role, scope, _ in _table() if who == "topic"} == {
        ("blobDataContributor", "DeadLetters")
    }


def test_the_operator_gets_data_roles_only_when_named() -> None:
    """No role that could assign roles or change the account."""
    on_storage = {"blobDataContributor", "queueDataContributor", "tableDataContributor"}
    assert _of("operator") == {*on_storage, "serviceBusSender", "serviceBusReceiver", "batchDataContributor"}
    assert all(isinstance(ROLES.var(name), Choice) for name in ROLES.named("var") if name.startswith("operatorOn"))


def test_the_table_in_the_docs_is_that_of_the_deployment() -> None:
    """Who may do what, to be read by whoever asks before they deploy: docs/security.md, Roles."""
    told = (ROOT / "docs" / "security.md").read_text()
    rows = [
        line.split(" | ") for line in told.splitlines() if line.startswith(tuple(f"| {who} | " for who in WHO.values()))
    ]
    documented = {(row[0].removeprefix("| "), row[1], row[3].removesuffix(" |")) for row in rows}
    assert documented == {(WHO[who], BUILT_IN[role][1], why) for who, role, _, why in _table()}


def test_every_row_of_the_table_is_assigned() -> None:
    """Each list is looped over by one resource."""
    assigned = " ".join(text_of(found.node) for found in ROLES.named("resource").values())
    for variable in ROLES.named("var"):
        if re.match(r"(operatorO|o)n[A-Z]", variable):
            assert re.search(rf"\b{variable}\b", assigned), variable


def test_the_dashboards_roles_are_those_that_it_looks_at() -> None:
    """`infra/dashboard-roles.json` goes into the app registration by which people sign in."""
    roles = json.loads((INFRA / "dashboard-roles.json").read_text())
    assert {role["value"] for role in roles} == {role.value for role in Role}


def test_no_role_is_assigned_anywhere_else() -> None:
    """One table, to be reviewed as a whole."""
    for file in map(BicepFile, sorted(INFRA.rglob("*.bicep"))):
        assert file.path.name == "roles.bicep" or "Microsoft.Authorization/roleAssignments" not in text_of(file.root)
