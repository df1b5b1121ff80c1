"""The generator: the same bytes for the same seed, good records good, broken records broken as asked."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.generator.broken import DEFECTS
from cli.generator.files import Recipe, RecordStream, Shape, make_file
from cli.generator.spread import Spread
from tests.unit.cli.rules import errors_of

Records = list[dict[str, Any]]
RECIPE = Recipe(count=600, seed=11, anomalies=0.05)


def records_of(recipe: Recipe) -> Records:
    return [json.loads(text, parse_float=Decimal) for text in RecordStream(recipe)]


def digest(recipe: Recipe, path: Path, *, compressed: bool = False) -> str:
    make_file(recipe, path, compressed=compressed)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(min_value=0, max_value=2**64),
    count=st.integers(1, 60),
    shape=st.sampled_from(Shape),
    broken=st.floats(0, 1),
    anomalies=st.floats(0, 1),
)
def test_same_seed_makes_the_same_records(seed: int, count: int, shape: Shape, broken: float, anomalies: float) -> None:
    """Whatever the recipe, making it twice gives the same text, and as many records as asked for."""
    recipe = Recipe(count=count, seed=seed, shape=shape, broken=broken, anomalies=anomalies)
    first = list(RecordStream(recipe))
    assert first == list(RecordStream(recipe))
    assert len(first) == count


@pytest.mark.parametrize("compressed", [False, True])
def test_same_seed_makes_the_same_bytes(tmp_path: Path, *, compressed: bool) -> None:
    """The bytes of a file follow from its recipe alone, compressed or not, under any name."""
    one, other = (digest(RECIPE, tmp_path / name, compressed=compressed) for name in ("one.json", "other.json"))
    assert one == other
    assert one != digest(replace(RECIPE, seed=12), tmp_path / "third.json", compressed=compressed)


def test_bytes_of_a_seed_do_not_change_between_versions(tmp_path: Path) -> None:
    """A seed written into documentation keeps its meaning on every Python and in later versions."""
    recipe = Recipe(count=200, seed=7, anomalies=0.05, broken=0.05)
    assert digest(recipe, tmp_path / "a.json")[:16] == "613dc8a5cec8a61f"


def test_every_record_of_a_clean_file_is_valid() -> None:
    """With nothing broken, no record violates a rule, anomalies or not."""
    seen: set[str] = set()
    assert [errors_of(record, seen) for record in records_of(replace(RECIPE, count=3_000))] == [[]] * 3_000


def test_amounts_of_normal_records_add_up_to_the_cent() -> None:
    """Lines add up to the subtotal, and subtotal, tax and shipping to the total, exactly."""
    for record in records_of(replace(RECIPE, anomalies=0)):
        shipping = record.get("shipping", record.get("shipping_cost"))
        for line in record["line_items"]:
            assert line["quantity"] * line["unit_price"] - line.get("discount", 0) == line["subtotal"]
        assert sum(line["subtotal"] for line in record["line_items"]) == record["subtotal"]
        assert record["subtotal"] + record["tax"] + shipping == record["total"]


def test_every_broken_record_has_its_one_error() -> None:
    """Each broken record shows exactly the code it was broken with, and all codes occur equally often."""
    stream = RecordStream(replace(RECIPE, count=2_000, broken=0.25))
    seen: set[str] = set()
    found = [errors_of(json.loads(text), seen) for text in stream]
    counted = {code: found.count([code]) for code in DEFECTS}
    assert counted == stream.broken
    assert sum(counted.values()) == 500
    assert found.count([]) == 1_500
    assert max(counted.values()) - min(counted.values()) <= 1


def test_few_broken_records_are_still_as_many_as_asked_for() -> None:
    """A small file gets its share: one in a hundred is one, not perhaps none."""
    assert sum(len(errors_of(record, set())) for record in records_of(Recipe(count=100, seed=3, broken=0.01))) == 1


@given(rate=st.floats(0.001, 1), count=st.integers(1, 500))
def test_a_rate_is_kept_to_one_hit(rate: float, count: int) -> None:
    """A spread hits as many places as its rate says, give or take one."""
    from random import Random

    spread = Spread(Random(1), rate)
    hits = sum(spread.hit(index) for index in range(count))
    assert abs(hits - rate * count) <= 1


def test_every_kind_of_anomaly_is_planted() -> None:
    """High values, bursts, odd quantities and wrong sums take turns."""
    stream = RecordStream(replace(RECIPE, count=2_000))
    records = [json.loads(text) for text in stream]
    assert set(stream.anomalies) == {
        "high_value", "rapid_purchases", "unusual_quantity", "high_value_purchases", "inconsistent_amounts",
    }  # fmt: skip
    assert any(line["quantity"] > 20 for record in records for line in record["line_items"])
    assert any(five_within_ten_minutes(customer_times(records)))


def test_anomalies_that_fall_into_a_burst_are_planted_after_it() -> None:
    """The rate is kept over a long file, though bursts take several transactions each."""
    stream = RecordStream(replace(RECIPE, count=20_000, anomalies=0.05))
    assert sum(1 for _ in stream) == 20_000
    assert sum(stream.anomalies.values()) == pytest.approx(1_000, abs=3)


def customer_times(records: Records) -> dict[str, list[datetime]]:
    times: dict[str, list[datetime]] = {}
    for record in records:
        moment = datetime.fromisoformat(record["timestamp"])
        times.setdefault(record["customer"]["customer_id"], []).append(moment)
    return times


def five_within_ten_minutes(times: dict[str, list[datetime]]) -> list[bool]:
    spans = [(last - first).total_seconds() for t in times.values() for first, last in zip(t, t[4:], strict=False)]
    return [0 <= span <= 600 for span in spans]


def test_customers_come_back_unevenly() -> None:
    """A tenth of the customers makes far more than a tenth of the purchases."""
    orders = sorted((len(times) for times in customer_times(records_of(RECIPE)).values()), reverse=True)
    assert sum(orders[: len(orders) // 10]) > 0.2 * sum(orders)


def test_transactions_fall_into_the_days_asked_for_and_rise() -> None:
    """Without bursts the file is in the order of time, within its days."""
    recipe = replace(RECIPE, anomalies=0, first_day=date(2024, 2, 28), days=3)
    times = [record["timestamp"] for record in records_of(recipe)]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert {time[:10] for time in times} == {"2024-02-28", "2024-02-29", "2024-03-01"}


def test_files_of_a_data_set_share_customers_but_no_transaction() -> None:
    """Two files of one seed can be processed side by side: ids are distinct, customers are the same people."""
    first, second = records_of(RECIPE), records_of(replace(RECIPE, number=2))
    assert not {r["transaction_id"] for r in first} & {r["transaction_id"] for r in second}
    assert {r["customer"]["customer_id"] for r in first} & {r["customer"]["customer_id"] for r in second}


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize(
    ("shape", "read"),
    [
        (Shape.OBJECT, lambda text: json.loads(text)["transactions"]),
        (Shape.ARRAY, json.loads),
        (Shape.NDJSON, lambda text: [json.loads(line) for line in text.splitlines()]),
    ],
)
def test_every_shape_holds_the_same_records(
    tmp_path: Path, shape: Shape, read: Callable[[str], Records], *, pretty: bool
) -> None:
    """Shape and indentation change the file, not what it says, also across the borders of blocks."""
    if pretty and shape is Shape.NDJSON:
        return
    recipe = replace(RECIPE, count=2_001, shape=shape, pretty=pretty)
    made = make_file(recipe, tmp_path / "file.json")
    text = made.path.read_text()
    assert read(text) == [json.loads(record) for record in RecordStream(recipe)]
    assert made.bytes == made.path.stat().st_size


def test_object_declares_its_count(tmp_path: Path) -> None:
    """The head of the object says how many transactions follow."""
    document = json.loads(make_file(RECIPE, tmp_path / "file.json").path.read_bytes())
    assert document["transaction_count"] == len(document["transactions"]) == RECIPE.count


def test_compressed_file_holds_the_same(tmp_path: Path) -> None:
    """Gzip changes the bytes only."""
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    make_file(RECIPE, plain)
    make_file(RECIPE, packed, compressed=True)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_half_a_file_is_never_left(tmp_path: Path) -> None:
    """When making a file is stopped, neither it nor a part of it stays."""

    def stop(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_file(RECIPE, tmp_path / "a.json", progress=stop)
    assert list(tmp_path.iterdir()) == []
