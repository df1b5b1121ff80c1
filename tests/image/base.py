"""A base image out of this machine: its Python, what that is linked to, and a shell; nothing is downloaded.

debootstrap takes a minute and more for the same. What it makes is nearer to the published base, so `python -m
tests.image` can take any base; the test takes this one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

_LIBRARY = re.compile(r"(/\S+) \(0x")
_LEFT_OUT = shutil.ignore_patterns(
    "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "_tkinter*", "*.a"
)
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\nhosts: files dns\n",
}


def make_base(root: Path) -> None:
    """Fill a folder with a root file system in which ``python3`` and ``sh`` run."""
    for folder in ("bin", "dev", "etc", "proc", "sys", "tmp", "usr/local/bin"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for name, content in _FILES.items():
        (root / name).write_text(content)
    python = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, _in(root, library), ignore=_LEFT_OUT, symlinks=True, dirs_exist_ok=True)
    wheels = sysconfig.get_config_var("WHEEL_PKG_DIR")
    if wheels:
        shutil.copytree(wheels, _in(root, Path(wheels)), dirs_exist_ok=True)
    shell = Path(shutil.which("dash") or "/bin/sh").resolve()
    _copy(root, [python, shell])
    _copy(root, _libraries([python, shell, *_compiled(library)]))
    (root / "bin" / "sh").symlink_to(shell)
    (root / "usr" / "local" / "bin" / "python3").symlink_to(python)


def _in(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _copy(root: Path, files: Iterable[Path]) -> None:
    for file in files:
        target = _in(root, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(file, target)


def _compiled(library: Path) -> list[Path]:
    """The standard library's compiled modules, and those of wheels: they expect the compiler's own libraries."""
    packages = Path(sysconfig.get_path("platlib"))
    wheels = [file for name in ("numpy", "llvmlite", "numba") for file in (packages / name).rglob("*.so")]
    return [file for file in (*library.rglob("lib-dynload/*.so"), *wheels) if "_tkinter" not in file.name]


def _libraries(files: list[Path]) -> set[Path]:
    """Every shared library that these files load, the loader among them, by the names that they are looked for."""
    told = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False, timeout=60).stdout
    return {Path(name) for name in _LIBRARY.findall(told) if "site-packages" not in name}
