"""Resolve the dependencies of pyproject.toml into requirement files with hashes, valid for every Python we support.

Run by `make lock`, by hand, when a dependency is added or renewed. Needs uv (any recent release) on the path.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes",
           "--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]  # fmt: skip


def main() -> int:
    """Write the lock files; --upgrade on the command line takes newer releases."""
    extra = sys.argv[1:]
    compile_lock(["pyproject.toml"], "requirements.txt", *extra)
    compile_lock(["worker/requirements.in"], "worker/requirements.txt", "-c", "requirements.txt", *extra)
    extras = [word for name in ("cli", "local", "dev") for word in ("--extra", name)]
    compile_lock(["pyproject.toml"], "requirements-dev.txt", *extras, "-c", "requirements.txt", *extra)
    compile_lock(
        ["worker/requirements-build.in"], "worker/requirements-build.txt", "-c", "worker/requirements.txt", *extra
    )
    compile_lock(["worker/requirements-sbom.in"], "worker/requirements-sbom.txt", *extra)
    compile_lock(["local/requirements-node.in"], "local/requirements-node.txt", *extra)
    compile_lock(["tests/bench/requirements.in"], "tests/bench/requirements.txt", *extra)
    compile_lock(["tests/infra/requirements.in"], "tests/infra/requirements.txt", *extra)
    return 0


def compile_lock(sources: list[str], target: str, *options: str) -> None:
    """Resolve `sources` into the lock `target`; what is locked there already stays unless --upgrade is given."""
    subprocess.run([*COMPILE, *sources, "--output-file", target, *options], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
