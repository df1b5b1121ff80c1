"""Records: a segment's text → columns. Compiled; see `build`.

A parser of JSON that knows the fields of a transaction. A transaction in which anything is unusual is *odd*: it is gone
through as any value is, and left to be decoded on its own.
"""

from __future__ import annotations

from worker.fast.compiled.kinds import Bytes, Integers, Memory, Place, Words
from worker.fast.compiled.layout import (
    CUSTOMER_FIELD,
    FIELDS,
    FIRST_OF_CUSTOMER,
    FIRST_OF_LINE,
    HINTS,
    LINES_FIELD,
    LONGEST_ID,
    NEEDED_OF_CUSTOMER,
    NEEDED_OF_LINE,
    NEEDED_OF_TRANSACTION,
    OF_FIELD,
    OF_NAME,
    SHIPPING,
    Kind,
    Line,
    Row,
)
from worker.fast.compiled.letters import ESCAPED, HALF, end_of_blanks, end_of_string, first_bytes, word_at
from worker.fast.compiled.texts import code_of, put_fingerprint
from worker.fast.compiled.values import end_of_cents, end_of_null, end_of_value, end_of_whole, moment_of

_UNKNOWN = len(FIELDS)
_ID, _MOMENT, _TEXT = int(Kind.ID), int(Kind.MOMENT), int(Kind.TEXT)
_OPTIONAL_TEXT, _IGNORED_TEXT = int(Kind.OPTIONAL_TEXT), int(Kind.IGNORED_TEXT)
_COUNT, _CENTS, _OPTIONAL_CENTS = int(Kind.COUNT), int(Kind.CENTS), int(Kind.OPTIONAL_CENTS)
_CUSTOMER, _LINES = CUSTOMER_FIELD, LINES_FIELD
_NAME, _LINE_COUNT, _PLACE = int(Row.NAME), int(Row.LINE_COUNT), int(Row.PLACE)
_ID_SIZE, _FIRST_PRINT = int(Row.ID_SIZE), int(Row.FIRST_PRINT)
_SHIPPING, _SHIPPING_COST = int(Row.SHIPPING), int(Row.SHIPPING_COST)
_CATEGORY, _DISCOUNT = int(Line.CATEGORY), int(Line.DISCOUNT)


def scan(
    text: Bytes,
    size: Place,
    feed: Place,
    levels: Place,
    most_bytes: Place,
    most_odd: Place,
    fields: Integers,
    names: Words,
    hints: Integers,
    rows: Integers,
    row_room: Place,
    lines: Integers,
    line_room: Place,
    tables: Integers,
    slots: Integers,
    slot_room: Place,
    texts: Integers,
    hashes: Words,
    text_room: Place,
    arena: Bytes,
    arena_room: Place,
    keys: Words,
    key_room: Place,
    spans: Integers,
    span_room: Place,
    counts: Integers,
) -> Place:
    """Go through a segment.

    Parameters
    ----------
    most_bytes, most_odd
        How large a transaction may be; of how many one may be odd.
    spans
        Takes where each transaction begins and where it ends, in two columns.
    counts
        Takes how many transactions, rows and lines there are. Rows are those that are not odd.

    Returns
    -------
    int
        0; -1 when the text is not a sequence of transactions, or not one to be read this way.
    """
    m = Memory(
        text, feed, levels, fields, names, hints, rows, row_room, lines, line_room,
        tables, slots, slot_room, texts, hashes, text_room, arena, arena_room, keys, key_room,
    )  # fmt: skip
    at = count = row = line = 0
    while count < span_room:
        if text[at] != 0x7B:
            return -1
        end, end_line = _transaction(m, at, count, row, line)
        if end >= 0:
            row, line = row + 1, end_line
        else:
            end = end_of_value(text, at, feed, levels)
            if (count - row) * most_odd > count + HINTS:
                return -1
        if end < 0 or end > size or end - at > most_bytes:
            return -1
        spans[count], spans[count + span_room] = at, end
        count += 1
        if end == size:
            counts[0], counts[1], counts[2] = count, row, line
            return 0
        at = _next(text, end, feed)
        if at < 0:
            return -1
    return -1


def _next(text: Bytes, at: Place, feed: Place) -> Place:
    """Where the next transaction begins: behind a comma, or, where a line feed is no blank, behind one."""
    at = end_of_blanks(text, at, feed)
    if feed == 0x0A:
        return end_of_blanks(text, at + 1, feed) if text[at] == 0x2C else -1
    return at + 1 if text[at] == 0x0A else -1


def _transaction(m: Memory, at: Place, place: Place, row: Place, line: Place) -> tuple[Place, Place]:
    """Read a transaction into a row; returns its end, or -1, and where the next one's lines go."""
    if row >= m.row_room:
        return -1, line
    m.rows[_PLACE * m.row_room + row] = place
    m.rows[_NAME * m.row_room + row] = 0
    m.rows[_SHIPPING * m.row_room + row] = 0
    m.rows[_SHIPPING_COST * m.row_room + row] = 0
    end_line = line
    seen = given = number = 0
    at, more = end_of_blanks(m.text, at + 1, m.feed), 1
    while more:
        field, at = _field(m, at, 0, FIRST_OF_CUSTOMER, number)
        if at < 0 or (seen >> field & 1 and field != _UNKNOWN):
            return -1, line
        if field == _LINES:
            at, end_line = _lines(m, at, line)
            is_given = 1
        elif field == _CUSTOMER:
            at, is_given = _customer(m, at, row), 1
        else:
            at, is_given = _value(m, at, field, m.rows, m.row_room, row, m.levels - 1)
        seen |= 1 << field
        given |= is_given << field
        number += 1
        at, more = _behind(m, at)
    if at < 0 or seen & NEEDED_OF_TRANSACTION != NEEDED_OF_TRANSACTION:
        return -1, line
    if not given & SHIPPING:
        m.rows[_SHIPPING * m.row_room + row] = m.rows[_SHIPPING_COST * m.row_room + row]
    m.rows[_LINE_COUNT * m.row_room + row] = end_line - line
    return at, end_line


def _customer(m: Memory, at: Place, row: Place) -> Place:
    """Read a customer into a row; returns its end."""
    return _flat(m, at, FIRST_OF_CUSTOMER, FIRST_OF_LINE, NEEDED_OF_CUSTOMER, m.rows, m.row_room, row, m.levels - 2)


def _flat(
    m: Memory, at: Place, first: Place, last: Place, needed: Place, out: Integers, room: Place, place: Place,
    levels: Place,
) -> Place:  # fmt: skip
    """Read an object of some fields, none of which is an object; returns its end."""
    if m.text[at] != 0x7B:
        return -1
    seen = number = 0
    at, more = end_of_blanks(m.text, at + 1, m.feed), 1
    while more:
        field, at = _field(m, at, first, last, number)
        if at < 0 or (seen >> field & 1 and field != _UNKNOWN):
            return -1
        at, _ = _value(m, at, field, out, room, place, levels)
        seen |= 1 << field
        number += 1
        at, more = _behind(m, at)
    return at if at >= 0 and seen & needed == needed else -1


def _lines(m: Memory, at: Place, line: Place) -> tuple[Place, Place]:
    """Read line items, of which there has to be one; returns their end, and where the next line goes."""
    if m.text[at] != 0x5B:
        return -1, line
    at = end_of_blanks(m.text, at + 1, m.feed)
    while True:
        at = _line(m, at, line)
        if at < 0:
            return -1, line
        line += 1
        at = end_of_blanks(m.text, at, m.feed)
        if m.text[at] == 0x5D:
            return at + 1, line
        if m.text[at] != 0x2C:
            return -1, line
        at = end_of_blanks(m.text, at + 1, m.feed)


def _line(m: Memory, at: Place, line: Place) -> Place:
    """Read a line item; returns its end."""
    if line >= m.line_room:
        return -1
    m.lines[_CATEGORY * m.line_room + line] = 0
    m.lines[_DISCOUNT * m.line_room + line] = 0
    return _flat(m, at, FIRST_OF_LINE, _UNKNOWN, NEEDED_OF_LINE, m.lines, m.line_room, line, m.levels - 3)


def _field(m: Memory, at: Place, first: Place, last: Place, number: Place) -> tuple[Place, Place]:
    """Read an object's next key; returns which of some fields it is, and where its value begins."""
    if m.text[at] != 0x22:
        return _UNKNOWN, -1
    at += 1
    hint = first * HINTS + min(number, HINTS - 1)
    field = m.hints[hint]  # objects mostly are written alike: what stood here the last time is tried
    end = at + m.fields[field * OF_FIELD]
    if not _is_name(m, field, at) or m.text[end] != 0x22 or field < first:
        end, holds = end_of_string(m.text, at)
        if end < 0 or holds:  # an escaped letter may make a known key
            return _UNKNOWN, -1
        field = first
        while field < last and not (m.fields[field * OF_FIELD] == end - at and _is_name(m, field, at)):
            field += 1
        if field < last:
            m.hints[hint] = field
        else:
            field = _UNKNOWN
    at = end_of_blanks(m.text, end + 1, m.feed)
    if m.text[at] != 0x3A:
        return _UNKNOWN, -1
    return field, end_of_blanks(m.text, at + 1, m.feed)


def _is_name(m: Memory, field: Place, at: Place) -> bool:
    """Whether a text begins with a field's name."""
    size, name = m.fields[field * OF_FIELD], field * OF_NAME
    if first_bytes(word_at(m.text, at), size) != m.names[name]:
        return False
    return bool(size <= 8 or first_bytes(word_at(m.text, at + 8), size - 8) == m.names[name + 1])


def _behind(m: Memory, at: Place) -> tuple[Place, Place]:
    """Behind a value, if it is one: returns where the next key begins and 1, or the object's end and 0."""
    if at < 0:
        return -1, 0
    at = end_of_blanks(m.text, at, m.feed)
    if m.text[at] == 0x2C:
        return end_of_blanks(m.text, at + 1, m.feed), 1
    return (at + 1, 0) if m.text[at] == 0x7D else (-1, 0)


def _value(
    m: Memory, at: Place, field: Place, out: Integers, room: Place, place: Place, levels: Place
) -> tuple[Place, Place]:
    """Read a field's value into its column; returns its end, and whether it was given, 1 or 0."""
    if field == _UNKNOWN:
        return end_of_value(m.text, at, m.feed, levels), 0
    kind = m.fields[field * OF_FIELD + 1]
    if m.text[at] == 0x22:
        return (_end_of_text(m, at + 1, field, out, room, place), 1) if kind <= _IGNORED_TEXT else (-1, 0)
    if m.text[at] == 0x6E:
        may_be_null = kind in (_OPTIONAL_TEXT, _IGNORED_TEXT, _OPTIONAL_CENTS)
        return (end_of_null(m.text, at), 0) if may_be_null else (-1, 0)
    if kind == _COUNT:
        end, number = end_of_whole(m.text, at)
    elif kind >= _CENTS:
        end, number = end_of_cents(m.text, at)
    else:
        return -1, 0
    out[m.fields[field * OF_FIELD + 2] * room + place] = number
    return end, 1


def _end_of_text(m: Memory, begin: Place, field: Place, out: Integers, room: Place, place: Place) -> Place:
    """Read a text into its column, from its first byte on; returns the end behind its quotation mark."""
    kind = m.fields[field * OF_FIELD + 1]
    end, holds = end_of_string(m.text, begin)
    if end < 0:
        return -1
    if kind == _IGNORED_TEXT:
        return end + 1
    if end == begin:
        return end + 1 if kind == _OPTIONAL_TEXT else -1
    if holds & HALF or (holds & ESCAPED and kind <= _MOMENT):
        return -1
    target = m.fields[field * OF_FIELD + 2] * room + place
    if kind == _ID:
        if end - begin > LONGEST_ID:
            return -1
        out[target], out[_ID_SIZE * room + place] = begin, end - begin
        put_fingerprint(m, begin, end - begin, out, _FIRST_PRINT * room + place, room)
    elif kind == _MOMENT:
        out[target] = moment_of(m.text, begin, end)
    else:
        code = code_of(m, m.fields[field * OF_FIELD + 3], begin, end)
        if code < 0:
            return -1
        out[target] = code - 1 if kind == _TEXT else code  # of a text that may be absent, 0 says so
    return end + 1
