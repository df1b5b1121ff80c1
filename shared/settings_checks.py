"""What is checked across settings: that they go together, and that none of them holds what it must not."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from shared.connections import Connection, runs_in_azure
from shared.webhooks import DEFAULT, WebhookEndpoint, unresolved, with_secrets

HOST_STORAGE = "AzureWebJobsStorage"
_KEY = re.compile(r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)=", re.IGNORECASE)


def contradictions(values: Mapping[str, Any], connections: Mapping[str, Connection]) -> list[str]:
    """What does not go together."""
    problems = []
    receivers = [name for name in ("EMAIL_TO", "EMAIL_ROUTES") if values[name.lower()]]
    if receivers and not values["email_from"]:
        problems.append(f"EMAIL_FROM is missing, though {receivers[0]} is set.")
    if receivers and "EMAIL" not in connections:
        problems.append(f"The connection EMAIL is missing, though {receivers[0]} is set.")
    if values["email_digest_files"] and values["email_digest_minutes"] == 0:
        problems.append("EMAIL_DIGEST_MINUTES is missing, though EMAIL_DIGEST_FILES is set.")
    if values["webhook_url"] and not values["webhook_secrets"]:
        problems.append("WEBHOOK_SECRETS is missing, though WEBHOOK_URL is set.")
    if values["input_retention"] == "archive" and values["archive_container"] == values["input_container"]:
        problems.append("ARCHIVE_CONTAINER is the INPUT_CONTAINER: what is archived would be processed again.")
    problems += [
        f"{each.secrets_setting} is missing, though WEBHOOKS names the endpoint {each.name}."
        for each in values["webhooks"]
        if not each.secrets and each.name != DEFAULT
    ]
    return problems


def endpoints(values: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[WebhookEndpoint, ...]:
    """All webhook endpoints, as far as what was read is of use."""
    return with_secrets(
        values["webhook_url"] or "", values["webhook_secrets"] or (), values["webhooks"] or (), environment
    )


def unresolved_references(environment: Mapping[str, str], ours: tuple[str, ...]) -> list[str]:
    """Key Vault references that App Service could not resolve; elsewhere nobody was to resolve them.

    Parameters
    ----------
    ours
        How the names of our settings begin: another one is not our business.
    """
    if not runs_in_azure(environment):
        return []
    return [
        f"{name} is a Key Vault reference that App Service could not resolve. Give the app's identity the role Key "
        "Vault Secrets User, and check the secret's name and keyVaultReferenceIdentity: the portal shows why."
        for name in unresolved(environment)
        if name.startswith(ours)
    ]


def keys_in_azure(environment: Mapping[str, str], told_of: Collection[str]) -> list[str]:
    """Any setting at all that holds a key of storage or Service Bus, those left out that were told of already."""
    if not runs_in_azure(environment):
        return []
    others = ((name, value) for name, value in environment.items() if name not in told_of)
    return [
        f"{name} holds a key. In Azure, use managed identity: {name}__…"
        for name, value in others
        if _KEY.search(value) or (name == HOST_STORAGE and value)
    ]
