"""The pages that show mails. Every value in them came from outside and is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from local.mail.mailbox import Mail
from shared.clock import to_iso

_SHUT = "default-src 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = f"{_SHUT}; style-src 'self'; frame-src 'self'; frame-ancestors 'none'"
MAIL_POLICY = f"{_SHUT}; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
"""For the HTML of a mail: no script, no form, nothing fetched; the style that stands in it is all it has."""


def list_page(mails: Sequence[Mail], total: int) -> str:
    """Show the newest mails."""
    items = "".join(_item(mail) for mail in mails)
    shown = f"{total} mails" if total == len(mails) else f"the newest {len(mails)} of {total} mails"
    body = f'<ul class="mails">{items}</ul>' if mails else "<p>No mail yet. What the functions send shows up here.</p>"
    return _page("Mails", f'<h1>Mails</h1><p class="muted">{shown} · <a href="/">reload</a></p>{body}')


def mail_page(mail: Mail) -> str:
    """Show one mail: HTML in a frame of its own, text, headers."""
    parts = [
        '<p><a href="/">All mails</a></p>',
        f"<h1>{escape(mail.subject) or '(no subject)'}</h1>",
        f'<p class="muted">{escape(mail.sender)} → {escape(", ".join(mail.recipients))}<br>{_when(mail)} · ',
        f'{mail.size} bytes · <a href="/messages/{mail.id}/raw">source</a></p>',
        _frame(mail) if mail.html else "",
        f"<h2>Text</h2><pre>{escape(mail.text)}</pre>" if mail.text else "",
        _attachments(mail),
        f"<h2>Headers</h2><dl>{_headers(mail)}</dl>",
    ]
    return _page(mail.subject or "Mail", "".join(parts))


def missing_page() -> str:
    """Say that there is no such mail."""
    return _page("No such mail", '<h1>No such mail</h1><p>It may have been deleted. <a href="/">All mails</a></p>')


def _item(mail: Mail) -> str:
    return (
        f'<li><a href="/messages/{mail.id}">{escape(mail.subject) or "(no subject)"}</a>'
        f'<br><span class="muted">{_when(mail)} · to {escape(", ".join(mail.recipients))}</span></li>'
    )


def _frame(mail: Mail) -> str:
    return f'<h2>HTML</h2><iframe sandbox title="The mail\'s HTML" src="/messages/{mail.id}/html"></iframe>'


def _attachments(mail: Mail) -> str:
    if not mail.attachments:
        return ""
    items = "".join(f"<li>{escape(a.name)} ({escape(a.content_type)}, {a.size} bytes)</li>" for a in mail.attachments)
    return f"<h2>Attachments</h2><ul>{items}</ul>"


def _headers(mail: Mail) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in mail.headers)


def _when(mail: Mail) -> str:
    moment = to_iso(mail.received_at)
    return f'<time datetime="{moment}">{moment[:19].replace("T", " ")} UTC</time>'


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · local mail</title>"
        f'<link rel="stylesheet" href="/style.css"></head><body><main>{body}</main></body></html>'
    )
