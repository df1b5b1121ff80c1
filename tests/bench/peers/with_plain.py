"""The worker's plain engine: `json` and loops, with every check and every figure, exact."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from shared.task import Limits
from worker.engine import process

if __name__ == "__main__":
    with Path(sys.argv[1]).open("rb") as source:
        process(source, io.BytesIO(), Limits())
