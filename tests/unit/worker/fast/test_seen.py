"""Ids are remembered by their fingerprints: exactly those, however many, in whatever batches."""

from __future__ import annotations

import numpy as np
import pytest

from worker.fast import seen
from worker.fast.seen import FINGERPRINT, Seen, fingerprints, first_of_each
from worker.fast.words import LONGEST


@pytest.mark.parametrize("batch", [1, 7, 1000, 30_000])
def test_ids_are_known_from_their_second_time_on(batch: int) -> None:
    """While the table grows many times over."""
    count = 3000 if batch < 100 else 60_000
    ids = [f"T{number}" for number in range(count)]
    table = Seen()
    for expected in (False, True):
        for begin in range(0, count, batch):
            assert (table.add(fingerprints(ids[begin : begin + batch])) == expected).all()


def test_table_is_never_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small it begins, and however little is moved at a time."""
    monkeypatch.setattr(seen, "_SMALLEST", 2)
    monkeypatch.setattr(seen, "_MOVED_AT_A_TIME", 3)
    table = Seen()
    for number in range(500):
        assert not table.add(fingerprints([str(number)])).any()
        assert table._count <= 0.75 * len(table._first)


def test_fingerprints_that_share_a_slot_or_a_half_stay_apart() -> None:
    """Both halves tell them from each other."""
    prints = np.array([(5, 1), (5, 2), (5 + (1 << 12), 1), (5 + (2 << 12), 1)], FINGERPRINT)
    table = Seen()
    assert table.add(prints).tolist() == [False] * 4
    assert table.add(prints[::-1].copy()).tolist() == [True] * 4


def test_first_of_each() -> None:
    """In the order of the places, whatever the order in which they are told."""
    prints, places, again = first_of_each(fingerprints(["a", "c", "b", "a"]), np.array([9, 2, 0, 4]))
    assert (prints == fingerprints(["b", "c", "a"])).all()
    assert places.tolist() == [0, 2, 4]
    assert again == {9}


def test_ids_of_any_length_have_fingerprints_of_their_own() -> None:
    """With zeros at the end, alike but for the last byte, beyond what is read in words; the same each time."""
    ids = [
        "",
        "\0",
        "\0\0",
        *("x" * size + end for size in (7, 8, LONGEST - 1, LONGEST, 10**6) for end in ("", "a", "é")),
    ]
    prints = fingerprints(ids)
    assert len({tuple(one) for one in prints.tolist()}) == len(ids)
    assert (prints[::-1] == fingerprints(ids[::-1])).all()
    assert all(fingerprints([identity])[0] == one for identity, one in zip(ids, prints, strict=True))
