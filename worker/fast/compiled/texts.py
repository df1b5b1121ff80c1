"""Texts: equal texts get equal codes, and ids get fingerprints. Compiled; see `build`."""

from __future__ import annotations

from numpy import int64, uint64

from worker.fast.compiled.kinds import Bytes, Integers, Memory, Place, Word, Words
from worker.fast.compiled.layout import OF_TABLE, OF_TEXT
from worker.fast.compiled.letters import first_bytes, word_at

SEPARATOR = 0x0A
"""Stands behind each text in the arena: no string of JSON holds it."""

_HALF = uint64(32)
_LOW_HALF = uint64(0xFFFFFFFF)
_ODD = uint64(1)
_CODE = 0xFFFFFFFF
_PLACE_BITS, _SIZE_BITS, _HASH_BITS = 25, 24, 14
"""Of the second number of a slot: where in the table's arena its text stands, its size, and some of its hash."""
_PLACE = (1 << _PLACE_BITS) - 1
_HASH = uint64((1 << _HASH_BITS) - 1)


def code_of(m: Memory, table: Place, begin: Place, end: Place) -> Place:
    """The code of a text in a table: 1 for its first text, 2 for its second …; -1 when there is no room.

    A slot is two numbers, so that one look tells nearly all. The first one holds the generation of its table, in its
    upper half, and a code; a slot of another generation is free: nothing has to be cleared when a table begins anew, or
    grows.
    """
    size = end - begin
    hashed = hash_of(m.text, begin, size, m.keys)
    of_table, texts = table * OF_TABLE, table * m.text_room
    slot = _slot(m, table, hashed, begin, size)
    taken = m.slots[slot]
    if taken >> 32 == m.tables[of_table + 2]:
        return taken & _CODE
    code = m.tables[of_table] + 1
    if code > m.text_room:
        return -1
    m.tables[of_table] = code
    text = texts + code - 1
    m.texts[text * OF_TEXT], m.texts[text * OF_TEXT + 1] = _keep(m, table, begin, size), size
    m.hashes[text] = hashed
    m.slots[slot] = m.tables[of_table + 2] << 32 | code
    m.slots[slot + 1] = _marks(hashed, size) | m.texts[text * OF_TEXT]
    if code * 2 > m.tables[of_table + 1]:
        _grow(m, table)
    return code


def _marks(hashed: Word, size: Place) -> Place:
    return int64(hashed & _HASH) << (_PLACE_BITS + _SIZE_BITS) | size << _PLACE_BITS


def _slot(m: Memory, table: Place, hashed: Word, begin: Place, size: Place) -> Place:
    """Where the slot is that holds a text, or a free one for it."""
    of_table, slots, arena = table * OF_TABLE, table * m.slot_room, table * m.arena_room
    last, generation, marks = m.tables[of_table + 1] - 1, m.tables[of_table + 2], _marks(hashed, size)
    slot = int64(hashed >> _HALF) & last
    at = (slots + slot) * 2
    while m.slots[at] >> 32 == generation:
        found = m.slots[at + 1]
        if found & ~_PLACE == marks and are_equal(m.arena, arena + (found & _PLACE), m.text, begin, size):
            break
        slot = (slot + 1) & last
        at = (slots + slot) * 2
    return at


def _keep(m: Memory, table: Place, begin: Place, size: Place) -> Place:
    """Copy a text into the table's part of the arena, which is as large as a segment; returns where in it."""
    used = m.tables[table * OF_TABLE + 3]
    at = table * m.arena_room + used
    for place in range(size):
        m.arena[at + place] = m.text[begin + place]
    m.arena[at + size] = SEPARATOR
    m.tables[table * OF_TABLE + 3] = used + size + 1
    return used


def _grow(m: Memory, table: Place) -> None:
    """Double a table's slots, which then are those of another generation."""
    of_table, slots, texts = table * OF_TABLE, table * m.slot_room, table * m.text_room - 1
    if m.tables[of_table + 1] * 2 > m.slot_room:
        return
    m.tables[of_table + 1] *= 2
    m.tables[of_table + 2] += 1
    last, generation = m.tables[of_table + 1] - 1, m.tables[of_table + 2]
    for code in range(1, m.tables[of_table] + 1):
        text = texts + code
        slot = int64(m.hashes[text] >> _HALF) & last
        while m.slots[(slots + slot) * 2] >> 32 == generation:
            slot = (slot + 1) & last
        at = (slots + slot) * 2
        m.slots[at] = generation << 32 | code
        m.slots[at + 1] = _marks(m.hashes[text], m.texts[text * OF_TEXT + 1]) | m.texts[text * OF_TEXT]


def hash_of(text: Bytes, begin: Place, size: Place, keys: Words) -> Word:
    """Hash a text to 64 bits, of which the upper ones are the best."""
    hashed = uint64(size) ^ keys[0]
    factor = keys[1] | _ODD
    for at in range(begin, begin + size, 8):
        hashed = (hashed ^ first_bytes(word_at(text, at), begin + size - at)) * factor
        hashed ^= hashed >> _HALF
    return hashed * factor


def are_equal(text: Bytes, one: Place, other_text: Bytes, other: Place, size: Place) -> bool:
    """Compare two texts of the same size."""
    for at in range(0, size, 8):
        differs = word_at(text, one + at) ^ word_at(other_text, other + at)
        if first_bytes(differs, size - at) != uint64(0):
            return False
    return True


def put_fingerprint(m: Memory, begin: Place, size: Place, prints: Integers, at: Place, room: Place) -> None:
    """Write an id's fingerprint, as `worker.fast.words.fingerprint_words` makes it, into two columns."""
    first = _multilinear(m, begin, size, 0) << _HALF | _multilinear(m, begin, size, m.key_room)
    prints[at] = int64(first)
    prints[at + room] = int64(_multilinear(m, begin, size, 2 * m.key_room))


def _multilinear(m: Memory, begin: Place, size: Place, key: Place) -> Word:
    total = uint64(size) * m.keys[key] + m.keys[key + 1]
    for at in range(0, size, 8):
        word = first_bytes(word_at(m.text, begin + at), size - at)
        key += 2
        total += (word & _LOW_HALF) * m.keys[key] + (word >> _HALF) * m.keys[key + 1]
    return total >> _HALF
