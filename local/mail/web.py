"""Pages and JSON API of the local mail server."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.mail.mailbox import Mailbox
from local.mail.pages import MAIL_POLICY, PAGE_POLICY, list_page, mail_page, missing_page
from local.serving import OWN_NAMES_ONLY

_SHOWN = 200
_STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class MailWeb:
    """Shows the mails of a mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/", self.list),
                Route("/style.css", self.style),
                Route("/messages/{id}", self.show),
                Route("/messages/{id}/html", self.html),
                Route("/messages/{id}/raw", self.raw),
                Route("/api/messages", self.api_list, methods=["GET"]),
                Route("/api/messages", self.api_clear, methods=["DELETE"]),
                Route("/api/messages/{id}", self.api_show),
            ],
            middleware=[OWN_NAMES_ONLY],
        )

    def list(self, _: Request) -> Response:
        """Page: all mails."""
        return _page(list_page(self._mailbox.all(_SHOWN), self._mailbox.count()))

    def style(self, _: Request) -> Response:
        """The style of the pages."""
        return Response(_STYLE, media_type="text/css", headers=_SAFE)

    def show(self, request: Request) -> Response:
        """Page: one mail."""
        mail = self._mailbox.get(request.path_params["id"])
        return _page(mail_page(mail)) if mail else _page(missing_page(), 404)

    def html(self, request: Request) -> Response:
        """The HTML of a mail, for the frame in its page."""
        mail = self._mailbox.get(request.path_params["id"])
        if mail is None:
            return _page(missing_page(), 404)
        return HTMLResponse(mail.html, headers={**_SAFE, "Content-Security-Policy": MAIL_POLICY})

    def raw(self, request: Request) -> Response:
        """A mail as it came, to be saved."""
        content = self._mailbox.raw(request.path_params["id"])
        if content is None:
            return _page(missing_page(), 404)
        disposition = f'attachment; filename="{request.path_params["id"]}.eml"'
        return Response(content, media_type="message/rfc822", headers={**_SAFE, "Content-Disposition": disposition})

    def api_list(self, _: Request) -> Response:
        """JSON: all mails, newest first."""
        mails = [mail.summary() for mail in self._mailbox.all(self._mailbox.count())]
        return JSONResponse({"total": len(mails), "messages": mails}, headers=_SAFE)

    def api_show(self, request: Request) -> Response:
        """JSON: one mail."""
        mail = self._mailbox.get(request.path_params["id"])
        if mail is None:
            return JSONResponse({"error": "There is no such mail."}, 404, headers=_SAFE)
        return JSONResponse(mail.document(), headers=_SAFE)

    def api_clear(self, _: Request) -> Response:
        """Drop all mails. A page of another origin would have to ask first for DELETE, and is not answered."""
        self._mailbox.clear()
        return Response(status_code=204, headers=_SAFE)


def _page(content: str, status: int = 200) -> Response:
    return HTMLResponse(content, status, headers={**_SAFE, "Content-Security-Policy": PAGE_POLICY})
