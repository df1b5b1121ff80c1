"""What ``python -m worker.fast.compiled.build`` leaves, and when it has nothing to do."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from worker.fast.compiled import build, code
from worker.fast.compiled.code import KIND


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where code of the sources ``new`` has to be; numba is not there."""
    monkeypatch.setattr(build, "code_path", lambda name: code_in(tmp_path, name))
    monkeypatch.setitem(sys.modules, "numba", None)
    return tmp_path


def test_nothing_is_compiled_where_it_cannot_be(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says so, and that is no failure."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert build.main() == 0
    assert "on riscv64" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


def code_in(folder: Path, name: str, sources: str = "new") -> Path:
    """Where the code of a function is, or was."""
    return folder / f"{name}-{KIND}-{sources}.bin"


def test_what_is_there_stays_and_needs_no_compiler(folder: Path) -> None:
    """What was compiled of other sources goes; what is for another Python or machine stays."""
    for name in build.ENTRIES:
        code_in(folder, name).touch()
        code_in(folder, name, "old").touch()
        (folder / f"{name}-other-old.bin").touch()
    assert build.main() == 0
    kept = {code_in(folder, name) for name in build.ENTRIES} | {
        folder / f"{name}-other-old.bin" for name in build.ENTRIES
    }
    assert set(folder.iterdir()) == kept


def test_compiler_is_needed_for_what_is_missing(folder: Path) -> None:
    """The build says so, and leaves nothing."""
    with pytest.raises(ImportError):
        build.main()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_code_that_cannot_be_mapped_is_as_if_it_was_not_built(
    tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine then decodes, and gives the same."""
    path = code_in(tmp_path, "scan")
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(code, "code_path", lambda name: code_in(tmp_path, name))
    code.load.cache_clear()
    assert code.load("scan") is None
    code.load.cache_clear()
