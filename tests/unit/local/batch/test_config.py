"""The pools file."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.batch.config import ConfigError, load_pools


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "pools.json"
    path.write_text(text)
    return path


def test_pools_are_read_with_their_defaults(tmp_path: Path) -> None:
    """An id is enough; what is given counts."""
    text = '[{"id": "a"}, {"id": "b", "nodes": 3, "taskSlotsPerNode": 2, "containers": {"i:1": ["run", "x"]}}]'
    plain, full = load_pools(_file(tmp_path, text))
    assert (plain.nodes, plain.task_slots_per_node, plain.containers, plain.environment) == (1, 1, {}, {})
    assert (full.nodes, full.task_slots_per_node, full.containers) == (3, 2, {"i:1": ("run", "x")})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be used"),
        ('{"id": "a"}', "Expected `array`"),
        ('[{"nodes": 1}]', "missing required field `id`"),
        ('[{"id": "a", "colour": "red"}]', "unknown field `colour`"),
        ('[{"id": "a b"}]', "needs an id"),
        ('[{"id": "a", "nodes": -1}]', "fewer than 0 nodes"),
        ('[{"id": "a", "taskSlotsPerNode": 257}]', "1 to 256 task slots"),
        ('[{"id": "a", "containers": {"i": []}}]', "without an entry point"),
        ('[{"id": "a"}, {"id": "A"}]', "stands there twice"),
    ],
)
def test_pools_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, reason: str) -> None:
    """Each problem is named, with the file."""
    with pytest.raises(ConfigError, match=reason) as caught:
        load_pools(_file(tmp_path, text))
    assert "pools.json" in str(caught.value)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    """One message names every problem."""
    with pytest.raises(ConfigError, match=r"fewer than 0 nodes.*1 to 256"):
        load_pools(_file(tmp_path, '[{"id": "a", "nodes": -1}, {"id": "b", "taskSlotsPerNode": 0}]'))


def test_missing_pools_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is an error of the same kind."""
    with pytest.raises(ConfigError, match="No such file"):
        load_pools(tmp_path / "nowhere.json")
