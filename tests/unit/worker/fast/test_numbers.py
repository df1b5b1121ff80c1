"""Columns' tools: what they count and round."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.fast.numbers import more_openings

BRACKETED = st.text('[]{},:" ab\\\n', max_size=12)
VALUES = st.recursive(BRACKETED | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(BRACKETED, inner))


def containers(value: Any) -> int:
    """How many arrays and objects a value consists of."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + sum(map(containers, inner))


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_no_opening_is_missed(value: Any, indent: int | str | None) -> None:
    """Whatever stands between them, and whatever their neighbours hold: else a value could nest too deep unseen."""
    count = containers(value)
    text = json.dumps(value, indent=indent).encode()
    assert count == 0 or more_openings(text, count - 1)


@pytest.mark.parametrize("name", ["Desk {Pro} [v2],", "{Braces}", "a[0] = b{1}"])
def test_brackets_in_prose_are_no_openings(name: str) -> None:
    """A catalogue of such names must not be taken for deep JSON."""
    text = json.dumps([{"product_name": name, "lines": []}] * 100).encode()
    assert not more_openings(text, 201)
    assert more_openings(text, 200)
