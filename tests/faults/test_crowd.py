"""Poison files among good ones: each is rejected for what it is, and holds up none of the others.

As many of each as FAULTS_CROWD says; in CI each kind comes once.
"""

from __future__ import annotations

import gzip
import os
from itertools import chain

import pytest

from shared.runs import RunState
from tests.faults.invariants import assert_nothing_lost_or_doubled, reason
from tests.faults.world import EXAMPLE, Host, World

WARM = True
COUNT = int(os.environ.get("FAULTS_CROWD", "16"))
SECONDS = 120 + 2 * COUNT
pytestmark = [pytest.mark.cloud, pytest.mark.timeout(60 + 2 * SECONDS)]
SETTINGS = {"MAX_INFLATED_BYTES": str(8 * 1024**2)}
_DEEP = b'[{"a": ' + b"[" * 200 + b"]" * 200 + b"}]"
POISON = [
    (".json", b"", "empty_file"),
    (".json", b" \r\n\t" * 1_000, "empty_file"),
    (".json", EXAMPLE[:-20], "malformed_json"),
    (".json", EXAMPLE + b"}", "malformed_json"),
    (".json", b"<html><body>502 Bad Gateway</body></html>", "malformed_json"),
    (".json", b'{"transactions": [NaN]}', "malformed_json"),
    (".json", EXAMPLE.decode().encode("utf-16"), "not_utf8"),
    (".json", EXAMPLE.replace(b"a", b"\xe4", 1), "not_utf8"),
    (".json", b'{"orders": []}', "no_transactions"),
    (".json", b"null", "no_transactions"),
    (".json", _DEEP, "too_deep"),
    (".json.gz", gzip.compress(EXAMPLE)[:-9], "bad_gzip"),
    (".json.gz", gzip.compress(EXAMPLE)[:40] + b"\0" * 40, "bad_gzip"),
    (".json.gz", gzip.compress(b"[" + b" " * 16 * 1024**2), "too_large"),
    (".jsonl", b'{"transaction_id": 1}\n{"transaction_id": 2} 3\n', "malformed_json"),
    (".ndjson", b"\0" * 4_096, "malformed_json"),
]


def test_poison_files_among_good_ones_hold_up_nobody(world: World, host: Host) -> None:
    """Good and bad ones by turns, all at once."""
    kinds = [POISON[number % len(POISON)] for number in range(COUNT)]
    pairs = [
        (world.drop(f"crowd/{number:04}-good.json"), world.drop(f"crowd/{number:04}-bad{suffix}", content))
        for number, (suffix, content, _) in enumerate(kinds)
    ]
    runs = assert_nothing_lost_or_doubled(world, list(chain.from_iterable(pairs)), seconds=SECONDS)
    assert [reason(run) for run in runs[::2]] == [(RunState.SUCCEEDED, None)] * COUNT
    assert {run.outcome and run.outcome.counts.valid_transactions for run in runs[::2]} == {2}
    assert [reason(run) for run in runs[1::2]] == [(RunState.REJECTED, code) for _, _, code in kinds]
