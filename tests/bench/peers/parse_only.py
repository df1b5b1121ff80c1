"""No figures at all: `orjson.loads` of the file's bytes."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson

if __name__ == "__main__":
    orjson.loads(Path(sys.argv[1]).read_bytes())
