"""Reading mails, broken and hostile ones above all."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.box import Box
from local.mail.mailbox import Mail, Mailbox
from local.mail.pages import list_page, mail_page

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """An empty mailbox for three mails."""
    return Mailbox(Box(tmp_path / "mail", ".eml", limit=3))


def deliver(mailbox: Mailbox, content: bytes) -> Mail:
    """Put a mail in and read it."""
    mail = mailbox.get(mailbox.deliver("from@here.invalid", ["to@there.invalid"], content))
    assert mail is not None
    return mail


def full_mail() -> EmailMessage:
    """A mail with text, HTML and an attachment."""
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["From"] = "Böb <bob@here.invalid>"
    message["To"] = "amy@there.invalid"
    message.set_content("plain ✓")
    message.add_alternative("<b>html ✓</b>", subtype="html")
    message.add_attachment(b"abc", maintype="application", subtype="pdf", filename="ä.pdf")
    return message


def test_mail_is_read_whole(mailbox: Mailbox) -> None:
    """Encoded headers, both bodies, attachments; the receivers are those of the envelope."""
    mail = deliver(mailbox, full_mail().as_bytes())
    assert (mail.subject, mail.sender) == ("Grüße", "Böb <bob@here.invalid>")
    assert mail.recipients == ("to@there.invalid",)
    assert (mail.text.strip(), mail.html.strip()) == ("plain ✓", "<b>html ✓</b>")
    assert [(a.name, a.content_type, a.size) for a in mail.attachments] == [("ä.pdf", "application/pdf", 3)]


def test_only_the_newest_are_kept(mailbox: Mailbox) -> None:
    """The folder does not grow without end."""
    for number in range(5):
        deliver(mailbox, f"Subject: {number}\r\n\r\n".encode())
    assert [mail.subject for mail in mailbox.all(10)] == ["4", "3", "2"]


def test_mails_survive_a_restart(tmp_path: Path, mailbox: Mailbox) -> None:
    """They are files."""
    deliver(mailbox, b"Subject: still here\r\n\r\n")
    again = Mailbox(Box(tmp_path / "mail", ".eml", limit=3))
    assert [mail.subject for mail in again.all(10)] == ["still here"]


def test_envelope_cannot_add_headers(mailbox: Mailbox) -> None:
    """A line break in an address stays in its line."""
    name = mailbox.deliver("a\r\nSubject: forged", ["b\nX: y"], b"Subject: true\r\n\r\n")
    mail = mailbox.get(name)
    assert mail is not None
    assert mail.subject == "true"
    assert [key for key, _ in mail.headers] == ["X-Envelope-From", "X-Envelope-To", "Subject"]


@pytest.mark.parametrize("name", ["..", "../../etc/passwd", "", "000000000000000-00000000/..", "x"])
def test_other_ids_find_nothing(mailbox: Mailbox, name: str) -> None:
    """An id is never a path."""
    assert mailbox.get(name) is None


def test_mail_nested_too_deep_is_shown_as_source(mailbox: Mailbox) -> None:
    """It does not hide the others."""
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth) for depth in range(3000)
    )
    assert "multipart/mixed" in deliver(mailbox, nested).text


broken = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"Subject: =?utf-8?b?a?=",
                b"Content-Type: text/html; charset=\xff",
                b"Content-Type: multipart/mixed; boundary=x",
                b"Content-Disposition: attachment; filename*0*=utf-8''a; filename*1=b; filename*x=c",
                b"Content-Transfer-Encoding: base64",
                b"--x",
                b"\r\n",
            ]
        ),
    )
).map(b"\r\n".join)


@given(broken)
def test_no_mail_breaks_the_pages(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever came in, it can be listed, shown and given as JSON."""
    mailbox = Mailbox(Box(tmp_path_factory.mktemp("mail"), ".eml", limit=3))
    mail = deliver(mailbox, content)
    assert mail.document()["id"] == mail.id
    assert mail.id in list_page([mail], 1)
    assert mail_page(mail).startswith("<!doctype html>")


def test_nothing_of_a_mail_is_markup_in_our_pages(mailbox: Mailbox) -> None:
    """Subject, sender, text, headers and names of attachments are escaped."""
    content = (
        f"Subject: {HOSTILE}\r\nFrom: {HOSTILE}\r\nX-{HOSTILE}: {HOSTILE}\r\n"
        f"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n{HOSTILE}\r\n--x\r\n"
        f"Content-Disposition: attachment; filename='{HOSTILE}'\r\n\r\n\r\n--x--"
    )
    mail = deliver(mailbox, content.encode())
    for page in (mail_page(mail), list_page([mail], 1)):
        assert "<script" not in page
        assert "&lt;script&gt;" in page
