"""The e-mail notification: what a settled run's mail says, and that it is sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from pipeline.measures import mail_sent
from pipeline.notification.advice import advise
from pipeline.notification.body import Account, to_html, to_text
from pipeline.notification.delivery import Delivery
from pipeline.notification.mail import Mail, Mailer
from pipeline.notification.wording import counted, duration, grouped, plain_ascii, printable, rough, size
from shared.cost import CostEstimate
from shared.errors import InvalidDocument
from shared.events import CloudEvent, Place, RunData, decode_event
from shared.outcome import AnomalyDigest
from shared.settings import Settings

log = logging.getLogger(__name__)
LONGEST_SUBJECT = 119
_LONGEST_NAME = 48
_LONGEST_CODE = 40
_MOST_CODES = 5


class EmailSender:
    """Delivers events by e-mail; a `Sender` as `delivery.deliver` wants it.

    Parameters
    ----------
    recipients
        Who gets them, all in one mail.
    """

    def __init__(self, mailer: Mailer, settings: Settings, recipients: Sequence[str]) -> None:
        self._mailer = mailer
        self._settings = settings
        self._recipients = tuple(recipients)

    def send(self, delivery: Delivery) -> None:
        """Mail what came out of a run.

        Raises
        ------
        DeliveryFailed, DeliveryRefused
            As `Mailer.send` does.
        """
        event = decode_event(delivery.body)
        self._mailer.send(compose(event, self._settings, self._recipients))
        mail_sent("single")
        log.info("email.sent", extra={"event_id": event.id, "recipients": len(self._recipients)})


def compose(event: CloudEvent, settings: Settings, recipients: Sequence[str] | None = None) -> Mail:
    """Write the mail about a settled run, to be sent from EMAIL_FROM; to EMAIL_TO when no one else is named.

    Raises
    ------
    InvalidDocument
        When the event's times cannot be read.
    """
    account = account_of(event)
    return Mail(
        mail_id=event.id,
        sender=settings.email_from,
        recipients=settings.email_to if recipients is None else tuple(recipients),
        subject=subject_of(event.data),
        text=to_text(account),
        html=to_html(account),
    )


def subject_of(data: RunData) -> str:
    """Write the subject: state first, then the file's name without folders, then the figures or the code.

    ASCII only, so that no header encoding and no bidi control can hide what it says; the body has the full name.
    """
    name = plain_ascii(data.blob.name.rstrip("/").rpartition("/")[2], _LONGEST_NAME)
    again = f" (attempt {data.attempt})" if data.attempt > 1 else ""
    said = ", ".join(plain_ascii(part, _LONGEST_CODE) for part in _result(data))
    return f"{data.state.capitalize()}{again}: {name}{': ' if said else ''}{said}"[:LONGEST_SUBJECT].rstrip()


def _result(data: RunData) -> Iterator[str]:
    if data.state != "succeeded":
        yield data.code or "no code"
        return
    if data.counts:
        yield counted(data.counts.total_transactions, "transaction")
    if data.total_revenue is not None:
        yield f"{grouped(data.total_revenue)} revenue"


def account_of(event: CloudEvent) -> Account:
    """Tell what a mail says about a run."""
    data = event.data
    return Account(
        state=data.state.capitalize(),
        title=data.blob.name,
        facts=tuple(_facts(data)),
        anomalies=data.anomalies.top if data.anomalies else (),
        problem=_problem(data),
        advice="" if data.state == "succeeded" else advise(data.state, data.code),
        command=f"batchjson show {printable(data.run_id)}",
    )


def _problem(data: RunData) -> str:
    if data.state == "succeeded":
        return ""
    where = f" (at byte {grouped(data.offset)})" if data.offset is not None else ""
    return f"{data.code or data.state}: {data.message or 'no more is known.'}{where}"


def _facts(data: RunData) -> Iterator[tuple[str, str]]:
    yield "File", f"{data.blob.container}/{data.blob.name} ({size(data.blob.bytes)})"
    yield "Run", data.run_id
    if data.attempt > 1:
        yield "Attempt", f"{data.attempt}; an earlier one was replayed"
    if data.state == "succeeded":
        yield from _figures(data)
    yield "Duration", _duration(data)
    if data.cost_estimate:
        yield "Cost", _cost(data.cost_estimate)
    if data.report:
        yield "Report", _where(data.report)
    yield "Logs", _where(data.logs)


def _figures(data: RunData) -> Iterator[tuple[str, str]]:
    if data.counts:
        counts = data.counts
        valid, invalid = grouped(counts.valid_transactions), grouped(counts.invalid_transactions)
        yield "Transactions", f"{grouped(counts.total_transactions)}: {valid} valid, {invalid} invalid"
    if data.errors_by_code:
        worst = sorted(data.errors_by_code.items(), key=lambda item: (-item[1], item[0]))
        named = [f"{code} {grouped(number)}" for code, number in worst[:_MOST_CODES]]
        yield "Errors", ", ".join(named + ["…"] * (len(worst) > _MOST_CODES))
    if data.total_revenue is not None:
        orders = f" from {counted(data.order_count, 'order')}" if data.order_count is not None else ""
        yield "Revenue", f"{grouped(data.total_revenue)}{orders}"
    if data.anomalies:
        yield "Anomalies", _anomalies(data.anomalies)


def _anomalies(found: AnomalyDigest) -> str:
    kinds = (
        counted(found.high_value_count, "high value"),
        counted(found.suspicious_pattern_count, "suspicious pattern"),
        counted(found.inconsistent_amounts_count, "inconsistent amount"),
    )
    return ", ".join(kinds)


def _duration(data: RunData) -> str:
    times = data.timings
    parts = []
    if times.settled_at:
        parts.append(f"{duration(_between(times.uploaded_at, times.settled_at))} from upload to result")
    if data.seconds is not None:
        parts.append(f"{duration(data.seconds)} of it processing")
    elif times.started_at and times.ended_at:
        parts.append(f"{duration(_between(times.started_at, times.ended_at))} of it on the node")
    return ", ".join(parts) or "not known"


def _cost(cost: CostEstimate) -> str:
    how = f"{cost.slots} of {counted(cost.slots_per_node, 'slot')} of a {cost.priority.value} {cost.vm_size}"
    return f"about {rough(cost.amount, cost.currency)} ({duration(cost.milliseconds / 1000)} on {how}; an estimate)"


def _between(start: str, end: str) -> float:
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError) as problem:
        raise InvalidDocument("The event's timings cannot be read.") from problem


def _where(place: Place) -> str:
    return f"{place.container}/{place.name}"
