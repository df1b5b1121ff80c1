"""Raw transactions → valid ones, or every reason why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.task import Limits
from tests.unit.worker.files import analysed, batch, line, transaction
from worker.model import Problem

ABSENT = object()
REQUIRED = ("transaction_id", "timestamp", "line_items", "subtotal", "tax", "total", "payment_method", "status")
REQUIRED_IN_LINE = ("product_id", "product_name", "quantity", "unit_price", "subtotal")


def problems(*transactions: Any, limits: Limits | None = None) -> list[tuple[int, str, str]]:
    """Index, field and code of every error."""
    found = analysed(batch(*transactions), limits).validation.validation_errors
    return [(problem.transaction_index, problem.field, problem.code) for problem in found]


def with_raw(field: str, written: str) -> Any:
    """A file of one transaction with a value written literally."""
    return json.dumps({"transactions": [transaction(**{field: "@"})]}).replace('"@"', written).encode()


def without(values: dict[str, Any], key: str, instead: object) -> dict[str, Any]:
    """The same object with a key gone, or with another value."""
    rest = {name: value for name, value in values.items() if name != key}
    return rest if instead is ABSENT else {**rest, key: instead}


@pytest.mark.parametrize("instead", [ABSENT, None, ""])
@pytest.mark.parametrize("key", REQUIRED)
def test_absent_null_and_empty_are_missing(key: str, instead: object) -> None:
    """Each required field of a transaction, absent, null or an empty string."""
    assert problems(without(transaction(), key, instead)) == [(0, key, "missing_field")]


@pytest.mark.parametrize("instead", [ABSENT, None, ""])
@pytest.mark.parametrize("key", REQUIRED_IN_LINE)
def test_absent_null_and_empty_are_missing_in_a_line(key: str, instead: object) -> None:
    """Each required field of a line, named by its path."""
    lines = [line(), without(line(), key, instead)]
    assert problems(transaction(line_items=lines)) == [(0, f"line_items[1].{key}", "missing_field")]


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (None, ("customer.customer_id", "missing_field")),
        ({}, ("customer.customer_id", "missing_field")),
        ({"customer_id": ""}, ("customer.customer_id", "missing_field")),
        ({"customer_id": 5}, ("customer.customer_id", "wrong_type")),
        ("C1", ("customer", "wrong_type")),
        ("", ("customer", "wrong_type")),
        (["C1"], ("customer", "wrong_type")),
        ({"customer_id": "C1", "name": 5}, ("customer.name", "wrong_type")),
        ({"customer_id": "C1", "email": []}, ("customer.email", "wrong_type")),
        ({"customer_id": "C1", "country": True}, ("customer.country", "wrong_type")),
    ],
)
def test_customer_needs_an_id_and_text(customer: object, expected: tuple[str, str]) -> None:
    """Without a customer it is the id that is missing; a customer of another type is one error, with none below."""
    assert problems(transaction(customer=customer)) == [(0, *expected)]


def test_absent_customer_lacks_its_id() -> None:
    """As a customer that is null."""
    assert problems(without(transaction(), "customer", ABSENT)) == [(0, "customer.customer_id", "missing_field")]


@pytest.mark.parametrize("value", [5, 1.5, True, [], {}])
@pytest.mark.parametrize("key", ["transaction_id", "timestamp", "payment_method", "status"])
def test_text_of_another_type_is_wrong(key: str, value: object) -> None:
    """Nothing is turned into text."""
    assert problems(transaction(**{key: value})) == [(0, key, "wrong_type")]


@pytest.mark.parametrize("value", ["5", "abc", True, False, [5], {}])
@pytest.mark.parametrize("key", ["subtotal", "tax", "shipping", "total"])
def test_amount_of_another_type_is_wrong(key: str, value: object) -> None:
    """A number in quotes is a string, a bool is no number."""
    assert problems(transaction(**{key: value})) == [(0, key, "wrong_type")]


@pytest.mark.parametrize("value", ["5", True, [5], {}])
@pytest.mark.parametrize("key", ["quantity", "unit_price", "subtotal", "discount"])
def test_number_of_another_type_is_wrong_in_a_line(key: str, value: object) -> None:
    """Also in a line."""
    assert problems(transaction(line_items=[line(**{key: value})])) == [(0, f"line_items[0].{key}", "wrong_type")]


@pytest.mark.parametrize(("key", "value"), [("category", 5), ("product_id", 5), ("product_name", ["x"])])
def test_text_of_another_type_is_wrong_in_a_line(key: str, value: object) -> None:
    """Optional or not."""
    assert problems(transaction(line_items=[line(**{key: value})])) == [(0, f"line_items[0].{key}", "wrong_type")]


@pytest.mark.parametrize("record", [None, 5, "T1", True, [transaction()]])
def test_transaction_that_is_no_object_is_one_error(record: object) -> None:
    """It has no id and no path."""
    found = analysed(batch(record)).validation
    assert found.validation_errors == [Problem(0, None, "", "wrong_type")]
    assert found.invalid_transactions == 1


@pytest.mark.parametrize("value", [None, 5, "line", [line()]])
def test_line_that_is_no_object_is_one_error(value: object) -> None:
    """The other lines are still checked."""
    lines = [line(), value, line(quantity=0)]
    assert problems(transaction(line_items=lines)) == [
        (0, "line_items[1]", "wrong_type"),
        (0, "line_items[2].quantity", "quantity_out_of_range"),
    ]


def test_line_items_of_another_type_are_one_error() -> None:
    """An object is no list of lines; an empty list is an error of its own."""
    assert problems(transaction(line_items=line())) == [(0, "line_items", "wrong_type")]
    assert problems(transaction(line_items=[])) == [(0, "line_items", "empty_line_items")]


@pytest.mark.parametrize("written", ["1", "100", "2.0", "1e2", "1.00e0"])
def test_whole_quantity_within_limits_is_valid(written: str) -> None:
    """2.0 is whole."""
    content = batch(transaction(line_items=[line(quantity="@")])).replace(b'"@"', written.encode())
    assert analysed(content).validation.valid_transactions == 1


@pytest.mark.parametrize("written", ["0", "-0", "-1", "101", "2.5", "100.0000000001", "1e400", "1e-9", "9" * 5000])
def test_other_quantities_are_out_of_range(written: str) -> None:
    """Zero, negative, too many, in parts, beyond all numbers."""
    content = batch(transaction(line_items=[line(quantity="@")])).replace(b'"@"', written.encode())
    assert [problem.code for problem in analysed(content).validation.validation_errors] == ["quantity_out_of_range"]


@pytest.mark.parametrize(
    ("field", "written", "code"),
    [
        ("total", "0.01", None),
        ("total", "0.006", None),
        ("total", "0.005", "total_out_of_range"),
        ("total", "0", "total_out_of_range"),
        ("total", "-5", "total_out_of_range"),
        ("total", "100000", None),
        ("total", "100000.005", None),
        ("total", "100000.0051", "total_out_of_range"),
        ("total", "1e400", "total_out_of_range"),
        ("tax", "0", None),
        ("tax", "-0.00", None),
        ("tax", "-0.005", None),
        ("tax", "-0.006", "negative_amount"),
        ("tax", "-1e400", "negative_amount"),
        ("tax", "1000000000000", None),
        ("tax", "1000000000000.01", "amount_out_of_range"),
        ("subtotal", "1e999999999", "amount_out_of_range"),
        ("subtotal", "-1", "negative_amount"),
        ("shipping", "-1", "negative_amount"),
        ("shipping", "null", None),
        ("shipping", '""', "wrong_type"),
    ],
)
def test_amounts_are_checked_after_rounding_to_cents(field: str, written: str, code: str | None) -> None:
    """Half a cent goes to the even neighbour first, then the limits are compared, both ends included."""
    found = analysed(with_raw(field, written)).validation.validation_errors
    assert [(problem.field, problem.code) for problem in found] == ([] if code is None else [(field, code)])


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("unit_price", 0, None),
        ("unit_price", 10000, None),
        ("unit_price", 10000.01, "unit_price_out_of_range"),
        ("unit_price", -0.01, "unit_price_out_of_range"),
        ("subtotal", -0.01, "negative_amount"),
        ("discount", -0.01, "negative_amount"),
        ("discount", None, None),
        ("discount", "", "wrong_type"),
        ("category", None, None),
        ("category", "", None),
    ],
)
def test_amounts_of_a_line_have_their_limits(key: str, value: object, code: str | None) -> None:
    """A negative price is out of its range; a negative subtotal or discount is a negative amount."""
    expected = [] if code is None else [(0, f"line_items[0].{key}", code)]
    assert problems(transaction(line_items=[line(**{key: value})])) == expected


def test_shipping_goes_by_two_names() -> None:
    """`shipping_cost` counts where `shipping` is absent or null; else it is an unknown key, whatever it holds."""
    base = without(transaction(), "shipping", ABSENT)
    assert analysed(batch({**base, "shipping_cost": 3})).summary.total_shipping == 3
    assert analysed(batch({**base, "shipping_cost": 3, "shipping": None})).summary.total_shipping == 3
    assert analysed(batch({**base, "shipping_cost": "free", "shipping": 2})).summary.total_shipping == 2
    assert problems({**base, "shipping_cost": "free"}) == [(0, "shipping_cost", "wrong_type")]
    assert problems({**base, "shipping_cost": -1}) == [(0, "shipping_cost", "negative_amount")]


def test_timestamp_must_be_one() -> None:
    """A string that is no ISO 8601 date and time."""
    assert problems(transaction(timestamp="yesterday")) == [(0, "timestamp", "bad_timestamp")]


def test_second_use_of_an_id_is_an_error_valid_or_not() -> None:
    """The first one stands, even if it is invalid itself; a third use is another error."""
    found = problems(transaction("A", tax=-1), transaction("A"), transaction("B"), transaction("A", tax=True))
    assert found == [
        (0, "tax", "negative_amount"),
        (1, "transaction_id", "duplicate_transaction_id"),
        (3, "transaction_id", "duplicate_transaction_id"),
        (3, "tax", "wrong_type"),
    ]


def test_missing_ids_are_no_duplicates_of_each_other() -> None:
    """Only what can be read can be seen again."""
    twice = (transaction(None), transaction(None), transaction(5), transaction(5))
    assert [code for _, _, code in problems(*twice)] == ["missing_field"] * 2 + ["wrong_type"] * 2


def test_all_errors_of_a_transaction_are_reported_in_the_order_of_the_fields() -> None:
    """However the file orders its keys."""
    bad = dict(
        reversed(
            transaction(
                "",
                timestamp="x",
                customer={"customer_id": None, "country": 1, "name": 1},
                line_items=[line(subtotal=None, quantity=0, product_id=7), 5],
                subtotal=True,
                tax=None,
                shipping=-1,
                total=0,
                payment_method="",
                status=0,
            ).items()
        )
    )
    assert [(field, code) for _, field, code in problems(bad)] == [
        ("transaction_id", "missing_field"),
        ("timestamp", "bad_timestamp"),
        ("customer.customer_id", "missing_field"),
        ("customer.name", "wrong_type"),
        ("customer.country", "wrong_type"),
        ("line_items[0].product_id", "wrong_type"),
        ("line_items[0].quantity", "quantity_out_of_range"),
        ("line_items[0].subtotal", "missing_field"),
        ("line_items[1]", "wrong_type"),
        ("subtotal", "wrong_type"),
        ("tax", "missing_field"),
        ("shipping", "negative_amount"),
        ("total", "total_out_of_range"),
        ("payment_method", "missing_field"),
        ("status", "wrong_type"),
    ]


def test_error_names_the_transaction_when_its_id_can_be_read() -> None:
    """Long ids are cut; an id of another type is none."""
    found = analysed(batch(transaction("T9", tax=-1), transaction("x" * 500, tax=-1), transaction(7))).validation
    assert [problem.transaction_id for problem in found.validation_errors] == ["T9", "x" * 100 + "…", None]


def test_limits_are_settings() -> None:
    """Other limits make other errors."""
    limits = Limits(max_quantity=1)
    assert problems(transaction(), limits=limits) == [(0, "line_items[0].quantity", "quantity_out_of_range")]
    assert problems(transaction(line_items=[line(quantity=1)]), limits=limits) == []


def test_unknown_keys_are_ignored_whatever_they_hold() -> None:
    """In the file, a transaction, a customer and a line."""
    odd = {"deep": [[[{"x": [1e300, None]}]]], "": "", "transactions": 5}
    customer = {"customer_id": "C1", "age": odd}
    found = analysed(batch(transaction(customer=customer, line_items=[line(more=odd)], extra=odd), extra=odd))
    assert found.validation.valid_transactions == 1


def test_lone_surrogates_are_replaced() -> None:
    """No UTF-8 can hold them; two ids that differ only there become one."""
    content = b'{"transactions": [@, @]}'.replace(b"@", batch(transaction("T@")).partition(b"[")[2][:-2])
    content = content.replace(b"T@", b"T\\ud800", 1).replace(b"T@", b"T\\udfff", 1)
    found = analysed(content).validation
    assert [(problem.transaction_id, problem.code) for problem in found.validation_errors] == [
        ("T\ufffd", "duplicate_transaction_id")
    ]


def test_report_shows_a_thousand_errors_and_counts_all() -> None:
    """The counts go on where the list ends."""
    validation = analysed(batch(*[None] * 1500)).validation
    assert len(validation.validation_errors) == 1000
    assert validation.errors_by_code == {"wrong_type": 1500}
    assert validation.total_transactions == validation.invalid_transactions == 1500
