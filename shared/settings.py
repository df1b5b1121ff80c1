"""All settings, read once: `Settings.from_env` names every missing or bad one in a single message.

`shared.specs.SPECS` says what there is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from shared.audiences import Audience, QuietHours, all_audiences
from shared.connections import Connection, read_connection, runs_in_azure
from shared.errors import SettingsError
from shared.settings_checks import HOST_STORAGE, contradictions, endpoints, keys_in_azure, unresolved_references
from shared.specs import SPECS, Spec
from shared.task import Limits
from shared.webhooks import WebhookEndpoint
from shared.windows import Window

CONNECTIONS = ("STORAGE", "SERVICEBUS", "BATCH", "EMAIL")
FUNCTION_APP_NEEDS = frozenset({"STORAGE", "SERVICEBUS", "BATCH", "BATCH_POOL_ID", "WORKER_IMAGE"})
STORAGE_NEEDS = frozenset({"STORAGE"})
"""What a command needs that reads the ledger and blobs, and nothing else."""
_OURS = (*(spec.name for spec in SPECS), *CONNECTIONS, HOST_STORAGE)
"""How the names of our settings begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, with the right types. `SPECS` says what each is for; build it with `from_env`."""

    input_container: str
    output_container: str
    logs_container: str
    archive_container: str
    input_retention: str
    blob_trigger_source: str
    ledger_table: str
    poll_schedule: str
    ledger_days: int
    sweep_schedule: str
    pool_doctor_schedule: str
    pool_doctor_repairs: str
    intake_windows: tuple[Window, ...]
    daily_rollup: bool
    rollup_schedule: str
    tend_schedule: str
    batch_pool_id: str
    worker_image: str
    worker_identity_client_id: str
    worker_identity_resource_id: str
    task_retries: int
    task_timeout_minutes: int
    task_wait_hours: int
    task_slots: int
    azure_region: str
    price_source: str
    price_currency: str
    price_api: str
    reuse_results: bool
    events_topic: str
    email_subscription: str
    webhook_subscription: str
    email_retry_queue: str
    webhook_retry_queue: str
    email_from: str
    email_to: tuple[str, ...]
    email_routes: tuple[Audience, ...]
    email_digest_minutes: int
    email_digest_files: int
    email_digest_schedule: str
    email_quiet_hours: QuietHours
    webhook_url: str
    webhook_secrets: tuple[str, ...] = field(repr=False)
    webhooks: tuple[WebhookEndpoint, ...]
    webhook_log_days: int
    dashboard_sign_in: str
    dashboard_read_only: bool
    otel_exporter_otlp_endpoint: str
    max_quantity: int
    max_unit_price: Decimal
    min_total: Decimal
    max_total: Decimal
    max_inflated_bytes: int
    revenue_statuses: tuple[str, ...]
    connections: Mapping[str, Connection] = field(repr=False)
    in_azure: bool

    @classmethod
    def from_env(
        cls, environment: Mapping[str, str] | None = None, needs: AbstractSet[str] = FUNCTION_APP_NEEDS
    ) -> Settings:
        """Read all settings.

        Parameters
        ----------
        needs
            The connections and settings that must be given; what else has no default is then empty.

        Raises
        ------
        SettingsError
            Names every setting that is missing or wrong, and what it should be.
        """
        environment = dict(os.environ if environment is None else environment)
        problems: list[str] = []
        values = {spec.name.lower(): _read(spec, environment, needs, problems) for spec in SPECS}
        connections = {name: found for name in CONNECTIONS if (found := _connect(name, environment, needs, problems))}
        values["webhooks"] = endpoints(values, environment)
        if environment.get("WEBSITE_AUTH_ENABLED", "").lower() == "false":
            # App Service says that its authentication is off: then no header of a request can be believed.
            values["dashboard_sign_in"] = "off"
        problems += contradictions(values, connections)
        problems += unresolved_references(environment, _OURS)
        problems += keys_in_azure(environment, CONNECTIONS)
        if values["reuse_results"] and runs_in_azure(environment) and "@sha256:" not in values["worker_image"]:
            problems.append("REUSE_RESULTS needs WORKER_IMAGE by digest (…@sha256:…): a tag may come to mean another.")
        if problems:
            raise SettingsError("The settings cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
        return cls(**values, connections=connections, in_azure=runs_in_azure(environment))

    def connection(self, name: str) -> Connection:
        """Return a connection.

        Raises
        ------
        SettingsError
            When it is not set.
        """
        if name not in self.connections:
            raise SettingsError(f"The connection {name} is not set: {name}__… in Azure, {name} on a laptop.")
        return self.connections[name]

    @property
    def on_laptop(self) -> bool:
        """True when storage is an emulator on this machine: then private webhook targets are allowed."""
        return not self.in_azure and self.connection("STORAGE").on_this_machine

    @property
    def region(self) -> str:
        """The region whose prices count: the one given, else that in the Batch account's address; "" when unknown."""
        batch = self.connections.get("BATCH")
        host = urlsplit(batch.get("accountEndpoint")).hostname or "" if batch else ""
        found = re.fullmatch(r"[^.]+\.([a-z0-9]+)\.batch\.azure\.com", host)
        return self.azure_region or (found[1] if found else "")

    @property
    def asks_for_prices(self) -> bool:
        """True when the Azure Retail Prices API may be called; a laptop does so only when it is told to."""
        return self.price_source == "retail" or (self.price_source == "auto" and not self.on_laptop)

    @property
    def task_timeout(self) -> timedelta:
        """Wall-clock limit of a task."""
        return timedelta(minutes=self.task_timeout_minutes)

    @property
    def task_wait(self) -> timedelta:
        """How long a task may wait for a node."""
        return timedelta(hours=self.task_wait_hours)

    @property
    def ledger_age(self) -> timedelta:
        """How long the ledger remembers a run."""
        return timedelta(days=self.ledger_days)

    @property
    def audiences(self) -> tuple[Audience, ...]:
        """Everybody who gets mails."""
        return all_audiences(self.email_to, self.email_routes)

    def collects(self, audience: Audience, at: datetime) -> bool:
        """Tell whether a mail for an audience is collected at a time, in place of being sent."""
        return audience.digest and (self.email_digest_minutes > 0 or self.email_quiet_hours.covers(at))

    @property
    def webhook_log_age(self) -> timedelta:
        """How far the log of webhook calls goes back."""
        return timedelta(days=self.webhook_log_days)

    @property
    def limits(self) -> Limits:
        """What a valid transaction may hold."""
        return Limits(
            max_quantity=self.max_quantity,
            max_unit_price=self.max_unit_price,
            min_total=self.min_total,
            max_total=self.max_total,
            max_inflated_bytes=self.max_inflated_bytes,
            revenue_statuses=self.revenue_statuses,
        )


def _read(spec: Spec, environment: Mapping[str, str], needs: AbstractSet[str], problems: list[str]) -> Any:
    raw = environment.get(spec.name, spec.default)
    if raw is None:
        if spec.name in needs:
            problems.append(f"{spec.name} is missing. {spec.about}")
        return ""
    try:
        return spec.read(raw.strip())
    except ValueError as problem:
        problems.append(f"{spec.name} should be {problem}.")
        return None


def _connect(
    name: str, environment: Mapping[str, str], needs: AbstractSet[str], problems: list[str]
) -> Connection | None:
    try:
        connection = read_connection(name, environment)
    except SettingsError as problem:
        problems.append(str(problem))
        return None
    if connection is None and name in needs:
        problems.append(f"The connection {name} is missing: {name}__… in Azure, {name} on a laptop.")
    return connection
