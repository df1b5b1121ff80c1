"""The two bodies of a mail, plain text and HTML, out of one account of a run."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from pipeline.notification.wording import printable

WIDTH = 14
"""Columns of the labels in plain text."""
_COLOURS = {"Succeeded": "#2e8b57", "Rejected": "#c77700"}
_TROUBLE = "#c0392b"


@dataclass(frozen=True, slots=True)
class Account:
    """What a mail says about a run, in order. All texts are raw: the renderers make them safe.

    Parameters
    ----------
    state
        One word, capitalised; it carries the only colour, and never alone.
    facts
        Label and value.
    anomalies
        Sentences, the gravest first.
    problem
        What went wrong, or "".
    advice
        What to do about it, or "".
    command
        The command that shows more.
    """

    state: str
    title: str
    facts: tuple[tuple[str, str], ...]
    anomalies: tuple[str, ...]
    problem: str
    advice: str
    command: str


def to_text(account: Account) -> str:
    """Write the plain text: a headline, one line a fact, then what to do."""
    lines = [printable(f"{account.state}: {account.title}"), ""]
    if account.problem:
        lines += [f"What went wrong: {printable(account.problem)}", "", f"What to do: {printable(account.advice)}", ""]
    lines += [f"{label:<{WIDTH}}{printable(value)}" for label, value in account.facts]
    if account.anomalies:
        lines += ["", "Anomalies:", *(f"- {printable(sentence)}" for sentence in account.anomalies)]
    lines += ["", "To look further:", f"  {account.command}", ""]
    return "\n".join(lines)


def to_html(account: Account) -> str:
    """Write the HTML: inline styles only, no images, links or scripts.

    Text keeps the reader's own colours (``color-scheme`` lets dark mode choose), and a label stands above its value, so
    that the mail fits a phone without media queries, which many mail programs ignore.
    """
    colour = _COLOURS.get(account.state, _TROUBLE)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{_safe(account.state)}</title>\n</head>",
        '<body style="margin:0;padding:16px;color-scheme:light dark;font:16px/1.5 system-ui,Arial,sans-serif;">',
        '<div style="max-width:640px;margin:0 auto;overflow-wrap:anywhere;word-break:break-word;">',
        f'<h1 style="margin:0 0 16px;padding-left:12px;border-left:6px solid {colour};font-size:20px;">',
        f"{_safe(account.state)}: <bdi>{_safe(account.title)}</bdi></h1>",
        *_trouble(account, colour),
        '<dl style="margin:0;">',
        *(_fact(label, value) for label, value in account.facts),
        "</dl>",
        *_anomalies(account),
        '<p style="margin:16px 0 0;">To look further:<br>',
        f'<code style="font-family:ui-monospace,monospace;font-size:14px;">{_safe(account.command)}</code></p>',
        "</div>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _safe(text: str) -> str:
    return escape(printable(text), quote=True)


def _fact(label: str, value: str) -> str:
    return (
        f'<dt style="margin:8px 0 0;font-size:13px;font-weight:bold;">{_safe(label)}</dt>'
        f'<dd style="margin:0;"><bdi>{_safe(value)}</bdi></dd>'
    )


def _trouble(account: Account, colour: str) -> list[str]:
    if not account.problem:
        return []
    return [
        f'<div style="margin:0 0 16px;padding:12px;border:1px solid {colour};border-radius:6px;">',
        f'<p style="margin:0 0 8px;"><strong>What went wrong:</strong> <bdi>{_safe(account.problem)}</bdi></p>',
        f'<p style="margin:0;"><strong>What to do:</strong> {_safe(account.advice)}</p>',
        "</div>",
    ]


def _anomalies(account: Account) -> list[str]:
    if not account.anomalies:
        return []
    items = (f"<li><bdi>{_safe(sentence)}</bdi></li>" for sentence in account.anomalies)
    return ['<h2 style="margin:16px 0 4px;font-size:16px;">Anomalies</h2>', '<ul style="margin:0;">', *items, "</ul>"]
