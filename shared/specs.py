"""The settings that there are: each with its name, its default, what reads it, and what it is for.

``local.settings.sample.json``, ``docs/settings.md`` and the fields of `shared.settings.Settings` are held against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.audiences import read_quiet_hours, read_routes
from shared.readers import address, amount, container, currency, flag, one_of, pool_id, region, text, whole, words
from shared.webhooks import read_endpoints
from shared.windows import read_windows


@dataclass(frozen=True, slots=True)
class Spec:
    """One setting: its name in the environment, what to use when it is absent (None: it must be given), its reader."""

    name: str
    default: str | None
    read: Callable[[str], Any]
    about: str


SPECS = (
    Spec("INPUT_CONTAINER", "batch-input", container, "Container that users drop files into."),
    Spec("OUTPUT_CONTAINER", "batch-output", container, "Container for reports, error lists and outcomes."),
    Spec("LOGS_CONTAINER", "batch-logs", container, "Container for the output of tasks."),
    Spec("ARCHIVE_CONTAINER", "batch-archive", container, "Container that processed inputs are moved to."),
    Spec(
        "INPUT_RETENTION",
        "keep",
        one_of("keep", "cool", "archive"),
        "What becomes of an input that was processed with success: keep, cool (its tier) or archive (moved).",
    ),
    Spec(
        "BLOB_TRIGGER_SOURCE",
        "EventGrid",
        one_of("EventGrid", "LogsAndContainerScan"),
        "Where blob events come from: EventGrid in Azure, LogsAndContainerScan (polling) on a laptop.",
    ),
    Spec("LEDGER_TABLE", "runs", text, "Table that holds one row a run."),
    Spec("POLL_SCHEDULE", "*/15 * * * * *", text, "How often completed tasks are looked for (six-field NCRONTAB)."),
    Spec("LEDGER_DAYS", "90", whole(1, 3650), "How many days the ledger remembers a run."),
    Spec("SWEEP_SCHEDULE", "0 */10 * * * *", text, "How often the sweeper looks for what fell through (NCRONTAB)."),
    Spec("POOL_DOCTOR_SCHEDULE", "0 */15 * * * *", text, "How often the pool doctor looks after the pool (NCRONTAB)."),
    Spec(
        "POOL_DOCTOR_REPAIRS",
        "none",
        one_of("none", "reboot", "remove"),
        "What the pool doctor does to nodes that are ill: none (it only says so), reboot or remove.",
    ),
    Spec(
        "INTAKE_WINDOWS",
        "",
        read_windows,
        "Hours (UTC) in which a prefix is taken in: archive/=22:00-06:00; bulk/=00:00-04:00. Empty: always.",
    ),
    Spec(
        "TEND_SCHEDULE",
        "0 * * * * *",
        text,
        "How often budgets are watched, held runs let in, the pool sampled (NCRONTAB).",
    ),
    Spec("DAILY_ROLLUP", "true", flag, "true: a report a day over all its files; each run keeps a partial for it."),
    Spec("ROLLUP_SCHEDULE", "0 30 0-5 * * *", text, "When the roll-ups of the last days are gone on with (NCRONTAB)."),
    Spec("BATCH_POOL_ID", None, pool_id, "Batch pool that tasks run in."),
    Spec("WORKER_IMAGE", None, text, "Container image of the worker, best by digest."),
    Spec("WORKER_IDENTITY_CLIENT_ID", "", text, "Client id of the pool's identity; tasks use it. Azure only."),
    Spec("WORKER_IDENTITY_RESOURCE_ID", "", text, "Resource id of the same identity; uploads task logs. Azure only."),
    Spec("TASK_RETRIES", "3", whole(0, 100), "How often Batch runs a task again that exits with another code than 0."),
    Spec("TASK_TIMEOUT_MINUTES", "120", whole(1, 7 * 24 * 60), "Wall-clock limit of a task."),
    Spec("TASK_WAIT_HOURS", "24", whole(1, 4000), "How long a task may wait for a node before its run is lost."),
    Spec("TASK_SLOTS", "1", whole(1, 256), "Slots of a node that a task takes."),
    Spec(
        "AZURE_REGION", "", region, "Region whose prices count, such as westeurope. Empty: that of the Batch account."
    ),
    Spec(
        "PRICE_SOURCE",
        "auto",
        one_of("auto", "retail", "table"),
        "Prices of machines: the Azure Retail Prices API, the bundled table, or auto: the API, on a laptop the table.",
    ),
    Spec("PRICE_CURRENCY", "USD", currency, "Currency of prices; the bundled table has USD only."),
    Spec("PRICE_API", "https://prices.azure.com/api/retail/prices", address, "Address of the Azure Retail Prices API."),
    Spec(
        "REUSE_RESULTS",
        "false",
        flag,
        "true: a file whose content was processed before by the same image and limits gets that result, unprocessed.",
    ),
    Spec("EVENTS_TOPIC", "run-events", text, "Service Bus topic that gets one event per settled run."),
    Spec("EMAIL_SUBSCRIPTION", "email", text, "Subscription that the e-mail notification reads."),
    Spec("WEBHOOK_SUBSCRIPTION", "webhook", text, "Subscription that the webhook notification reads."),
    Spec("EMAIL_RETRY_QUEUE", "email-retries", text, "Queue that carries mails to be sent again later."),
    Spec("WEBHOOK_RETRY_QUEUE", "webhook-retries", text, "Queue that carries webhook calls to be made again later."),
    Spec("EMAIL_FROM", "", text, "Sender address of mails."),
    Spec("EMAIL_TO", "", words, "Receivers, separated by commas. Empty: no mails are sent."),
    Spec("EMAIL_ROUTES", "", read_routes, "More receivers, each with a filter, as JSON."),
    Spec("EMAIL_DIGEST_MINUTES", "0", whole(0, 1440), "Mails are collected for so long; 0: each goes out at once."),
    Spec("EMAIL_DIGEST_FILES", "0", whole(0, 2000), "A digest goes out as soon as it has so many files; 0: no limit."),
    Spec("EMAIL_DIGEST_SCHEDULE", "0 * * * * *", text, "How often is looked for digests that are due (NCRONTAB)."),
    Spec("EMAIL_QUIET_HOURS", "", read_quiet_hours, "No mails in this span of the day, UTC: 22:00-06:00. Empty: none."),
    Spec("WEBHOOK_URL", "", address, "Address that events are posted to. Empty: no webhook is called."),
    Spec(
        "WEBHOOK_SECRETS",
        "",
        words,
        "Signing secrets (whsec_…), separated by commas, newest first; two while a secret is being changed.",
    ),
    Spec("WEBHOOKS", "", read_endpoints, "More webhook endpoints, as JSON; secrets in WEBHOOK_SECRETS_<NAME>."),
    Spec("WEBHOOK_LOG_DAYS", "14", whole(1, 365), "How many days the log of webhook calls goes back."),
    Spec(
        "DASHBOARD_SIGN_IN",
        "off",
        one_of("off", "entra"),
        "In Azure the dashboard is shut (off) unless this is entra.",
    ),
    Spec("DASHBOARD_READ_ONLY", "false", flag, "true: the dashboard shows everything and changes nothing."),
    Spec("OTEL_EXPORTER_OTLP_ENDPOINT", "", address, "Collector (OTLP over HTTP) that tasks send their span to."),
    Spec("MAX_QUANTITY", "100", whole(1, 10**9), "Largest valid quantity of a line."),
    Spec("MAX_UNIT_PRICE", "10000", amount, "Largest valid unit price."),
    Spec("MIN_TOTAL", "0.01", amount, "Smallest valid total of a transaction."),
    Spec("MAX_TOTAL", "100000", amount, "Largest valid total of a transaction."),
    Spec("MAX_INFLATED_BYTES", str(16 * 1024**3), whole(1, 2**50), "Largest file, after gunzip, in bytes."),
    Spec("REVENUE_STATUSES", "completed", words, "Statuses of transactions that count as revenue."),
)
