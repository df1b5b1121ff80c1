"""A scan takes exactly what is a sequence of transactions, and its rows hold what the plain check reads in them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.worker.fast.both import need_scan
from tests.unit.worker.fast.scans import IN_ARRAY, IN_LINES, Scan, examples, hostile, records_of, scan, segment
from tests.unit.worker.fast.written import IN_TRANSACTION, NOT_UTF8, ODD, ONE, TAKEN, WRITERS, Change, alike, changed
from worker.check import Checker
from worker.fast import scanner as scanner_module
from worker.fast.check import check
from worker.fast.compiled.layout import BEHIND
from worker.fast.compiled.texts import hash_of
from worker.fast.decode import Form
from worker.fast.rows import Tables
from worker.fast.scanner import Scanner
from worker.fast.seen import fingerprints
from worker.fast.words import HASH_KEYS
from worker.limits import CheckLimits
from worker.money import LARGEST_AMOUNT

WIDE = CheckLimits(LARGEST_AMOUNT, LARGEST_AMOUNT, 0, LARGEST_AMOUNT)
FORMS = pytest.mark.parametrize("form", [IN_ARRAY, IN_LINES], ids=["in an array", "in lines"])
USUAL = [json.dumps(one) for one in alike(3)]


@lru_cache(1)
def scanner() -> Scanner:
    """One for all tests: nothing that an earlier segment leaves behind may matter."""
    return need_scan()


def agreed(text: bytes, form: Form) -> Scan | None:
    """Scan a segment, and hold all of it against the plain engine's reader and check."""
    found, expected = scan(scanner(), text, form), records_of(text, form)
    assert (found is None) == (expected is None)
    if found is None or expected is None:
        return None
    spans = zip(found.found.begins.tolist(), found.found.ends.tolist(), strict=True)
    assert list(spans) == [(begin, end) for begin, end, _ in expected]
    rows, transactions = found.found.rows, found.transactions()
    assert (found.found.prints == fingerprints([one.transaction_id for one in transactions.values()])).all()
    for place, in_doubt in zip(rows.place.tolist(), check(rows, WIDE).tolist() if len(rows.place) else [], strict=True):
        assert in_doubt or Checker(WIDE).check(place, expected[place][2]) == transactions[place]
    return found


@pytest.mark.parametrize("writer", WRITERS)
def test_all_rows_of_a_segment(writer: str) -> None:
    """None of them is odd, or in doubt."""
    text = WRITERS[writer](alike(40)).encode().strip()
    form = IN_LINES if text.startswith(b"{") and b"transactions" not in text else IN_ARRAY
    text = text[text.index(b"[{") + 1 : text.rindex(b"]")] if b"transactions" in text else text.removeprefix(b"[")
    found = agreed((text if form.lines else text.removesuffix(b"]")).strip(), form)
    assert found is not None
    assert found.found.odd() == []
    assert not check(found.found.rows, WIDE).any()


@FORMS
@pytest.mark.parametrize("name", TAKEN)
def test_rows_of_what_is_unusual(name: str, form: Form) -> None:
    """Such a transaction is a row itself."""
    found = agreed(segment([USUAL[0], changed(TAKEN[name]), USUAL[1]], form), form)
    assert found is not None
    assert found.found.odd() == []
    assert not check(found.found.rows, WIDE).any()


@FORMS
@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_or_in_doubt(name: str, form: Form) -> None:
    """Such a transaction alone."""
    found = agreed(segment([USUAL[0], changed(ODD[name]), USUAL[1]], form), form)
    assert found is not None
    assert found.found.odd() == [1] or found.found.rows.place.tolist() == [0, 1, 2]


@FORMS
def test_each_kind_at_the_end(form: Form) -> None:
    """Behind it there is nothing but the segment's end."""
    for one in examples():
        agreed(segment([USUAL[0], one], form), form)
        agreed(segment([one], form), form)


@FORMS
def test_truncation_at_every_byte(form: Form) -> None:
    """Nothing that stood behind the end before may complete it."""
    text = segment([USUAL[0], changed(TAKEN["escapes"]), changed(TAKEN[f"unknown before {IN_TRANSACTION}"])], form)
    ends = [end for end in range(len(text) + 1) if agreed(text[:end], form) is not None]
    assert len(ends) == 3


@FORMS
@pytest.mark.parametrize("wrong", NOT_UTF8, ids=bytes.hex)
def test_what_is_not_utf8(wrong: bytes, form: Form) -> None:
    """At each place of a word, in a text that is kept and in one that is not."""
    for size in range(9):
        for old in (b"completed", b"ann@example.com", b"status"):
            text = segment([USUAL[0], ONE, USUAL[1]], form)
            assert agreed(text.replace(b'"%b"' % old, b'"%b%b"' % (b"x" * size, "é€😀".encode())), form)
            assert agreed(text.replace(b'"%b"' % old, b'"%b%b"' % (b"x" * size, wrong)), form) is None


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_texts_of_any_letters(data: st.DataObject) -> None:
    """Each string of a transaction, written with escapes or without."""
    one = alike(1)[0]
    letters = st.text(
        st.sampled_from([*'"\\/ \0\x1f\n\x7faé€😀\ud800\udbff\udc00\udfff']) | st.characters(), max_size=20
    )
    for target, key in ((one, "status"), (one["customer"], "name"), (one["line_items"][0], "category"), (one, "note")):
        target[key] = data.draw(letters)
    text = json.dumps(one, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    agreed(text, IN_ARRAY)
    agreed(text.replace(b"\\\\u", b"\\u"), IN_ARRAY)


@settings(deadline=None, max_examples=600)
@given(st.randoms(use_true_random=False), st.sampled_from([IN_ARRAY, IN_LINES]))
def test_damage_anywhere(random: Random, form: Form) -> None:
    """What is scanned is valid, and what is valid is scanned."""
    agreed(hostile(random, form), form)


def test_tables_are_begun_anew() -> None:
    """A segment's codes are its own, however many texts, and however large, the one before it had."""
    texts = [
        json.dumps({**one, "status": f"{number}{'s' * (number % 90)}"}) for number, one in enumerate(alike(12_000))
    ]
    for some in (texts[:5], texts, texts[3:8], texts[::-1]):
        found = agreed(segment(some, IN_ARRAY), IN_ARRAY)
        assert found is not None
        assert len(found.tables.statuses) == len(some)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 15, 16, 17, 127, 128])
def test_texts_that_differ_in_one_byte(size: int) -> None:
    """Wherever that is, and however long they are: else two customers were one."""
    texts = ["x" * size] + ["x" * place + "y" + "x" * (size - place - 1) for place in range(size)]
    texts += [text + end for text in texts for end in ("x", "y")]
    found = agreed(segment([json.dumps({**json.loads(ONE), "status": text}) for text in texts], IN_ARRAY), IN_ARRAY)
    assert found is not None
    assert list(found.tables.statuses.texts()) == list(dict.fromkeys(texts))


def test_texts_that_share_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their bytes tell them from each other. With keys that are known such texts can be made."""
    keys = np.zeros_like(HASH_KEYS)
    one, other = "aaaaaaaaaaaaaaaa", "aaaa`aaa`aaa`aaa"
    with np.errstate(over="ignore"):
        assert len({int(hash_of(text.encode() + bytes(BEHIND), 0, 16, keys[0])) for text in (one, other)}) == 1
    monkeypatch.setattr(scanner_module, "HASH_KEYS", keys)
    some = [json.dumps({**json.loads(ONE), "status": text}) for text in (one, other, one, other)]
    found = scan(scanner(), segment(some, IN_ARRAY), IN_ARRAY)
    assert found is not None
    assert [row.status for row in found.transactions().values()] == [one, other, one, other]


def test_too_many_odd_transactions() -> None:
    """Of so many of them decoding is faster; of a few, at the begin and later, it is not."""
    usual, odd = USUAL[0], changed(ODD["key with an escape"])
    assert scan(scanner(), segment([odd] * 8 + [usual] * 60, IN_ARRAY), IN_ARRAY) is not None
    assert scan(scanner(), segment([odd, *[usual] * 9] * 60, IN_ARRAY), IN_ARRAY) is not None
    assert scan(scanner(), segment([odd, *[usual] * 3] * 60, IN_ARRAY), IN_ARRAY) is None


@FORMS
@pytest.mark.parametrize("change", [TAKEN["escapes"], ODD["key with an escape"]], ids=["usual", "odd"])
def test_transaction_that_is_too_large(change: Change, form: Form) -> None:
    """One byte makes the difference, be it usual or odd."""
    one = changed(change)
    for most in (len(one) - 1, len(one), len(one) + 1):
        found = agreed(segment([one, one], form), replace(form, max_bytes=most))
        assert (found is not None) == (most >= len(one))


def test_buffer_without_room_behind() -> None:
    """Nothing is scanned, since it could be read beyond the buffer's end."""
    for room, taken in ((63, False), (64, True)):
        buffer = memoryview(bytearray(USUAL[0].encode() + bytes(room)))
        assert (scanner().scan(buffer, len(USUAL[0]), IN_ARRAY, Tables()) is not None) == taken
