"""The local mail server, over SMTP and HTTP."""

from __future__ import annotations

import re
import smtplib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from tests.parts import free_ports, process

pytestmark = pytest.mark.cloud
HOSTILE = '<script>alert("x")</script>'


@dataclass
class Mail:
    """A running server."""

    smtp_port: int
    web: httpx.Client

    def send(self, subject: str, html: str = "<b>bold</b>", sender: str = "app@here.invalid") -> None:
        """Send a mail to two people."""
        message = EmailMessage()
        message["Subject"] = subject
        message["From"] = sender
        message["To"] = "amy@there.invalid, böb@there.invalid"
        message.set_content(f"text of {subject}")
        message.add_alternative(html, subtype="html")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as smtp:
            smtp.sendmail(sender, ["amy@there.invalid", "bob@there.invalid"], message.as_bytes())


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Mail]:
    """An empty server."""
    smtp, http = free_ports(2)
    options = ["--smtp-port", str(smtp), "--http-port", str(http), "--state", str(tmp_path / "mail")]
    with (
        process([sys.executable, "-W", "error", "-m", "local.mail", *options], tmp_path / "mail.log", http),
        httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=10) as web,
    ):
        yield Mail(smtp, web)


def test_mail_is_kept_and_found_by_the_api(mail: Mail) -> None:
    """Newest first; one mail has headers and both bodies; all can be deleted."""
    mail.send("first")
    mail.send("second")
    listed = mail.web.get("/api/messages").json()
    assert listed["total"] == 2
    assert [each["subject"] for each in listed["messages"]] == ["second", "first"]
    assert listed["messages"][0]["to"] == ["amy@there.invalid", "bob@there.invalid"]
    one = mail.web.get(f"/api/messages/{listed['messages'][1]['id']}").json()
    assert (one["text"].strip(), one["html"].strip()) == ("text of first", "<b>bold</b>")
    assert ["Subject", "first"] in one["headers"]
    assert mail.web.delete("/api/messages").status_code == 204
    assert mail.web.get("/api/messages").json() == {"total": 0, "messages": []}
    assert mail.web.get(f"/api/messages/{one['id']}").status_code == 404


def test_pages_show_a_hostile_mail_safely(mail: Mail) -> None:
    """Nothing of it is markup in our pages; its HTML stands in a frame that may do nothing."""
    mail.send(HOSTILE, html=HOSTILE)
    listing = mail.web.get("/")
    link = re.search(r'href="(/messages/[^"/]+)"', listing.text)
    assert link
    shown = mail.web.get(link.group(1))
    for page in (listing, shown):
        assert "<script" not in page.text
        assert "script-src" not in page.headers["content-security-policy"]
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<iframe sandbox " in shown.text
    frame = mail.web.get(f"{link.group(1)}/html")
    assert HOSTILE in frame.text
    assert "default-src 'none'" in frame.headers["content-security-policy"]
    assert frame.headers["content-security-policy"].endswith("; sandbox")
    source = mail.web.get(f"{link.group(1)}/raw")
    assert source.headers["content-disposition"].startswith("attachment")
    assert source.headers["x-content-type-options"] == "nosniff"


def test_empty_server_and_missing_mail_have_pages(mail: Mail) -> None:
    """A newcomer sees what to expect."""
    assert "No mail yet" in mail.web.get("/").text
    assert mail.web.get("/messages/nothing").status_code == 404
    assert mail.web.get("/style.css").headers["content-type"].startswith("text/css")


def test_other_host_name_is_refused(mail: Mail) -> None:
    """A page elsewhere cannot point its own name to this machine and read mails."""
    assert mail.web.get("/api/messages", headers={"Host": "evil.invalid"}).status_code == 400
