"""Which tasks start where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.batch.placement import in_order, place
from tests.unit.local.batch.builders import a_job_row, a_row, nodes


def test_priority_goes_before_age_and_age_before_everything_else() -> None:
    """Jobs of one priority share by the age of their tasks."""
    high, first, second = a_job_row(3, priority=9), a_job_row(1), a_job_row(2)
    queues = [
        (high, [a_row(30, 3), a_row(31, 3)]),
        (first, [a_row(10, 1), a_row(21, 1)]),
        (second, [a_row(11, 2), a_row(12, 2)]),
    ]
    assert [row.key for row in in_order(queues)] == [30, 31, 10, 11, 12, 21]


def test_tasks_spread_over_the_emptiest_nodes_or_pack_the_fullest() -> None:
    """The fill type chooses between the emptiest node and the fullest that has room."""
    rows = [a_row(1), a_row(2)]
    spread = [node.id for _, node in place(rows, nodes(1, 3, 2), pack=False)]
    packed = [node.id for _, node in place(rows, nodes(1, 3, 2), pack=True)]
    assert (spread, packed) == (["n1", "n1"], ["n0", "n2"])


def test_task_that_fits_nowhere_lets_smaller_ones_pass() -> None:
    """A task that needs more slots than any node has free waits alone."""
    placed = place([a_row(1, slots=4), a_row(2)], nodes(2), pack=False)
    assert [row.key for row, _ in placed] == [2]


@given(st.lists(st.integers(1, 5)), st.lists(st.integers(0, 8), max_size=4), st.booleans())
def test_no_node_is_overfull_and_no_room_is_wasted(wanted: list[int], free: list[int], pack: bool) -> None:
    """Placements fit, each task is placed once, and what is left out fits nowhere."""
    rows = [a_row(number, slots=slots) for number, slots in enumerate(wanted)]
    placed = place(rows, nodes(*free), pack=pack)
    left = {f"n{number}": room for number, room in enumerate(free)}
    for row, node in placed:
        left[node.id] -= row.task.required_slots
    assert all(room >= 0 for room in left.values())
    keys = [row.key for row, _ in placed]
    assert keys == sorted(set(keys))
    assert all(row.task.required_slots > room for row in rows if row.key not in keys for room in left.values())
