"""The mail about a day's roll-up: what it says, and that it is sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from pipeline.notification.body import Account, to_html, to_text
from pipeline.notification.email import LONGEST_SUBJECT
from pipeline.notification.mail import Mail, Mailer
from pipeline.notification.wording import counted, duration, grouped
from shared.rollup import RollUpOutcome, report_of_day
from shared.settings import Settings

log = logging.getLogger(__name__)


def mail_roll_up(outcome: RollUpOutcome, mailer: Mailer | None, settings: Settings) -> None:
    """Mail a day's figures to everyone in EMAIL_TO; nobody is told when that is empty.

    Raises
    ------
    DeliveryFailed, DeliveryRefused
        As `Mailer.send` does.
    """
    if mailer is None or not settings.email_to:
        return
    mailer.send(compose(outcome, settings))
    log.info("rollup.mailed", extra={"day": outcome.day, "recipients": len(settings.email_to)})


def compose(outcome: RollUpOutcome, settings: Settings) -> Mail:
    """Write the mail about a roll-up, to be sent from EMAIL_FROM to EMAIL_TO."""
    account = _account(outcome, settings)
    return Mail(
        mail_id=f"rollup-{outcome.day}-{outcome.digest}",
        sender=settings.email_from,
        recipients=settings.email_to,
        subject=_subject(outcome)[:LONGEST_SUBJECT],
        text=to_text(account),
        html=to_html(account),
    )


def _subject(outcome: RollUpOutcome) -> str:
    transactions = counted(outcome.counts.total_transactions, "transaction")
    files, revenue = counted(outcome.files, "file"), grouped(f"{outcome.total_revenue:.2f}")
    return f"Roll-up of {outcome.day}: {files}, {transactions}, {revenue} revenue"


def _account(outcome: RollUpOutcome, settings: Settings) -> Account:
    return Account(
        state="Incomplete" if outcome.missing else "Succeeded",
        title=f"Roll-up of {outcome.day}",
        facts=tuple(_facts(outcome, settings)),
        anomalies=outcome.anomalies.top,
        problem=_problem(outcome),
        advice="Replay those files: the report names them under files.missing." if outcome.missing else "",
        command=f"batchjson rollup {outcome.day}",
    )


def _problem(outcome: RollUpOutcome) -> str:
    if not outcome.missing:
        return ""
    files = counted(outcome.missing, "file")
    return f"{files} left no partial behind, or it is gone: their figures are not among these."


def _facts(outcome: RollUpOutcome, settings: Settings) -> Iterator[tuple[str, str]]:
    counts = outcome.counts
    valid, invalid = grouped(counts.valid_transactions), grouped(counts.invalid_transactions)
    yield "Files", grouped(outcome.files)
    yield "Transactions", f"{grouped(counts.total_transactions)}: {valid} valid, {invalid} invalid"
    yield "Revenue", f"{grouped(f'{outcome.total_revenue:.2f}')} from {counted(outcome.order_count, 'order')}"
    yield "Duration", f"{duration(outcome.seconds)} merging"
    yield "Report", f"{settings.output_container}/{report_of_day(outcome.day)}"
