"""Builds the image twice and says whether both are the same, and how large it is. By hand, as root, with buildah:

    python -m tests.image [BASE]

BASE is an image that buildah can get, or a folder with a root file system, as debootstrap makes it:

    debootstrap --variant=minbase --include=python3-venv,ca-certificates bookworm BASE

Without it, a base is made out of this machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.image.engine import Builder


def main() -> int:
    """Return 0 when two builds are the same image."""
    builder = Builder(Path(tempfile.mkdtemp(prefix="batchjson-image-")))
    try:
        base = base_of(builder, sys.argv[1]) if len(sys.argv) > 1 else builder.base()
        ids = [builder.build(base, "--no-cache") for _ in range(2)]
        sizes = {name: size_of(builder, name) for name in (base, ids[0])}
    finally:
        builder.close()
    for name, size in sizes.items():
        print(f"{name[:20]:20}  {size / 1e6:6.1f} MB")
    print("the same image twice" if ids[0] == ids[1] else f"two different images: {ids}")
    return 0 if ids[0] == ids[1] else 1


def base_of(builder: Builder, given: str) -> str:
    """The base that was named."""
    return builder.take(Path(given)) if Path(given).is_dir() else given


def size_of(builder: Builder, image: str) -> int:
    """The unpacked size of an image, in bytes."""
    told: list[dict[str, int]] = json.loads(builder.call("images", "--json", image))
    with_units = str(told[0]["size"])
    number, unit = with_units.split()
    return int(float(number) * {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}[unit])


if __name__ == "__main__":
    sys.exit(main())
