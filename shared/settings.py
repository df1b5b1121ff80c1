"""All settings, read once: `Settings.from_env` names every missing or bad one in a single message.

Each row of `SPECS` is one setting, with its default and what it is for; ``local.settings.sample.json`` and
``docs/settings.md`` are held against it by a test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from shared.audiences import Audience, QuietHours, all_audiences, read_quiet_hours, read_routes
from shared.connections import Connection, read_connection, runs_in_azure
from shared.errors import SettingsError
from shared.readers import address as _address
from shared.readers import amount as _amount
from shared.readers import container as _container
from shared.readers import currency as _currency
from shared.readers import flag as _flag
from shared.readers import one_of as _one_of
from shared.readers import pool_id as _pool_id
from shared.readers import region as _region
from shared.readers import text as _text
from shared.readers import whole as _whole
from shared.readers import words as _words
from shared.settings_checks import HOST_STORAGE, contradictions, endpoints, keys_in_azure, unresolved_references
from shared.task import Limits
from shared.webhooks import WebhookEndpoint, read_endpoints
from shared.windows import Window
from shared.windows import read_windows as _windows

CONNECTIONS = ("STORAGE", "SERVICEBUS", "BATCH", "EMAIL")
FUNCTION_APP_NEEDS = frozenset({"STORAGE", "SERVICEBUS", "BATCH", "BATCH_POOL_ID", "WORKER_IMAGE"})
STORAGE_NEEDS = frozenset({"STORAGE"})
"""What a command needs that reads the ledger and blobs, and nothing else."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One setting: its name in the environment, what to use when it is absent (None: it must be given), its reader."""

    name: str
    default: str | None
    read: Callable[[str], Any]
    about: str


SPECS = (
    Spec("INPUT_CONTAINER", "batch-input", _container, "Container that users drop files into."),
    Spec("OUTPUT_CONTAINER", "batch-output", _container, "Container for reports, error lists and outcomes."),
    Spec("LOGS_CONTAINER", "batch-logs", _container, "Container for the output of tasks."),
    Spec("ARCHIVE_CONTAINER", "batch-archive", _container, "Container that processed inputs are moved to."),
    Spec(
        "INPUT_RETENTION",
        "keep",
        _one_of("keep", "cool", "archive"),
        "What becomes of an input that was processed with success: keep, cool (its tier) or archive (moved).",
    ),
    Spec(
        "BLOB_TRIGGER_SOURCE",
        "EventGrid",
        _one_of("EventGrid", "LogsAndContainerScan"),
        "Where blob events come from: EventGrid in Azure, LogsAndContainerScan (polling) on a laptop.",
    ),
    Spec("LEDGER_TABLE", "runs", _text, "Table that holds one row a run."),
    Spec("POLL_SCHEDULE", "*/15 * * * * *", _text, "How often completed tasks are looked for (six-field NCRONTAB)."),
    Spec("LEDGER_DAYS", "90", _whole(1, 3650), "How many days the ledger remembers a run."),
    Spec("SWEEP_SCHEDULE", "0 */10 * * * *", _text, "How often the sweeper looks for what fell through (NCRONTAB)."),
    Spec("POOL_DOCTOR_SCHEDULE", "0 */15 * * * *", _text, "How often the pool doctor looks after the pool (NCRONTAB)."),
    Spec(
        "POOL_DOCTOR_REPAIRS",
        "none",
        _one_of("none", "reboot", "remove"),
        "What the pool doctor does to nodes that are ill: none (it only says so), reboot or remove.",
    ),
    Spec(
        "INTAKE_WINDOWS",
        "",
        _windows,
        "Hours (UTC) in which a prefix is taken in: archive/=22:00-06:00; bulk/=00:00-04:00. Empty: always.",
    ),
    Spec(
        "TEND_SCHEDULE",
        "0 * * * * *",
        _text,
        "How often budgets are watched, held runs let in, the pool sampled (NCRONTAB).",
    ),
    Spec("BATCH_POOL_ID", None, _pool_id, "Batch pool that tasks run in."),
    Spec("WORKER_IMAGE", None, _text, "Container image of the worker, best by digest."),
    Spec("WORKER_IDENTITY_CLIENT_ID", "", _text, "Client id of the pool's identity; tasks use it. Azure only."),
    Spec("WORKER_IDENTITY_RESOURCE_ID", "", _text, "Resource id of the same identity; uploads task logs. Azure only."),
    Spec("TASK_RETRIES", "3", _whole(0, 100), "How often Batch runs a task again that exits with another code than 0."),
    Spec("TASK_TIMEOUT_MINUTES", "120", _whole(1, 7 * 24 * 60), "Wall-clock limit of a task."),
    Spec("TASK_WAIT_HOURS", "24", _whole(1, 4000), "How long a task may wait for a node before its run is lost."),
    Spec("TASK_SLOTS", "1", _whole(1, 256), "Slots of a node that a task takes."),
    Spec(
        "AZURE_REGION", "", _region, "Region whose prices count, such as westeurope. Empty: that of the Batch account."
    ),
    Spec(
        "PRICE_SOURCE",
        "auto",
        _one_of("auto", "retail", "table"),
        "Prices of machines: the Azure Retail Prices API, the bundled table, or auto: the API, on a laptop the table.",
    ),
    Spec("PRICE_CURRENCY", "USD", _currency, "Currency of prices; the bundled table has USD only."),
    Spec(
        "PRICE_API", "https://prices.azure.com/api/retail/prices", _address, "Address of the Azure Retail Prices API."
    ),
    Spec(
        "REUSE_RESULTS",
        "false",
        _flag,
        "true: a file whose content was processed before by the same image and limits gets that result, unprocessed.",
    ),
    Spec("EVENTS_TOPIC", "run-events", _text, "Service Bus topic that gets one event per settled run."),
    Spec("EMAIL_SUBSCRIPTION", "email", _text, "Subscription that the e-mail notification reads."),
    Spec("WEBHOOK_SUBSCRIPTION", "webhook", _text, "Subscription that the webhook notification reads."),
    Spec("EMAIL_RETRY_QUEUE", "email-retries", _text, "Queue that carries mails to be sent again later."),
    Spec("WEBHOOK_RETRY_QUEUE", "webhook-retries", _text, "Queue that carries webhook calls to be made again later."),
    Spec("EMAIL_FROM", "", _text, "Sender address of mails."),
    Spec("EMAIL_TO", "", _words, "Receivers, separated by commas. Empty: no mails are sent."),
    Spec("EMAIL_ROUTES", "", read_routes, "More receivers, each with a filter, as JSON."),
    Spec("EMAIL_DIGEST_MINUTES", "0", _whole(0, 1440), "Mails are collected for so long; 0: each goes out at once."),
    Spec("EMAIL_DIGEST_FILES", "0", _whole(0, 2000), "A digest goes out as soon as it has so many files; 0: no limit."),
    Spec("EMAIL_DIGEST_SCHEDULE", "0 * * * * *", _text, "How often is looked for digests that are due (NCRONTAB)."),
    Spec("EMAIL_QUIET_HOURS", "", read_quiet_hours, "No mails in this span of the day, UTC: 22:00-06:00. Empty: none."),
    Spec("WEBHOOK_URL", "", _address, "Address that events are posted to. Empty: no webhook is called."),
    Spec(
        "WEBHOOK_SECRETS",
        "",
        _words,
        "Signing secrets (whsec_…), separated by commas, newest first; two while a secret is being changed.",
    ),
    Spec("WEBHOOKS", "", read_endpoints, "More webhook endpoints, as JSON; secrets in WEBHOOK_SECRETS_<NAME>."),
    Spec("WEBHOOK_LOG_DAYS", "14", _whole(1, 365), "How many days the log of webhook calls goes back."),
    Spec(
        "DASHBOARD_SIGN_IN",
        "off",
        _one_of("off", "entra"),
        "In Azure the dashboard is shut (off) unless this is entra.",
    ),
    Spec("DASHBOARD_READ_ONLY", "false", _flag, "true: the dashboard shows everything and changes nothing."),
    Spec("OTEL_EXPORTER_OTLP_ENDPOINT", "", _address, "Collector (OTLP over HTTP) that tasks send their span to."),
    Spec("MAX_QUANTITY", "100", _whole(1, 10**9), "Largest valid quantity of a line."),
    Spec("MAX_UNIT_PRICE", "10000", _amount, "Largest valid unit price."),
    Spec("MIN_TOTAL", "0.01", _amount, "Smallest valid total of a transaction."),
    Spec("MAX_TOTAL", "100000", _amount, "Largest valid total of a transaction."),
    Spec("MAX_INFLATED_BYTES", str(16 * 1024**3), _whole(1, 2**50), "Largest file, after gunzip, in bytes."),
    Spec("REVENUE_STATUSES", "completed", _words, "Statuses of transactions that count as revenue."),
)


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
