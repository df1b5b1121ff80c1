"""Pages of the Azure portal for the accounts that runs pass through."""

from __future__ import annotations

import re

from dashboard.documents import PortalLink
from shared.connections import account_name, batch_account
from shared.settings import Settings

_PORTAL = "https://portal.azure.com/#@/resource"
"""Followed by a resource id; for a cloud of its own (China, US Government) the portal's address differs."""
_GROUP = re.compile(r"/subscriptions/[0-9a-fA-F-]{36}/resourceGroups/[\w.()-]{1,90}")


def portal_links(settings: Settings) -> list[PortalLink]:
    """Storage and Batch account in the portal; none on a laptop.

    The deployment puts everything into one resource group: that of the identity, whose resource id is a setting.
    """
    group = _GROUP.match(settings.worker_identity_resource_id)
    if not settings.in_azure or group is None:
        return []
    accounts = (
        ("storage account", "Microsoft.Storage/storageAccounts", account_name(settings.connection("STORAGE"))),
        ("Batch account", "Microsoft.Batch/batchAccounts", batch_account(settings.connection("BATCH"))),
    )
    return [PortalLink(what=what, url=f"{_PORTAL}{group[0]}/providers/{kind}/{name}") for what, kind, name in accounts]
