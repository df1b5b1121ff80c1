"""The contract of notes, held by the double and by Azure Table storage alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.notes import LONGEST_TEXT, Notes, change_note
from pipeline.notes_table import TableNotes
from shared.errors import InvalidDocument, LedgerConflict
from tests.doubles.notes import MemoryNotes


@pytest.fixture(params=["double", pytest.param("table", marks=pytest.mark.cloud)])
def notes(request: pytest.FixtureRequest, fresh: str) -> Notes:
    """Notes that nobody else writes."""
    if request.param == "double":
        return MemoryNotes()
    return TableNotes(request.getfixturevalue("storage"), fresh)


@pytest.mark.parametrize("text", ["", "a", "字😀\n" * 20_000, '{"a": "\\u0000"}'])
def test_note_reads_back_as_it_was(notes: Notes, text: str) -> None:
    """However long, in any script."""
    notes.put("kind", "key", text)
    found = notes.get("kind", "key")
    assert found
    assert found.text == text
    notes.put("kind", "key", "shorter")
    again = notes.get("kind", "key")
    assert again
    assert again.text == "shorter"


def test_note_that_is_not_there_is_none(notes: Notes) -> None:
    """It is an answer."""
    assert notes.get("kind", "key") is None


def test_only_who_has_seen_the_last_version_may_write(notes: Notes) -> None:
    """And of several who insert, one wins."""
    first = notes.put_if("kind", "key", "one", None)
    second = notes.put_if("kind", "key", "two", first.version)
    for version in (None, first.version):
        with pytest.raises(LedgerConflict):
            notes.put_if("kind", "key", "three", version)
    with pytest.raises(LedgerConflict):
        notes.put_if("kind", "other", "one", first.version)
    assert notes.get("kind", "key") == second


def test_range_is_sorted_and_of_one_kind(notes: Notes) -> None:
    """From the first key on, before the last."""
    for key in ("20260103", "20260101", "20260104", "20260102"):
        notes.put("day", key, key)
    notes.put("days", "20260102", "of another kind")
    assert [note.text for note in notes.between("day", "20260102", "20260104")] == ["20260102", "20260103"]


def test_old_notes_are_forgotten_in_portions(notes: Notes) -> None:
    """The oldest first; the others stay."""
    for number in range(5):
        notes.put("day", f"2026010{number}", "x")
    assert notes.forget("day", "20260104", 3) == 3
    assert notes.forget("day", "20260104", 3) == 1
    assert [note.key for note in notes.between("day", "", "~")] == ["20260104"]


def test_changes_side_by_side_are_all_made(notes: Notes) -> None:
    """Each reads what the one before wrote."""

    def add_one(_: int) -> None:
        for _turn in range(20):
            try:
                change_note(notes, "kind", "count", lambda text: str(int(text or 0) + 1))
            except LedgerConflict:
                continue
            return
        raise AssertionError("others were quicker a hundred times")

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(add_one, range(8)))
    assert change_note(notes, "kind", "count", lambda _: None) == "8"


@pytest.mark.parametrize("key", ["", "a/b", "a b", "x" * 201, "ü"])
def test_name_that_is_no_key_is_refused(notes: Notes, key: str) -> None:
    """A table takes no slashes, and a quote must not reach a query."""
    with pytest.raises(InvalidDocument):
        notes.get("kind", key)
    with pytest.raises(InvalidDocument):
        notes.put("kind", key, "")


def test_text_beyond_a_row_is_refused(notes: Notes) -> None:
    """In place of half of it being kept."""
    with pytest.raises(InvalidDocument):
        notes.put("kind", "key", "x" * (LONGEST_TEXT + 1))
