"""The mail of a digest: states counted, the worst first, with the reason of what did not succeed; of bounded size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pipeline.notification.collected import Mention
from pipeline.notification.mail import Mail
from pipeline.notification.wording import counted, grouped, plain_ascii, printable
from shared.audiences import Audience

WORST_FIRST = ("failed", "lost", "rejected", "succeeded")
MOST_LINES = 100
"""Of runs that are named; the rest is counted."""
LONGEST_SUBJECT = 119
_LONGEST = 400
"""Characters of one text, once what cannot be seen is written out."""
_COLOURS = {"succeeded": "#2e8b57", "rejected": "#c77700"}
_TROUBLE = "#c0392b"


@dataclass(frozen=True, slots=True)
class _Section:
    """The runs of one state: those that are named, and how many more there are."""

    state: str
    named: tuple[Mention, ...]
    more: int


def compose_digest(digest_id: str, mentions: Sequence[Mention], audience: Audience, sender: str) -> Mail:
    """Write the mail about some runs; the same whenever it is written of the same."""
    sections = _sections(mentions)
    return Mail(
        mail_id=digest_id,
        sender=sender,
        recipients=audience.to,
        subject=_subject(mentions),
        text=_text(mentions, sections),
        html=_html(mentions, sections),
    )


def _sections(mentions: Sequence[Mention]) -> list[_Section]:
    left, sections = MOST_LINES, []
    for state in WORST_FIRST:
        found = sorted((each for each in mentions if each.state == state), key=lambda each: each.key)
        if found:
            sections.append(_Section(state, tuple(found[:left]), max(len(found) - left, 0)))
            left -= min(len(found), left)
    return sections


def _counts(mentions: Sequence[Mention]) -> str:
    numbers = Counter(each.state for each in mentions)
    return ", ".join(f"{grouped(numbers[state])} {state}" for state in WORST_FIRST if numbers[state])


def _subject(mentions: Sequence[Mention]) -> str:
    return plain_ascii(f"Digest: {_counts(mentions)}", LONGEST_SUBJECT)


def _span(mentions: Sequence[Mention]) -> str:
    times = sorted(each.settled_at for each in mentions)
    return f"{counted(len(mentions), 'file')}, from {_minute(times[0])} to {_minute(times[-1])} UTC"


def _minute(moment: str) -> str:
    """RFC 3339 as people read it, to the minute."""
    return printable(moment[:16].replace("T", " "))


def _said(mention: Mention) -> str:
    """What came out: figures, or code and reason."""
    if mention.state != "succeeded":
        reason = f"{mention.code or 'no code'}: {mention.message or 'no more is known.'}"
        return _cut(printable(reason))
    figures = [] if mention.transactions is None else [counted(mention.transactions, "transaction")]
    figures += [] if mention.revenue is None else [f"{grouped(mention.revenue)} revenue"]
    return ", ".join(figures) or "done"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _command(mentions: Sequence[Mention]) -> str:
    """The command goes by the time of upload."""
    return f"batchjson runs --since {printable(min(each.uploaded_at for each in mentions)[:16])}"


def _text(mentions: Sequence[Mention], sections: Sequence[_Section]) -> str:
    lines = [f"Digest: {_counts(mentions)}", _span(mentions)]
    for section in sections:
        lines += ["", f"{section.state.capitalize()}:"]
        for mention in section.named:
            lines.append(f"- {_cut(printable(mention.name))}: {_said(mention)}")
            if section.state != "succeeded":
                lines.append(f"  batchjson show {printable(mention.event_id)}")
        if section.more:
            lines.append(f"- {grouped(section.more)} more")
    return "\n".join([*lines, "", "To look further:", f"  {_command(mentions)}", ""])


def _html(mentions: Sequence[Mention], sections: Sequence[_Section]) -> str:
    """Inline styles only, no images, links or scripts; the reader's own colours, as in the mail about one run."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        "<title>Digest</title>\n</head>",
        '<body style="margin:0;padding:16px;color-scheme:light dark;font:16px/1.5 system-ui,Arial,sans-serif;">',
        '<div style="max-width:640px;margin:0 auto;overflow-wrap:anywhere;word-break:break-word;">',
        f'<h1 style="margin:0;font-size:20px;">Digest: {_safe(_counts(mentions))}</h1>',
        f'<p style="margin:0 0 16px;">{_safe(_span(mentions))}</p>',
        *(line for section in sections for line in _html_section(section)),
        '<p style="margin:16px 0 0;">To look further:<br>',
        f'<code style="font-family:ui-monospace,monospace;font-size:14px;">{_safe(_command(mentions))}</code></p>',
        "</div>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _html_section(section: _Section) -> list[str]:
    colour = _COLOURS.get(section.state, _TROUBLE)
    head = f"margin:16px 0 4px;padding-left:12px;border-left:6px solid {colour};font-size:16px;"
    lines = [f'<h2 style="{head}">{_safe(section.state.capitalize())}</h2>', '<ul style="margin:0;">']
    for mention in section.named:
        name, said = _safe(_cut(printable(mention.name))), _safe(_said(mention))
        lines.append(f"<li><strong><bdi>{name}</bdi></strong>: <bdi>{said}</bdi>{_html_command(section, mention)}</li>")
    lines += [f"<li>{grouped(section.more)} more</li>"] if section.more else []
    return [*lines, "</ul>"]


def _html_command(section: _Section, mention: Mention) -> str:
    return "" if section.state == "succeeded" else f"<br><code>batchjson show {_safe(mention.event_id)}</code>"


def _safe(text: str) -> str:
    return escape(printable(text), quote=True)
