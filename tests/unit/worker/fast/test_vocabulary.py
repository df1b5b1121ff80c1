"""The texts of a segment and of a file: their codes are those that a dictionary would give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.fast import vocabulary
from worker.fast.compiled.code import load
from worker.fast.numbers import Codes
from worker.fast.vocabulary import Texts, TextTable, Vocabulary

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from("ab\n\\é\0")
PARTS = st.lists(st.lists(TEXTS, max_size=30, unique=True), max_size=6)


@pytest.fixture(params=["compiled", "not compiled"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the compiled code, and without it."""
    if request.param == "not compiled":
        monkeypatch.setattr(vocabulary, "load", lambda _name: None)
    elif load("recode") is None:
        pytest.skip("nothing is compiled on this machine")


@given(st.lists(TEXTS, max_size=30), st.lists(TEXTS, max_size=5))
def test_texts_are_what_they_were_made_of(texts: list[str | None], more: list[str | None]) -> None:
    """Line breaks, NUL and nothing at all among them."""
    made = Texts.of(texts)
    assert list(made) == texts
    assert [made[code] for code in range(len(made))] == texts
    assert list(made.and_more(more)) == texts + more


@pytest.mark.usefixtures("made")
def test_codes_of_a_file() -> None:
    """They go on from part to part."""

    @given(PARTS)
    def check(parts: list[list[str | None]]) -> None:
        file, expected = Vocabulary(), Codes()
        for texts in parts:
            assert file.recode(Texts.of(texts)).tolist() == [expected[text] for text in texts]
            assert len(file) == len(expected)
        assert list(file) == list(expected)

    check()


@pytest.mark.usefixtures("made")
def test_many_texts() -> None:
    """The tables grow, in one step and in many."""
    file = Vocabulary()
    texts: list[str | None] = [f"customer {number}" for number in range(20_000)]
    for begin in (*range(0, 1000, 100), 1000):
        assert file.recode(Texts.of(texts[begin : begin + 19_000])).tolist() == list(
            range(begin, min(begin + 19_000, 20_000))
        )
    assert list(file) == texts
    assert file.recode(Texts.of(texts[::-1])).tolist() == list(range(20_000))[::-1]


def test_a_scanned_table_takes_further_texts() -> None:
    """Those of transactions that were decoded on their own."""
    table = TextTable(absent=True)
    table.begin_with(Texts.of([None, "a", "b"]))
    assert len(table) == 3
    assert list(table.texts()) == [None, "a", "b"]
    assert table.codes_of(["b", "c", None, "c"]).tolist() == [2, 3, 0, 3]
    assert list(table.texts()) == [None, "a", "b", "c"]
    assert len(table) == 4
