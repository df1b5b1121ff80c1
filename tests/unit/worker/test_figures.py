"""The figures, each on a few transactions whose answer is plain."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from shared.task import Limits
from tests.unit.worker.files import analysed, batch, line, transaction
from worker.engine import Result
from worker.figures.customers import Segment
from worker.figures.products import product_figures
from worker.model import Line, Transaction
from worker.money import LARGEST_AMOUNT


def order(identity: str, total: float, customer: str = "C1", **fields: Any) -> dict[str, Any]:
    """A valid transaction of a customer."""
    return transaction(identity, customer={"customer_id": customer}, total=total, **fields)


def result(*transactions: Any, limits: Limits | None = None, **header: Any) -> Result:
    """The result of a file that must be free of errors."""
    found = analysed(batch(*transactions, **header), limits)
    assert found.validation.validation_errors == []
    return found


def money(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)


def test_only_completed_transactions_count_for_revenue() -> None:
    """Others are valid and are counted by status; a status is taken as it is written."""
    found = result(order("1", 10), order("2", 20, status="refunded"), order("3", 30, status="Completed"), order("4", 5))
    assert found.summary.total_revenue == 15
    assert found.summary.order_count == 2
    assert found.status_breakdown == {"completed": 2, "Completed": 1, "refunded": 1}
    assert list(found.status_breakdown) == ["completed", "Completed", "refunded"]
    assert found.validation.valid_transactions == 4


def test_statuses_that_count_are_a_setting() -> None:
    """Several, or another one."""
    limits = Limits(revenue_statuses=("completed", "shipped"))
    assert result(order("1", 10), order("2", 20, status="shipped"), limits=limits).summary.total_revenue == 30


def test_summary_adds_each_amount() -> None:
    """Totals, subtotals, taxes, shipping, items; the average is half-even."""
    found = result(
        order("1", 10.01, tax=0.1, shipping=0.2, subtotal=9, timestamp="2025-03-01T00:00:00+02:00"),
        order("2", 10.02, "C2", tax=0.3, line_items=[line(quantity=3), line(quantity=4)]),
    ).summary
    assert found.total_revenue == money("20.03")
    assert found.net_revenue == 19
    assert found.total_tax == money("0.40")
    assert found.total_shipping == money("0.70")
    assert found.total_items == 9
    assert found.order_count == 2
    assert found.average_order_value == money("10.02")
    assert found.unique_customers == 2
    assert (found.first_timestamp, found.last_timestamp) == ("2025-01-17T14:30:22Z", "2025-02-28T22:00:00Z")


def test_file_without_counted_transactions_has_zeros_and_nulls() -> None:
    """Amounts are 0.00, moments and the threshold are null, lists are empty."""
    found = result()
    assert str(found.summary.average_order_value) == "0.00"
    assert found.summary.first_timestamp is None
    assert found.anomalies.high_value_threshold is None
    assert found.anomalies.high_value_count == 0
    assert found.top_customers == []
    assert found.daily_sales == {}


def test_declared_count_is_compared_with_all_transactions() -> None:
    """Valid or not; without a declaration there is nothing to compare."""
    matching = analysed(batch(transaction(), None, transaction_count=2)).validation
    assert (matching.declared_transaction_count, matching.count_matches) == (2, True)
    assert analysed(batch(transaction(), transaction_count=2)).validation.count_matches is False


def test_customers_are_ranked_by_spending_then_id() -> None:
    """Ten of them; equal figures are ordered by code points."""
    spent = [
        ("b", 5),
        ("a", 5),
        ("B", 5),
        ("é", 5),
        ("z", 9),
        ("y", 1),
        ("x", 1),
        ("w", 1),
        ("v", 1),
        ("u", 1),
        ("t", 1),
    ]
    found = result(*(order(str(place), amount, customer) for place, (customer, amount) in enumerate(spent)))
    assert [customer.customer_id for customer in found.top_customers] == list("zBabétuvwx")


def test_customer_has_the_last_name_that_is_given() -> None:
    """A null or empty name does not take a known one away; nor does a transaction that does not count."""
    names = ["Ann", "Anna", None, ""]
    named = [transaction(str(place), customer={"customer_id": "C1", "name": name}) for place, name in enumerate(names)]
    pending = transaction("p", customer={"customer_id": "C1", "name": "Later"}, status="pending")
    assert result(*named, pending).top_customers[0].name == "Anna"
    assert result(named[2]).top_customers[0].name is None


def test_customers_are_segmented_by_number_of_orders() -> None:
    """One, two to five, six and more; each with its revenue."""
    orders = {"one": 1, "two": 2, "five": 5, "six": 6, "seven": 7}
    found = result(
        *(order(f"{customer}{place}", 1, customer) for customer, count in orders.items() for place in range(count))
    ).customer_segments
    assert found.one == Segment(customers=1, revenue=money("1"))
    assert found.two_to_five == Segment(customers=2, revenue=money("7"))
    assert found.six_plus == Segment(customers=2, revenue=money("13"))


def test_products_are_ranked_by_revenue_and_by_units() -> None:
    """Revenue is the sum of line subtotals; equal figures go by id."""
    lines = [
        line(product_id="P2", quantity=1, subtotal=30),
        line(product_id="P1", quantity=1, subtotal=30),
        line(product_id="P3", quantity=9, subtotal=1),
        line(product_id="P1", quantity=1, subtotal=0),
    ]
    found = result(transaction(line_items=lines)).products
    assert [product.product_id for product in found.top_products] == ["P1", "P2", "P3"]
    assert [product.product_id for product in found.top_products_by_units] == ["P3", "P1", "P2"]
    assert found.top_products[0].units_sold == 2


def test_product_lists_hold_ten() -> None:
    """The eleventh is left out, by revenue as by units."""
    found = result(transaction(line_items=[line(product_id=f"P{number:02}") for number in range(11)])).products
    assert len(found.top_products) == len(found.top_products_by_units) == 10


def test_product_has_the_last_name_and_category_that_are_given() -> None:
    """A line without a category does not take a known one away; a product without any is of category Unknown."""
    lines = [line(category="Old", product_name="A"), line(category="New", product_name="B"), line(category=None)]
    product = result(transaction(line_items=lines)).products.top_products[0]
    assert (product.product_name, product.category) == ("Widget", "New")
    assert result(transaction(line_items=[line(category="")])).products.top_products[0].category == "Unknown"


def test_revenue_by_category_falls() -> None:
    """Absent, null and empty categories count together with one that is called Unknown."""
    lines = [
        line(category=None, subtotal=1),
        line(category="", subtotal=1),
        line(category="Unknown", subtotal=1),
        line(category="B", subtotal=2),
        line(category="A", subtotal=2),
        line(category="b", subtotal=9),
    ]
    found = result(transaction(line_items=lines)).products.revenue_by_category
    assert [(category, int(revenue)) for category, revenue in found.items()] == [
        ("b", 9),
        ("Unknown", 3),
        ("A", 2),
        ("B", 2),
    ]


def test_sales_are_counted_by_utc_day_and_month() -> None:
    """A sale just before midnight elsewhere may be of another day, month and year here; the earliest comes first."""
    found = result(
        order("1", 5, timestamp="2025-01-01T00:30:00+01:00"),
        order("2", 7, timestamp="2024-12-31T23:59:59.999999Z"),
        order("3", 9, timestamp="2025-01-01T00:00:00Z"),
        order("4", 9, timestamp="0999-01-01T00:00:00Z"),
    )
    daily = [(day, int(sales.revenue), sales.order_count) for day, sales in found.daily_sales.items()]
    assert daily == [("0999-01-01", 9, 1), ("2024-12-31", 12, 2), ("2025-01-01", 9, 1)]
    monthly = [(month, int(sales.revenue), sales.order_count) for month, sales in found.monthly_sales.items()]
    assert monthly == [("0999-01", 9, 1), ("2024-12", 12, 2), ("2025-01", 9, 1)]


def test_payment_methods_are_counted_over_all_valid_transactions() -> None:
    """Also over those that do not count for revenue; the most frequent first."""
    found = result(order("1", 1, payment_method="b"), order("2", 1, payment_method="a", status="x"), order("3", 1))
    assert list(found.payment_methods.items()) == [("a", 1), ("b", 1), ("card", 1)]


def test_sums_beyond_int64_and_double_are_exact() -> None:
    """A hundred thousand of the largest amounts would overflow 64 bits of cents."""
    found = result(*(transaction(str(number), tax=10**12) for number in range(1000)))
    assert found.summary.total_tax == 10**15
    one = Line("P1", "Widget", None, 1, 0, 0, LARGEST_AMOUNT)
    many = Transaction("T1", 0, "C1", None, (one,) * 100_000, 0, 0, 0, 1, "card", "completed")
    assert str(product_figures([many]).top_products[0].revenue) == "100000000000000000.00"
