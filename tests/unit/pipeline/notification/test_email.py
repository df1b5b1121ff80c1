"""What mails say, and that nothing in a blob name can make them say something else."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.advice import FAILED, REJECTED, advise
from pipeline.notification.delivery import Delivery
from pipeline.notification.email import EmailSender, compose
from shared.cost import estimate
from shared.errors import InvalidDocument
from shared.events import encode_event
from shared.outcome import AnomalyDigest, RejectionCode
from tests.doubles.mail import RecordingMailer
from tests.unit.builders import a_price
from tests.unit.pipeline.notification.samples import RUN_ID, event_with, settings_with, unsuccessful

SETTINGS = settings_with()
HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\r\n\0\t\u202e\u2066\u2028\x85<>&\"'{}%\u200b😀e\u0301\u05d0?:"),
        st.just("\ud800"),
    ),
    max_size=200,
)
TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "body",
    "div",
    "h1",
    "h2",
    "p",
    "strong",
    "bdi",
    "dl",
    "dt",
    "dd",
    "ul",
    "li",
    "br",
    "code",
}


class Page(HTMLParser):
    """Reads a page's tags, attributes and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_success_is_told_with_its_figures() -> None:
    """Both bodies hold file, run id, counts, revenue, anomalies, durations and where the report is."""
    mail = compose(event_with(), SETTINGS)
    for body in (mail.text, Page(mail.html).text):
        for part in (
            "Succeeded: 2025/orders.json",
            "batch-input/2025/orders.json (1.2 MB)",
            RUN_ID,
            "1 000: 990 valid, 10 invalid",
            "missing_field 7, wrong_type 3",
            "69 812.40 from 812 orders",
            "50 high values",
            "Customer CUST001: five purchases within 10 minutes",
            "1 min 12 s from upload to result, 1.2 s of it processing",
            f"batch-output/2025/orders.json/{RUN_ID}/report.json",
            f"batchjson show {RUN_ID}",
        ):
            assert part in body
        assert "What to do" not in body


def test_the_subject_of_a_success_has_the_figures() -> None:
    """State, file name without folders, transactions and revenue stand in the subject."""
    subject = compose(event_with(), SETTINGS).subject
    assert subject == "Succeeded: orders.json: 1 000 transactions, 69 812.40 revenue"


@pytest.mark.parametrize("state", ["rejected", "failed", "lost"])
def test_what_went_wrong_and_what_to_do_stand_in_the_mail(state: str) -> None:
    """A run that did not succeed is told with code, message, byte offset and advice."""
    event = unsuccessful(state, "malformed_json", message="Expected a comma.", offset=70123)
    mail = compose(event, SETTINGS)
    assert mail.subject == f"{state.capitalize()}: orders.json: malformed_json"
    for body in (mail.text, Page(mail.html).text):
        assert "malformed_json: Expected a comma. (at byte 70 123)" in body
        assert "Correct the JSON at the byte named above" in body
        assert f"batchjson show {RUN_ID}" in body


def test_nothing_known_is_still_a_mail() -> None:
    """A lost run without code, message or times gets a mail with advice."""
    mail = compose(unsuccessful("lost", None), SETTINGS)
    assert mail.subject == "Lost: orders.json: no code"
    assert "lost: no more is known." in mail.text
    assert "Replay the run" in mail.text


def test_an_attempt_is_named() -> None:
    """A replayed run says which attempt it is, in subject and bodies, and has an id of its own."""
    mail = compose(event_with(attempt=3), SETTINGS)
    assert mail.subject.startswith("Succeeded (attempt 3): orders.json")
    assert "3; an earlier one was replayed" in mail.text
    assert "3; an earlier one was replayed" in mail.html
    assert mail.mail_id == f"{RUN_ID}-3"


def test_the_time_on_the_node_stands_in_for_the_processing_time() -> None:
    """Without the worker's own seconds, the task's start and end are told."""
    assert "9.0 s of it on the node" in compose(unsuccessful("failed", "FailureExitCode"), SETTINGS).text


def test_times_that_cannot_be_read_are_a_bad_event() -> None:
    """An event with a broken time is refused instead of telling nonsense."""
    event = event_with()
    event = event_with(timings=type(event.data.timings)(uploaded_at="soon", claimed_at="", settled_at="later"))
    with pytest.raises(InvalidDocument):
        compose(event, SETTINGS)


@pytest.mark.parametrize("code", get_args(RejectionCode))
def test_every_rejection_code_has_advice(code: RejectionCode) -> None:
    """No code that the worker can give is without advice of its own."""
    assert advise("rejected", code) == REJECTED[code]


@pytest.mark.parametrize("code", [None, "", "SomethingNew"])
def test_unknown_codes_have_advice_by_state(code: str | None) -> None:
    """A code that nobody foresaw still gets advice, and each state its own."""
    assert len({advise(state, code) for state in ("rejected", "failed", "lost")}) == 3


def test_batch_codes_have_advice() -> None:
    """The common failures of Batch are explained."""
    assert {"FailureExitCode", "TaskWallClockTimeExceeded", "ContainerInvalidImage"} <= FAILED.keys()
    assert advise("failed", "ContainerInvalidImage") == FAILED["ContainerInvalidImage"]


@given(name=HOSTILE, text=HOSTILE)
def test_nothing_hostile_gets_into_a_mail(name: str, text: str) -> None:
    """Names, messages and anomalies can forge no header, line, tag or direction of writing."""
    for event in (
        unsuccessful("rejected", text, name=name, message=text, errors_by_code={text: 1}),
        event_with(name=name, anomalies=AnomalyDigest(top=(text,)), errors_by_code={text: 1}, total_revenue=text),
    ):
        mail = compose(event, SETTINGS)
        assert mail.subject.isascii()
        assert mail.subject.isprintable()
        assert len(mail.subject) < 120
        assert mail.subject.startswith(event.data.state.capitalize())
        assert all(char.isprintable() or char == "\n" for char in mail.text + mail.html)
        page = Page(mail.html)
        assert page.tags <= TAGS
        assert page.attributes <= {"lang", "charset", "name", "content", "style"}
        plain = compose(event_with(name="x"), SETTINGS) if event.data.state == "succeeded" else mail
        assert mail.text.count("\n") == plain.text.count("\n")


@given(name=HOSTILE)
def test_a_name_is_shown_and_never_raw(name: str) -> None:
    """What the HTML shows is the escaped name, and markup in it stays text."""
    tagged = f"<img src=x onerror=alert(1)>{name}"
    mail = compose(event_with(name=tagged), SETTINGS)
    assert "<img" not in mail.html
    assert "Succeeded: <img src=x onerror=alert(1)>" in Page(mail.html).text


def test_a_name_in_another_script_is_kept_in_the_body() -> None:
    """Letters of any script, and emoji, are shown; the subject replaces them."""
    mail = compose(event_with(name="Verkäufe-продажи-😀.json"), SETTINGS)
    assert "Verkäufe-продажи-😀.json" in mail.text
    assert mail.subject.startswith("Succeeded: Verkaufe-?-?.json: ")


def test_a_bidi_control_is_made_visible() -> None:
    """A name that would be written backwards shows the control that does it."""
    assert "annual\\u202enosj.exe" in compose(event_with(name="annual\u202enosj.exe"), SETTINGS).text


def test_the_same_event_makes_the_same_mail() -> None:
    """Composing twice makes equal mails, so that receivers can drop doubles."""
    assert compose(event_with(), SETTINGS) == compose(event_with(), SETTINGS)


def test_the_sender_mails_the_event_of_a_delivery() -> None:
    """Mails can go through the same delivery as webhooks."""
    mailer, event = RecordingMailer(), event_with()
    EmailSender(mailer, SETTINGS, ["a@x.invalid"]).send(Delivery(event.id, encode_event(event)))
    assert mailer.sent == [compose(event, SETTINGS, ["a@x.invalid"])]


def test_the_cost_is_called_an_estimate() -> None:
    """With the time and the machine that it follows from."""
    cost = estimate(a_price(), milliseconds=3600, slots=1, slots_per_node=2)
    said = "about 0.000058 USD (3.6 s on 1 of 2 slots of a dedicated Standard_D2s_v5; an estimate)"
    mail = compose(event_with(cost_estimate=cost), settings_with())
    assert said in mail.text
    assert said in mail.html
    assert "Cost" not in compose(event_with(), settings_with()).text
