"""Ids are remembered by their fingerprints: exactly those, however many, in whatever batches."""

from __future__ import annotations

import numpy as np
import pytest

from worker.fast import seen
from worker.fast.seen import FINGERPRINT, Seen, fingerprints


@pytest.mark.parametrize("batch", [1, 7, 1000, 30_000])
def test_ids_are_known_from_their_second_time_on(batch: int) -> None:
    """While the table grows many times over."""
    count = 3000 if batch < 100 else 60_000
    ids = [f"T{number}" for number in range(count)]
    table = Seen()
    for expected in (False, True):
        for begin in range(0, count, batch):
            prints, places = fingerprints(ids[begin : begin + batch], all_different=True)
            assert places.tolist() == list(range(len(prints)))
            assert (table.add(prints) == expected).all()


def test_table_is_never_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small it begins, and however little is moved at a time."""
    monkeypatch.setattr(seen, "_SMALLEST", 2)
    monkeypatch.setattr(seen, "_MOVED_AT_A_TIME", 3)
    table = Seen()
    for number in range(500):
        assert not table.add(fingerprints([str(number)], all_different=True)[0]).any()
        assert table._count <= 0.75 * len(table._first)


def test_fingerprints_that_share_a_slot_or_a_half_stay_apart() -> None:
    """Both halves tell them from each other."""
    prints = np.array([(5, 1), (5, 2), (5 + (1 << 12), 1), (5 + (2 << 12), 1)], FINGERPRINT)
    table = Seen()
    assert table.add(prints).tolist() == [False] * 4
    assert table.add(prints[::-1].copy()).tolist() == [True] * 4


def test_repeated_and_missing_ids_have_one_fingerprint_or_none() -> None:
    """The place is that of the first one."""
    prints, places = fingerprints(["a", None, "b", "a"], all_different=False)
    assert len(prints) == 2
    assert sorted(places.tolist()) == [0, 2]
