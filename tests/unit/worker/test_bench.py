"""The comparison of `make bench` compares the same figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.task import Limits
from tests.bench.contenders import reported
from tests.bench.data import make
from tests.bench.peers.loops import figures
from tests.bench.shapes import SHAPES, write_shapes
from worker.local_file import process_file


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the comparison, small, with many kinds of invalid transactions."""
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    make(file, 2_500)
    return file


def _by_worker(file: Path, folder: Path) -> dict[str, Any]:
    process_file(file, folder, Limits(), "bench")
    return reported(b"", folder)


def test_plain_loops_give_the_figures_of_the_report(generated: Path, tmp_path: Path) -> None:
    """A peer that did less would be no peer."""
    by_loops = json.loads(json.dumps(figures(json.loads(generated.read_bytes()))))
    assert by_loops == _by_worker(generated, tmp_path)
    assert by_loops["invalid"] > 0


def test_every_shape_holds_the_same(generated: Path, tmp_path: Path) -> None:
    """Also compressed, indented, and with the keys in reverse."""
    files = write_shapes(generated)
    assert len(files) == len(SHAPES)
    expected = _by_worker(generated, tmp_path)
    for file in files.values():
        assert _by_worker(file, tmp_path) == expected
