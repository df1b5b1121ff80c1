"""Ids of pools, jobs and tasks: case is kept and does not distinguish (REST reference, ``id``)."""

from __future__ import annotations

import re

from local.batch.errors import invalid_property

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_valid_id(text: str) -> bool:
    """Tell whether Batch takes the text as an id."""
    return _ID.fullmatch(text) is not None


def check_id(text: str) -> None:
    """Refuse what is no id.

    Raises
    ------
    BatchError
        400 InvalidPropertyValue.
    """
    if not is_valid_id(text):
        raise invalid_property("id", text, "An id has 1 to 64 letters, digits, hyphens and underscores.")


def id_key(text: str) -> str:
    """The form under which an id is looked up."""
    return text.lower()
