"""Names of blobs become names of folders that stay inside the folder that was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cli.errors import CommandFailed
from cli.safe_path import folder_within, safe_name

NASTY = ("../../x", "/etc/passwd", "C:\\x", "c:x", "\0", "a\0b", "..", ".", "", "-rf", "con", "NUL.json", "com1.tar.gz",
         "x" * 5_000, "漢" * 400, "\ud800", "a/../b", "trailing. ",
         "~/x", "$(touch pwned)", "a\nb", "e\u0301" * 90)  # fmt: skip
RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}


@given(st.text(), st.sampled_from(["", "0123456789ab"]))
def test_a_safe_name_is_one_plain_component(name: str, unique: str) -> None:
    """No separator, drive, control character, leading dot or dash, reserved device, or name that is too long."""
    safe = safe_name(name, unique)
    assert Path(safe).parts == (safe,)
    assert len(safe.encode()) <= 100
    assert safe.isprintable()
    assert not set(safe) & set("\\/:*?\"<>|$`'; ")
    assert safe[0] not in ".-"
    assert safe[-1] not in ". "
    assert safe.partition(".")[0].lower() not in RESERVED
    assert safe.endswith(unique)


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("unique", ["", "0123456789ab"])
def test_nasty_names_are_made_safe_and_can_be_made(tmp_path: Path, name: str, unique: str) -> None:
    """Names known to escape, to break terminals or to be devices become folders inside."""
    test_a_safe_name_is_one_plain_component.hypothesis.inner_test(name, unique)  # type: ignore[attr-defined]
    folder = folder_within(tmp_path / "results", name, unique)
    assert folder.is_dir()
    assert folder.parent == tmp_path / "results"


@given(st.text(max_size=300))
@example("../../x")
def test_the_same_name_makes_the_same_folder(name: str) -> None:
    """Downloading again finds the folder again, and a safe name is safe already."""
    assert safe_name(name) == safe_name(name)
    assert safe_name(safe_name(name)) == safe_name(name)


def test_an_ordinary_name_is_left_alone() -> None:
    """What is harmless can be recognised."""
    assert safe_name("Umsätze_2025-01.json") == "Umsätze_2025-01.json"


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    """A link that somebody put there is not followed out of the folder."""
    base = tmp_path / "results"
    base.mkdir()
    (base / "a.json").symlink_to(tmp_path)
    with pytest.raises(CommandFailed, match="leads out"):
        folder_within(base, "a.json")
