"""Files that are made to harm: names of every odd character, one endless line, a bomb."""

from __future__ import annotations

import gzip

import pytest

from shared.runs import Run, RunState
from tests.faults.huge import HugeBlob
from tests.faults.invariants import assert_nothing_lost_or_doubled, reason
from tests.faults.world import Host, World, wait_until

pytestmark = pytest.mark.cloud
WARM = True
MIB = 1024**2
FLAT = 256 * MIB
BEGIN = b'{"transaction_id": "'
ODD = (
    "'\"`$(touch pwned)${IFS}{a,b}[c]<d>|e&&f;g*h?i!j~k^l%41%2F%00%m+n o,p:q@r#s=t"
    "é e\u0301 ß İ ı ﬁ Ω 名前 🎉 👩\u200d👩 \u00a0\u00ad\u200b\u2028\u2029\u202e\ufeff\uffee -- <b>x</b> {{y}} ..z "
)
LONGEST_NAME = 1024


def test_name_of_1024_characters_with_every_odd_one(world: World, host: Host) -> None:
    """It travels through listing, task, documents, event, mail and webhook, and is told as it is."""
    name = "".join(f"{number}{ODD}/" for number in range(10))[: LONGEST_NAME - len(".json")] + ".json"
    assert len(name) == LONGEST_NAME
    names = [name, "-rf.json", "%2e%2e/%2e%2e/a.json", "a//b///c.json", " .json", "....json", "CON/x. /{name}/%s.json"]
    runs = assert_nothing_lost_or_doubled(world, [world.drop(each) for each in names])
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    told = {event["subject"] for event in world.events()}
    assert told == set(names)


def test_line_of_5_gb_is_rejected_in_flat_memory(world: World, host: Host) -> None:
    """A transaction without an end: read through, since a fault of a lower layer would go first, and never kept."""
    huge = HugeBlob(BEGIN, 5 * 1000**3)
    huge.stand_before(world.blob, "huge.json")
    upload = world.drop("huge.json", BEGIN)
    wait_until(lambda: huge.bytes_read >= huge.size, "5 GB to be read", 300)
    [run] = assert_nothing_lost_or_doubled(world, [upload])
    assert reason(run) == (RunState.REJECTED, "record_too_large")
    assert memory(run) < FLAT


def test_gzip_bombs_are_rejected_in_flat_memory(world: World, host: Host) -> None:
    """A thousand times as large as they look, all blanks or one string: inflated no further than the limit."""
    host.kill()
    with world.host(MAX_INFLATED_BYTES=str(256 * MIB)):
        uploads = [world.drop(f"bomb-{len(begin)}.json.gz", bomb(begin)) for begin in (b"", BEGIN)]
        runs = assert_nothing_lost_or_doubled(world, uploads)
    assert [reason(run) for run in runs] == [(RunState.REJECTED, "too_large")] * 2
    assert max(memory(run) for run in runs) < FLAT


def bomb(begin: bytes) -> bytes:
    """A gigabyte of blanks behind the begin of a file, in a thousandth of the space."""
    return gzip.compress(begin) + gzip.compress(b" " * MIB) * 1024


def memory(run: Run) -> int:
    """The most memory that a worker held, in bytes."""
    assert run.outcome
    return run.outcome.peak_memory_bytes
