"""Messages between the engine's processes: what was written is read, wherever its columns went."""

from __future__ import annotations

import numpy as np
import pytest

from worker.fast.messages import Ids, read, write
from worker.fast.numbers import Ints

BEGIN = 100


def ids(count: int) -> Ids:
    """A message with two columns, of 8 and of 4 bytes an id."""
    return Ids(1, np.arange(count), np.arange(count, dtype=np.int32))


def slots(size: int) -> list[memoryview]:
    """Two slots, of which the second one is written to."""
    return [memoryview(bytearray(8)), memoryview(bytearray(size))]


def same(one: Ints, other: Ints) -> bool:
    """Compare columns, of which one may be a copy in other memory."""
    return one.dtype == other.dtype and one.tolist() == other.tolist()


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_columns_go_through_the_slot(count: int) -> None:
    """Nothing of them stands in what goes through the pipe; and nothing of the segment before them is touched."""
    memory, sent = slots(BEGIN + 12 * count), ids(count)
    letter = write(sent, memory[1], BEGIN)
    got = read(letter, memory)
    assert isinstance(got, Ids)
    assert same(got.prints, sent.prints)
    assert same(got.places, sent.places)
    assert letter.sizes == [8 * count, 4 * count]
    assert len(letter.message) < 1000
    assert bytes(memory[1][:BEGIN]) == bytes(BEGIN)


@pytest.mark.parametrize("room", [0, 1, 8 * 50, 8 * 50 + 1, 12 * 50 - 1])
def test_a_column_for_which_there_is_no_room_goes_through_the_pipe(room: int) -> None:
    """A segment of very many short transactions."""
    memory, sent = slots(BEGIN + room), ids(50)
    letter = write(sent, memory[1], BEGIN)
    got = read(letter, memory)
    assert isinstance(got, Ids)
    assert same(got.prints, sent.prints)
    assert same(got.places, sent.places)
    assert len(letter.sizes) < 2


def test_what_is_read_does_not_change_with_the_slot() -> None:
    """It is written to again while the columns are still needed."""
    memory = slots(BEGIN + 1200)
    got = read(write(ids(100), memory[1], BEGIN), memory)
    memory[1][:] = bytes(len(memory[1]))
    assert isinstance(got, Ids)
    assert got.prints.tolist() == list(range(100))
