"""Raw transactions → valid transactions, or every reason why not (REPORT: Validation; docs/report.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from worker.limits import CheckLimits
from worker.model import ErrorCode, Line, Problem, Transaction
from worker.money import LARGEST_AMOUNT, Number, cents, whole_number
from worker.parse import clean
from worker.times import parse_timestamp

LONGEST_SHOWN_ID = 100
"""Characters of a transaction id in an error: a record of 16 MB may have a long id and a million errors."""

_Note = Callable[[str, ErrorCode], None]


class Checker:
    """Checks a file's transactions in file order; it remembers their ids."""

    def __init__(self, limits: CheckLimits) -> None:
        self._limits = limits
        self.begin()

    def begin(self, earlier: Iterable[str] = ()) -> None:
        """Forget the ids seen so far, but for the `earlier` ones."""
        self._seen = set(earlier)

    def check(self, index: int, record: object) -> Transaction | list[Problem]:
        """Check one transaction.

        Parameters
        ----------
        index
            Its place among the file's transactions, from 0.
        record
            The decoded JSON: dict, list, str, `Number`, bool or None.

        Returns
        -------
        Transaction | list[Problem]
            The transaction, or what is wrong with it, in the order in which docs/report.md lists the fields.
        """
        found: list[tuple[str, ErrorCode]] = []

        def note(field: str, code: ErrorCode) -> None:
            found.append((field, code))

        transaction = self._transaction(record, note)
        if transaction is not None and not found:
            return transaction
        shown = _shown_id(record)
        return [Problem(index, shown, field, code) for field, code in found]

    def _transaction(self, record: object, note: _Note) -> Transaction | None:
        if not isinstance(record, dict):
            note("", "wrong_type")
            return None
        fields = _Fields(record, "", note)
        shipping = "shipping" if record.get("shipping") is not None else "shipping_cost"
        transaction_id = self._unseen(fields, note)
        time = _time(fields, note)
        customer_id, customer_name = _customer(record, note)
        return Transaction(
            transaction_id=transaction_id,
            time=time,
            customer_id=customer_id,
            customer_name=customer_name,
            lines=self._lines(fields, note),
            subtotal=fields.amount("subtotal"),
            tax=fields.amount("tax"),
            shipping=fields.optional_amount(shipping),
            total=fields.amount_between("total", self._limits.min_total, self._limits.max_total, "total_out_of_range"),
            payment_method=fields.text("payment_method"),
            status=fields.text("status"),
        )

    def _unseen(self, fields: _Fields, note: _Note) -> str:
        """Read the id. Any transaction that has one makes later ones duplicates, be it valid or not."""
        transaction_id = fields.text("transaction_id")
        if transaction_id and transaction_id in self._seen:
            note("transaction_id", "duplicate_transaction_id")
        self._seen.add(transaction_id)
        return transaction_id

    def _lines(self, fields: _Fields, note: _Note) -> tuple[Line, ...]:
        lines = fields.required("line_items")
        if lines is None:
            return ()
        if not isinstance(lines, list):
            note("line_items", "wrong_type")
            return ()
        if not lines:
            note("line_items", "empty_line_items")
        return tuple(
            self._line(_Fields(line, f"line_items[{place}].", note))
            for place, line in enumerate(lines)
            if _is_object(line, f"line_items[{place}]", note)
        )

    def _line(self, fields: _Fields) -> Line:
        return Line(
            product_id=fields.text("product_id"),
            product_name=fields.text("product_name"),
            category=fields.optional_text("category"),
            quantity=fields.count_between("quantity", 1, self._limits.max_quantity, "quantity_out_of_range"),
            unit_price=fields.amount_between("unit_price", 0, self._limits.max_unit_price, "unit_price_out_of_range"),
            discount=fields.optional_amount("discount"),
            subtotal=fields.amount("subtotal"),
        )


class _Fields:
    """Reads the fields of one JSON object, noting what is wrong; a field in error reads as "" or 0."""

    __slots__ = ("_note", "_path", "_values")

    def __init__(self, values: dict[str, object], path: str, note: _Note) -> None:
        self._values = values
        self._path = path
        self._note = note

    def required(self, key: str) -> object | None:
        value = self._values.get(key)
        if value is None or value == "":
            self._note(self._path + key, "missing_field")
            return None
        return value

    def text(self, key: str) -> str:
        value = self.required(key)
        return "" if value is None else self._as_text(key, value)

    def optional_text(self, key: str) -> str | None:
        value = self._values.get(key)
        return None if value is None else self._as_text(key, value) or None

    def amount(self, key: str) -> int:
        value = self.required(key)
        return 0 if value is None else self._not_negative(key, value)

    def optional_amount(self, key: str) -> int:
        value = self._values.get(key)
        return 0 if value is None else self._not_negative(key, value)

    def amount_between(self, key: str, low: int, high: int, code: ErrorCode) -> int:
        number = self._number(key)
        if number is None:
            return 0
        amount = cents(number)
        if not low <= amount <= high:
            self._note(self._path + key, code)
        return amount

    def count_between(self, key: str, low: int, high: int, code: ErrorCode) -> int:
        number = self._number(key)
        if number is None:
            return 0
        count = whole_number(number)
        if count is None or not low <= count <= high:
            self._note(self._path + key, code)
        return count or 0

    def _number(self, key: str) -> Number | None:
        value = self.required(key)
        if value is None or isinstance(value, Number):
            return value
        self._note(self._path + key, "wrong_type")
        return None

    def _not_negative(self, key: str, value: object) -> int:
        if not isinstance(value, Number):
            self._note(self._path + key, "wrong_type")
            return 0
        amount = cents(value)
        if amount < 0:
            self._note(self._path + key, "negative_amount")
        elif amount > LARGEST_AMOUNT:
            self._note(self._path + key, "amount_out_of_range")
        return amount

    def _as_text(self, key: str, value: object) -> str:
        if type(value) is str:
            return clean(value)
        self._note(self._path + key, "wrong_type")
        return ""


def _time(fields: _Fields, note: _Note) -> int:
    text = fields.text("timestamp")
    time = parse_timestamp(text) if text else 0
    if time is None:
        note("timestamp", "bad_timestamp")
    return time or 0


def _customer(record: dict[str, object], note: _Note) -> tuple[str, str | None]:
    customer = record.get("customer")
    if customer is None:
        note("customer.customer_id", "missing_field")
        return "", None
    if not isinstance(customer, dict):
        note("customer", "wrong_type")
        return "", None
    fields = _Fields(customer, "customer.", note)
    customer_id = fields.text("customer_id")
    name = fields.optional_text("name")
    for key in ("email", "country"):
        fields.optional_text(key)
    return customer_id, name


def _is_object(value: object, field: str, note: _Note) -> bool:
    if not isinstance(value, dict):
        note(field, "wrong_type")
        return False
    return True


def _shown_id(record: object) -> str | None:
    transaction_id = record.get("transaction_id") if isinstance(record, dict) else None
    if type(transaction_id) is not str or not transaction_id:
        return None
    shown = clean(transaction_id)
    return shown if len(shown) <= LONGEST_SHOWN_ID else shown[:LONGEST_SHOWN_ID] + "…"
