"""Messages between the engine's processes. Columns go through the memory that is shared, all else through a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from pickle import PickleBuffer, dumps, loads

from worker.fast.decode import Form
from worker.fast.numbers import Ints
from worker.fast.sums import Part


@dataclass(frozen=True, slots=True)
class Job:
    """A segment to add up: where it stands in the shared memory."""

    slot: int
    size: int
    form: Form


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a segment that is proven. Its process must be told which of them are known from before."""

    slot: int
    prints: Ints
    places: Ints


@dataclass(frozen=True, slots=True)
class Known:
    """The places of the ids that are known, for the first segment of which that has not been told."""

    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of a process, without anything of the file."""

    kind: str
    place: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The segment is unproven."""


Outcome = Part | Failure | Refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a segment."""

    slot: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Letter:
    """A message without its columns: those stand in the shared memory of a slot, one behind the other."""

    message: bytes
    slot: int
    begin: int
    sizes: list[int]


def write(message: Ids | Answer, slot: memoryview, begin: int) -> Letter:
    """Put a message's columns into its slot: a pipe takes them piece by piece, both sides waiting for each other."""
    end = begin
    sizes: list[int] = []

    def put(column: PickleBuffer) -> bool:
        """Take a column, if there is room for it; else it goes into the message."""
        nonlocal end
        raw = column.raw()
        if end + raw.nbytes > len(slot):
            return True
        slot[end : end + raw.nbytes] = raw
        end += raw.nbytes
        sizes.append(raw.nbytes)
        return False

    return Letter(dumps(message, protocol=5, buffer_callback=put), message.slot, begin, sizes)


def read(letter: Letter, slots: list[memoryview]) -> Ids | Answer:
    """The message, with copies of its columns."""
    ends = list(accumulate(letter.sizes, initial=letter.begin))
    columns = [bytearray(slots[letter.slot][begin:end]) for begin, end in pairwise(ends)]
    message: Ids | Answer = loads(letter.message, buffers=columns)  # noqa: S301 - of our own process
    return message
