"""Names of spans' attributes, metrics and their units: in one place, since some of them are still in development.

After the semantic conventions of OpenTelemetry for messaging (``messaging.*``) and functions (``faas.*``); what is ours
begins with ``batchjson.``.
"""

from __future__ import annotations

LIBRARY = "batchjson"

FAAS_TRIGGER = "faas.trigger"
"""``datasource``, ``timer`` or ``pubsub``."""
FAAS_COLLECTION = "faas.document.collection"
FAAS_OPERATION = "faas.document.operation.type"
MESSAGING_SYSTEM = "messaging.system"
SERVICE_BUS = "servicebus"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_SUBSCRIPTION = "messaging.destination.subscription.name"
MESSAGING_OPERATION = "messaging.operation.type"
MESSAGING_MESSAGE_ID = "messaging.message.id"

RUN_ID = "batchjson.run.id"
ATTEMPT = "batchjson.run.attempt"
STATE = "batchjson.run.state"
CODE = "batchjson.run.code"
EXIT_CODE = "batchjson.task.exit_code"
NODE_ID = "batchjson.task.node_id"
BYTES = "batchjson.upload.bytes"
ENDPOINT = "batchjson.webhook.endpoint"
RESULT = "batchjson.webhook.result"
MAIL_KIND = "batchjson.mail.kind"
CURRENCY = "batchjson.currency"

RUNS = "batchjson.runs"
RUN_SECONDS = "batchjson.run.duration"
WAIT_SECONDS = "batchjson.run.wait"
TASK_SECONDS = "batchjson.task.duration"
RUN_COST = "batchjson.run.cost"
WEBHOOK_SECONDS = "batchjson.webhook.duration"
MAILS = "batchjson.mails"
