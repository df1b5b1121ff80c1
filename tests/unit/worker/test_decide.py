"""A file → report and outcome; the digest for the mail."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from shared.outcome import decode_outcome, encode_outcome
from shared.task import Limits
from tests.unit.worker.files import batch, decided, line, transaction
from tests.unit.worker.schema import checked_report
from worker import VERSION
from worker.decide import Job, decide, peak_memory_bytes, reject
from worker.model import Rejected
from worker.report import Input

NOON = datetime(2025, 1, 17, 12, tzinfo=UTC)
NOWHERE = Input(container="batch-input", name="a.json", etag="0x1", bytes=9)


def job() -> Job:
    """A job at noon."""
    return Job("f" * 32, 2, NOWHERE, Limits(), lambda: NOON)


def test_outcome_says_what_the_report_says() -> None:
    """Counts, revenue and errors by code are the report's own."""
    content = batch(transaction("A"), transaction("B", status="open"), transaction("A", tax=True), None)
    decision = decided(content)
    report, outcome = checked_report(decision.report), decision.outcome
    assert outcome.status == report["status"] == "succeeded"
    assert outcome.errors_by_code == report["validation"]["errors_by_code"]
    assert list(outcome.errors_by_code.items()) == [("wrong_type", 2), ("duplicate_transaction_id", 1)]
    assert outcome.counts.total_transactions == report["validation"]["total_transactions"] == 4
    assert outcome.counts.valid_transactions == report["validation"]["valid_transactions"] == 2
    assert outcome.counts.invalid_transactions == report["validation"]["invalid_transactions"] == 2
    assert outcome.total_revenue == report["summary"]["total_revenue"]
    assert outcome.order_count == report["summary"]["order_count"] == 1
    assert outcome.worker_version == report["processor_version"] == VERSION
    assert outcome.input_bytes == len(content)


def test_report_names_its_run_input_and_time() -> None:
    """The frame around the figures; the moment is UTC in milliseconds."""
    report = checked_report(decide(job(), io.BytesIO(batch(batch_id="b7")), io.BytesIO()).report)
    assert list(report)[:6] == [
        *("batch_id", "run_id", "input", "processed_at", "processing_time_seconds", "processor_version")
    ]
    assert list(report)[-1] == "status"
    assert report["batch_id"] == "b7"
    assert report["run_id"] == "f" * 32
    assert report["input"] == {"container": "batch-input", "name": "a.json", "etag": "0x1", "bytes": 9}
    assert report["processed_at"] == "2025-01-17T12:00:00.000Z"


def test_rejected_file_has_a_report_without_figures() -> None:
    """Code, message and byte; nothing is guessed."""
    decision = decide(job(), io.BytesIO(b'{"transactions": [nope]}'), io.BytesIO())
    report, outcome = checked_report(decision.report), decision.outcome
    assert outcome.status == report["status"] == "rejected"
    assert (outcome.code, outcome.offset, outcome.attempt) == ("malformed_json", 19, 2)
    assert report["rejection"] == {"code": outcome.code, "message": outcome.message, "offset": 19}
    assert "summary" not in report
    assert outcome.counts.total_transactions == 0


def test_missing_input_is_a_decision_too() -> None:
    """Superseded and gone have no byte."""
    decision = reject(job(), Rejected("superseded", "Overwritten."))
    assert checked_report(decision.report)["rejection"]["offset"] is None
    assert decision.outcome.code == "superseded"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"[1", "cut off"),
        (b"[1 2]", "at byte 3: expected is ',' or ']'"),
        (b"[\xff]", "Save it as UTF-8"),
        (b"{}", "expected is an object with a 'transactions' array"),
        (b"[" * 100, "deeper than 64 levels at byte 64"),
        (b"\x1f\x8b", "cut off"),
        (b"\x1f\x8bnonsense", "Compress it again"),
        (b'["' + b"x" * 200 + b'"]', "larger than 100 bytes"),
        (b"[" + b" " * 1000 + b"]", "Split it"),
    ],
)
def test_message_says_what_is_wrong_and_where(content: bytes, words: str) -> None:
    """A sentence that a person can act on, without a word of the file."""
    outcome = decided(content, Limits(max_record_bytes=100, max_inflated_bytes=1000)).outcome
    assert outcome.message is not None
    assert words in outcome.message
    assert "nonsense" not in outcome.message


def test_outcome_survives_writing_and_reading() -> None:
    """Amounts beyond a double keep every cent."""
    content = batch(*(transaction(str(number), total=100_000) for number in range(500)), transaction("x", total=0.01))
    outcome = decided(content).outcome
    assert str(outcome.total_revenue) == "50000000.01"
    assert decode_outcome(encode_outcome(outcome)) == outcome


def test_digest_tells_the_anomalies_in_plain_sentences() -> None:
    """High values, patterns, inconsistencies: numbers first, ids short."""
    usual = [transaction(f"u{number}", customer={"customer_id": f"U{number}"}) for number in range(60)]
    high = transaction("h", customer={"customer_id": "BIG"}, total=99_000.5, line_items=[line(quantity=30)])
    higher = transaction("i" * 40, customer={"customer_id": "C" * 40}, total=99_500.5, subtotal=99_499)
    digest = decided(batch(*usual, high, higher)).outcome.anomalies
    assert (digest.high_value_count, digest.suspicious_pattern_count, digest.inconsistent_amounts_count) == (2, 1, 2)
    assert digest.top == (
        "2 transactions are above the 95th percentile of 11.50; the highest is 99,500.50, by customer "
        + "C" * 23
        + "….",
        "Customer BIG: unusually high quantity (1).",
        "2 transactions do not add up; the largest difference is in subtotal of "
        + "i" * 23
        + "…: 99,499.00 instead of 10.00.",
    )


def test_digest_of_an_ordinary_file_says_nothing() -> None:
    """No anomaly, no sentence."""
    assert decided(batch(transaction())).outcome.anomalies.top == ()


def test_digest_has_at_most_five_safe_sentences() -> None:
    """Line breaks, control characters and turned writing in ids do not reach the mail."""
    evil = "\r\nBcc: x@example.com\u202e\x00" + "y" * 300
    rapid = [
        transaction(
            f"{evil}{customer}{number}",
            customer={"customer_id": f"{customer}{evil}"},
            line_items=[line(quantity=21)],
            total=1 + customer,
        )
        for customer in range(9)
        for number in range(5)
    ]
    rapid.append(transaction("high", total=500))
    top = decided(batch(*rapid)).outcome.anomalies.top
    assert len(top) == 5
    assert all(len(sentence) <= 200 and sentence.isprintable() for sentence in top)


def test_peak_memory_is_in_bytes() -> None:
    """A Python process holds more than a megabyte and less than a terabyte."""
    assert 2**20 < peak_memory_bytes() < 2**40


def test_errors_are_one_a_line() -> None:
    """All of them, also those that the report leaves out."""
    errors = io.BytesIO()
    decision = decide(job(), io.BytesIO(batch(*[None] * 1001, transaction("é", tax=-1))), errors)
    lines = [json.loads(line) for line in errors.getvalue().splitlines()]
    assert len(lines) == 1002
    assert lines[:1000] == checked_report(decision.report)["validation"]["validation_errors"]
    assert lines[-1] == {"transaction_index": 1001, "transaction_id": "é", "field": "tax", "code": "negative_amount"}


def test_errors_of_an_array_that_does_not_count_are_forgotten() -> None:
    """Of a duplicate `transactions` the last one wins, with its own errors and ids."""
    errors = io.BytesIO()
    one = json.dumps(transaction())
    content = f'{{"transactions": [null, {one}, null], "transactions": [{one}, 5]}}'.encode()
    outcome = decide(job(), io.BytesIO(content), errors).outcome
    assert outcome.counts.total_transactions == 2
    assert outcome.errors_by_code == {"wrong_type": 1}
    assert errors.getvalue().count(b"\n") == 1
