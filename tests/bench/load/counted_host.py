"""The Functions host, whose calls are counted: ``python -m … COUNTS.json`` and the host's own arguments."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from tests.bench.counting import Calls

if __name__ == "__main__":
    calls = Calls()
    calls.count()
    calls.keep_in(Path(sys.argv.pop(1)))
    runpy.run_module("local.host", run_name="__main__", alter_sys=True)
