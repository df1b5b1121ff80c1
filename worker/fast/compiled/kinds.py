"""Kinds: what compiled functions take and give, for readers and type checkers; as they run, they are machine types."""

from __future__ import annotations

from typing import Any, NamedTuple

Place = Any
"""int64: a place in a text, a count, a code, cents."""
Word = Any
"""uint64: eight bytes of text, or a hash. Its arithmetic wraps."""
Bytes = Any
"""Memory of uint8."""
Integers = Any
"""Memory of int64."""
Halves = Any
"""Memory of uint32."""
Words = Any
"""Memory of uint64."""


class Memory(NamedTuple):
    """Everything that the scan reads and writes.

    Parameters
    ----------
    text, feed, levels
        The segment; what is a blank besides blanks (`letters.end_of_blanks`); how deep a transaction may nest.
    fields, names, hints
        The known fields (`layout.FIELDS`), and which of them came at which place the last time.
    rows, row_room, lines, line_room
        Columns, one behind the other, and how long each is.
    tables, slots, slot_room, texts, hashes, text_room, arena, arena_room
        The tables of texts (`texts`), with so many slots, texts and bytes of texts each.
    keys, key_room
        Keys of hashes, chosen by chance: three times so many.
    """

    text: Bytes
    feed: Place
    levels: Place
    fields: Integers
    names: Words
    hints: Integers
    rows: Integers
    row_room: Place
    lines: Integers
    line_room: Place
    tables: Integers
    slots: Integers
    slot_room: Place
    texts: Integers
    hashes: Words
    text_room: Place
    arena: Bytes
    arena_room: Place
    keys: Words
    key_room: Place
