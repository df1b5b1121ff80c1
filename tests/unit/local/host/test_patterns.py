"""Blob paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.errors import AppRefused
from local.host.patterns import parse_blob_path

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


@given(names)
def test_placeholder_takes_any_name(name: str) -> None:
    """Slashes, line breaks and braces included."""
    assert parse_blob_path("batch-input/{name}").match(name) == {"name": name}


@given(names)
def test_container_alone_watches_everything(name: str) -> None:
    """As in Azure."""
    assert parse_blob_path("batch-input").match(name) == {"name": name}


@given(names, names)
def test_literal_parts_must_be_there(name: str, other: str) -> None:
    """What stands outside of braces is taken literally."""
    path = parse_blob_path("inbox/(x).{name}.json")
    assert path.match(f"(x).{name}.json") == {"name": name}
    matched = path.match(other)
    assert (matched is not None) == (other.startswith("(x).") and other.endswith(".json") and len(other) >= 9)


def test_several_placeholders() -> None:
    """The first takes as much as it can."""
    assert parse_blob_path("inbox/{folder}/{file}.{kind}").match("a/b/c.d.json") == {
        "folder": "a/b",
        "file": "c.d",
        "kind": "json",
    }


def test_doubled_braces_are_braces() -> None:
    """For names that hold them."""
    assert parse_blob_path("inbox/{{x}}-{name}").match("{x}-a") == {"name": "a"}


@pytest.mark.parametrize(
    "text", ["", "/", "UPPER/{name}", "inbox/{name", "inbox/name}", "inbox/{a}{a}", "inbox/{}", "a--b/{name}"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    """No container, an open brace, a placeholder twice."""
    with pytest.raises(AppRefused):
        parse_blob_path(text)
