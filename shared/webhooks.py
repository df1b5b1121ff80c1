"""The webhook endpoints that the settings name: where calls go, signed with what, about which runs.

The simple case is one endpoint, WEBHOOK_URL with WEBHOOK_SECRETS, called ``default``. WEBHOOKS adds others, as JSON.
The secrets of each stand in a setting of their own, because App Service resolves a Key Vault reference only where it is
the whole value of a setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from shared.filters import EVERY_RUN, RunSelector, selector
from shared.readers import words

DEFAULT = "default"
MOST = 20
"""Endpoints. Each event is offered to all of them at once, in as many threads."""
KEY_VAULT = "@Microsoft.KeyVault("
"""How a reference begins that App Service was to resolve (App Service docs, Use Key Vault references)."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    url: str
    states: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


_entries = msgspec.json.Decoder(tuple[_Entry, ...])  # made once, at import: see docs/adr/0005


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """One receiver of webhook calls."""

    name: str
    url: str
    wanted: RunSelector = EVERY_RUN
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets_setting(self) -> str:
        """The setting that holds this endpoint's signing secrets."""
        return "WEBHOOK_SECRETS" if self.name == DEFAULT else f"WEBHOOK_SECRETS_{self.name.upper().replace('-', '_')}"


def read_endpoints(raw: str) -> tuple[WebhookEndpoint, ...]:
    """Read WEBHOOKS: ``[{"name": …, "url": …, "states": […], "prefixes": […]}, …]``, without secrets; "" is none.

    Raises
    ------
    ValueError
        When it is something else; says what it should be.
    """
    if not raw:
        return ()
    try:
        entries = _entries.decode(raw)
    except msgspec.MsgspecError as problem:
        raise ValueError(f'a JSON array of {{"name", "url", "states", "prefixes"}} ({problem})') from problem
    names = [entry.name for entry in entries]
    if len(entries) > MOST or len(set(names)) < len(names):
        raise ValueError(f"at most {MOST} endpoints, each with a name of its own")
    return tuple(_endpoint(entry) for entry in entries)


def _endpoint(entry: _Entry) -> WebhookEndpoint:
    if not _NAME.fullmatch(entry.name) or entry.name == DEFAULT:
        raise ValueError(f"endpoints with names of a–z, 0–9 and hyphens, a letter first, other than {DEFAULT}")
    if not entry.url.startswith(("https://", "http://")):
        raise ValueError(f"endpoints with an https:// address, {entry.name} too")
    return WebhookEndpoint(entry.name, entry.url, selector(entry.states, entry.prefixes))


def with_secrets(
    url: str, secrets: tuple[str, ...], others: tuple[WebhookEndpoint, ...], environment: Mapping[str, str]
) -> tuple[WebhookEndpoint, ...]:
    """All endpoints, each with its secrets: the one of WEBHOOK_URL first, where it is set."""
    first = (WebhookEndpoint(DEFAULT, url, secrets=secrets),) if url else ()
    return (*first, *(replace(each, secrets=words(environment.get(each.secrets_setting, ""))) for each in others))


def unresolved(environment: Mapping[str, str]) -> list[str]:
    """The settings whose Key Vault reference was not resolved: App Service then leaves the reference in their place."""
    return sorted(name for name, value in environment.items() if value.strip().startswith(KEY_VAULT))
