"""The Functions host on a machine whose clock is wrong: ``skewed_host.py SECONDS`` and the host's own arguments.

Our own clock is moved, before anything of ours imports it. That of the SDKs stays: what they sign must be of the time.
"""

import runpy
import sys
from datetime import UTC, datetime, timedelta

import shared.clock

_SKEW = timedelta(seconds=float(sys.argv.pop(1)))


def _skewed() -> datetime:
    return datetime.now(UTC) + _SKEW


if __name__ == "__main__":
    shared.clock.utcnow = _skewed
    runpy.run_module("local.host", run_name="__main__", alter_sys=True)
