"""What a digest says: states counted, the worst first, reasons, and never too much."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args, get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.collected import LONGEST_NAME, Mention, mention_of
from pipeline.notification.digest_mail import MOST_LINES, WORST_FIRST, compose_digest
from pipeline.notification.mail import Mail
from shared.audiences import Audience
from shared.clock import to_iso
from shared.events import RunData
from tests.unit.builders import NOON
from tests.unit.pipeline.notification.samples import event_with, unsuccessful

AUDIENCE = Audience("default", ("you@x.invalid",))
LARGEST = 256 * 1024
"""Bytes; Communication Services take 10 MB, and mail programs cut what is much longer than this."""


def mention(number: int, state: str = "succeeded", **changes: object) -> Mention:
    """What is said of one run."""
    usual: dict[str, object] = {
        "event_id": f"{number:032x}",
        "state": state,
        "name": f"orders/{number}.json",
        "settled_at": to_iso(NOON + timedelta(seconds=number)),
        "uploaded_at": to_iso(NOON + timedelta(seconds=number - 60)),
    }
    return Mention(**usual | changes)  # type: ignore[arg-type]


def compose(*mentions: Mention) -> Mail:
    """The digest about some runs."""
    return compose_digest("digest-1", mentions, AUDIENCE, "b@x.invalid")


def test_states_are_counted_and_the_worst_come_first() -> None:
    """In subject, text and HTML."""
    mail = compose(mention(1), mention(2, "rejected"), mention(3, "failed"), mention(4, "lost"), mention(5))
    counts = "1 failed, 1 lost, 1 rejected, 2 succeeded"
    assert mail.subject == f"Digest: {counts}"
    for body in (mail.text, mail.html):
        assert counts in body
        places = [body.index(f"{state.capitalize()}") for state in ("failed", "lost", "rejected", "succeeded")]
        assert places == sorted(places)


def test_failed_run_has_its_reason_and_the_command_that_shows_more() -> None:
    """Code, message, run."""
    mail = compose(mention(7, "failed", code="FailureExitCode", message="It ended with exit code 137."))
    for body in (mail.text, mail.html):
        assert "FailureExitCode: It ended with exit code 137." in body
        assert f"batchjson show {7:032x}" in body


def test_succeeded_run_has_its_figures() -> None:
    """Out of the event, as a mail about one run has them."""
    mail = compose(mention_of(event_with()))
    assert "- 2025/orders.json: 1 000 transactions, 69 812.40 revenue" in mail.text


def test_rejected_run_has_no_figures() -> None:
    """Its counts say nothing."""
    assert mention_of(unsuccessful("rejected", "malformed_json", message="No.")).transactions is None


def test_span_and_command_tell_which_files_these_are() -> None:
    """From the first that settled to the last; the command goes by the upload, which was before."""
    mail = compose(mention(0), mention(3600))
    assert "2 files, from 2026-03-14 12:00 to 2026-03-14 13:00 UTC" in mail.text
    assert "batchjson runs --since 2026-03-14T11:59" in mail.text


def test_of_many_runs_the_worst_are_named_and_the_rest_is_counted() -> None:
    """The size is bounded, the counts are not."""
    mentions = [mention(number) for number in range(3_000)] + [mention(9_000 + n, "failed") for n in range(40)]
    mail = compose(*mentions)
    assert mail.subject == "Digest: 40 failed, 3 000 succeeded"
    assert mail.text.count("- orders/") == MOST_LINES
    assert mail.text.count("batchjson show") == 40
    assert "- 2 940 more" in mail.text


def test_every_state_of_an_event_is_in_a_digest() -> None:
    """A state that were left out would be told to nobody."""
    states = get_args(get_type_hints(RunData)["state"])
    assert set(WORST_FIRST) == set(states)
    for state in states:
        assert f"1 {state}" in compose(mention(1, state)).subject


@given(st.text(max_size=2_000), st.text(max_size=2_000), st.text(max_size=200))
def test_hostile_texts_forge_nothing_and_stay_short(name: str, message: str, code: str) -> None:
    """A name is one line of text and no markup, and a hundred of the worst ones fit."""
    event = unsuccessful("failed", code, message=message, name=name)
    mail = compose(mention_of(event))
    lines = mail.text.splitlines()
    assert len(lines) == 9
    assert all(line.isprintable() for line in lines)
    assert mail.html.count("<li>") == 1
    assert mail.subject == "Digest: 1 failed"
    assert len(mention_of(event).name) <= LONGEST_NAME


def test_worst_digest_stays_small() -> None:
    """Names, codes and messages of characters that are written out at length."""
    worst = [
        mention(number, "failed", name="\U000e0001" * 200, code="\u202e" * 300, message="&" * 300)
        for number in range(2_000)
    ]
    mail = compose(*worst)
    assert len(mail.text.encode()) + len(mail.html.encode()) < 2 * LARGEST
