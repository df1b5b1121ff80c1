"""The contract of collected mails, held by the double and by Azure Table storage alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.notification.collected import MOST_MEMBERS, Digest, MailBook, Mention
from pipeline.notification.collected_table import TableMailBook
from shared.clock import to_iso
from shared.errors import LedgerConflict
from tests.doubles.mailbook import MemoryMailBook
from tests.unit.builders import HOSTILE_NAME, NOON

BOTH = frozenset({"default", "finance"})


@pytest.fixture(params=["double", pytest.param("table", marks=pytest.mark.cloud)])
def book(request: pytest.FixtureRequest, fresh: str) -> MailBook:
    """A book that nobody else writes to."""
    if request.param == "double":
        return MemoryMailBook()
    return TableMailBook(request.getfixturevalue("storage"), fresh)


def a_mention(number: int = 1, seconds: int = 0) -> Mention:
    """A run that failed, settled so many seconds after noon."""
    return Mention(
        event_id=f"{number:032x}",
        state="failed",
        name=HOSTILE_NAME,
        settled_at=to_iso(NOON + timedelta(seconds=seconds)),
        uploaded_at=to_iso(NOON),
        code="FailureExitCode",
        message="It ended with 137: \u202e\n字",
    )


def test_mention_reads_back_as_it_was(book: MailBook) -> None:
    """For each of its audiences, however hostile its texts."""
    full = replace_all(a_mention(), transactions=7, revenue="1.20")
    book.collect(full, BOTH)
    assert book.waiting("default", 9) == book.waiting("finance", 9) == [full]
    assert book.audiences() == ["default", "finance"]
    assert book.waiting("nobody", 9) == []


def replace_all(mention: Mention, **changes: object) -> Mention:
    """A mention with some of it changed."""
    return Mention(**{name: getattr(mention, name) for name in mention.__struct_fields__} | changes)


def test_mentions_wait_in_the_order_in_which_runs_settled(book: MailBook) -> None:
    """Whenever they came; no more than asked for; a second time is none."""
    for seconds in (3, 1, 2, 1):
        book.collect(a_mention(seconds, seconds), frozenset({"finance"}))
    assert book.waiting("finance", 9) == [a_mention(seconds, seconds) for seconds in (1, 2, 3)]
    assert len(book.waiting("finance", 2)) == 2


def test_audience_whose_name_begins_another_keeps_its_own(book: MailBook) -> None:
    """`a` and `a-b` and `ab`."""
    for number, name in enumerate(("a", "a-b", "ab"), start=1):
        book.collect(a_mention(number), frozenset({name}))
    assert [len(book.waiting(name, 9)) for name in ("a", "a-b", "ab")] == [1, 1, 1]
    assert book.audiences() == ["a", "a-b", "ab"]


def test_collecting_for_nobody_keeps_nothing(book: MailBook) -> None:
    """No row, no error."""
    book.collect(a_mention(), frozenset())
    assert book.audiences() == []


def test_digest_reads_back_as_it_was(book: MailBook) -> None:
    """With as many members as there can be."""
    digest = Digest("finance", tuple(a_mention(number).key for number in range(1, MOST_MEMBERS + 1)))
    stored = book.save(digest, None)
    assert book.digest("finance") == digest
    later = stored.failed(NOON + timedelta(microseconds=1))
    sent = book.save(later, stored).sent(NOON)
    book.save(sent, book.digest("finance"))
    assert book.digest("finance") == sent
    assert book.digest("default") is None
    assert book.audiences() == ["finance"]


def test_there_is_one_digest_an_audience_and_one_writer(book: MailBook) -> None:
    """Two timers that overlap: one is told that it was too late."""
    digest = Digest("finance", (a_mention().key,))
    stored = book.save(digest, None)
    with pytest.raises(LedgerConflict):
        book.save(digest, None)
    book.save(stored.sent(NOON), stored)
    with pytest.raises(LedgerConflict):
        book.save(stored.failed(NOON), stored)
    book.end(stored)
    assert book.digest("finance"), "it was changed since"


def test_members_of_a_digest_are_found_among_what_came_later(book: MailBook) -> None:
    """What settled in between but came later is no member."""
    for number in (1, 3, 5):
        book.collect(a_mention(number, number), BOTH)
    digest = Digest("finance", tuple(mention.key for mention in book.waiting("finance", 9)))
    for number in (2, 6):
        book.collect(a_mention(number, number), BOTH)
    assert book.mentions(digest) == [a_mention(number, number) for number in (1, 3, 5)]
    book.forget("finance", digest.members[:1])
    assert book.mentions(digest) == [a_mention(number, number) for number in (3, 5)]


def test_what_is_forgotten_may_be_gone_in_part(book: MailBook) -> None:
    """A second try of forgetting, over more than one transaction, leaves nothing of it; others stay."""
    mentions = [a_mention(number, number) for number in range(1, 104)]
    for mention in mentions:
        book.collect(mention, BOTH)
    book.forget("finance", (mentions[2].key, mentions[101].key))
    book.forget("finance", tuple(mention.key for mention in mentions[:-1]))
    assert book.waiting("finance", 999) == mentions[-1:]
    assert book.waiting("default", 999) == mentions


def test_digest_that_is_over_is_forgotten(book: MailBook) -> None:
    """Again is harmless."""
    stored = book.save(Digest("finance", (a_mention().key,)), None)
    for _ in range(2):
        book.end(stored)
    assert book.digest("finance") is None


def test_digest_id_follows_from_audience_and_members() -> None:
    """So the same digest has the same id whenever it is sent."""
    one = Digest("finance", ("a", "b"))
    assert one.digest_id == replace(one, tries=3, sent_at=NOON).digest_id
    assert len({one.digest_id, Digest("default", ("a", "b")).digest_id, Digest("finance", ("a",)).digest_id}) == 3
