"""The engine: one input file → everything that its report says. Plain loops and exact integers; memory
grows with the file.

This is the seam behind which a faster engine may stand: same call, same result, byte for byte.
"""

from __future__ import annotations

from typing import BinaryIO

import msgspec

from shared.outcome import Counts
from shared.task import Limits
from worker.check import Checker
from worker.errors_log import ErrorsLog
from worker.figures.anomalies import Anomalies, find_anomalies
from worker.figures.counts import count_payment_methods, count_statuses
from worker.figures.customers import Customer, CustomerSegments, customer_segments, top_customers
from worker.figures.products import Products, product_figures
from worker.figures.ranking import falling
from worker.figures.sales import Sales, daily_sales, monthly_sales
from worker.figures.summary import Summary, summarise
from worker.limits import check_limits
from worker.model import Problem, Transaction
from worker.parse import Header, parse
from worker.partial import partial_of, rows_of, write_partial
from worker.read import read_text


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """How many transactions are valid, and what is wrong with the others (the first 1,000 errors)."""

    total_transactions: int
    valid_transactions: int
    invalid_transactions: int
    errors_by_code: dict[str, int]
    validation_errors: list[Problem]
    declared_transaction_count: int | msgspec.UnsetType = msgspec.UNSET
    count_matches: bool | msgspec.UnsetType = msgspec.UNSET


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one input file holds: the report without its frame."""

    batch_id: str | None
    validation: Validation
    summary: Summary
    top_customers: list[Customer]
    customer_segments: CustomerSegments
    products: Products
    daily_sales: dict[str, Sales]
    monthly_sales: dict[str, Sales]
    status_breakdown: dict[str, int]
    payment_methods: dict[str, int]
    anomalies: Anomalies
    suspicious_pattern_count: int

    @property
    def counts(self) -> Counts:
        """How many transactions there are, and how many of them are valid."""
        return Counts(
            total_transactions=self.validation.total_transactions,
            valid_transactions=self.validation.valid_transactions,
            invalid_transactions=self.validation.invalid_transactions,
        )


def process(source: BinaryIO, errors: BinaryIO, limits: Limits, partial: BinaryIO | None = None) -> Result:
    """Read, check and analyse one input file.

    Parameters
    ----------
    source
        The file, open for reading and seekable; plain or gzip. It is read from its start.
    errors
        Open for writing and seekable: takes every validation error as a line of JSON. Empty when there is none.
    limits
        What a valid transaction may hold and how large a file may be.
    partial
        Takes the file's partial, unless it is None.

    Raises
    ------
    Rejected
        When the file is not valid (REPORT: a file is rejected when …). What stands in `errors` then is of no use.
    InvalidDocument
        When a limit makes no sense.
    """
    records = _Checked(Checker(check_limits(limits)), ErrorsLog(errors))
    header = parse(read_text(source, limits.max_inflated_bytes), limits.max_record_bytes, records)
    counted = [transaction for transaction in records.valid if transaction.status in limits.revenue_statuses]
    if partial is not None:
        made = partial_of(records.valid, counted, records.total, records.errors.by_code)
        write_partial(made, rows_of(records.valid, made.customers), partial)
    anomalies, suspicious_pattern_count = find_anomalies(records.valid)
    return Result(
        batch_id=header.batch_id,
        validation=_validation(records, header),
        summary=summarise(counted),
        top_customers=top_customers(counted),
        customer_segments=customer_segments(counted),
        products=product_figures(counted),
        daily_sales=daily_sales(counted),
        monthly_sales=monthly_sales(counted),
        status_breakdown=count_statuses(records.valid),
        payment_methods=count_payment_methods(records.valid),
        anomalies=anomalies,
        suspicious_pattern_count=suspicious_pattern_count,
    )


class _Checked:
    """Checks the transactions as the reader finds them."""

    def __init__(self, checker: Checker, errors: ErrorsLog) -> None:
        self.checker = checker
        self.errors = errors
        self.begin()

    def begin(self) -> None:
        self.total = 0
        self.valid: list[Transaction] = []
        self.checker.begin()
        self.errors.begin()

    def add(self, record: object) -> None:
        checked = self.checker.check(self.total, record)
        self.total += 1
        if isinstance(checked, Transaction):
            self.valid.append(checked)
        else:
            self.errors.add(checked)


def _validation(records: _Checked, header: Header) -> Validation:
    declared = header.declared_transaction_count
    return Validation(
        total_transactions=records.total,
        valid_transactions=len(records.valid),
        invalid_transactions=records.total - len(records.valid),
        errors_by_code=falling(records.errors.by_code),
        validation_errors=records.errors.first,
        declared_transaction_count=msgspec.UNSET if declared is None else declared,
        count_matches=msgspec.UNSET if declared is None else declared == records.total,
    )
