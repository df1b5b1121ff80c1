"""The API, one row an endpoint: path, what it takes and gives, who may, and what does it.

Routes and OpenAPI are made of this table alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from dashboard import actions, listing, one_run, why
from dashboard.cost import Spending
from dashboard.documents import (
    ExplainQuery,
    ExplainView,
    ExportQuery,
    FileQuery,
    ListQuery,
    LogsView,
    Nothing,
    Now,
    RunQuery,
    RunsPage,
    RunView,
    Session,
)
from dashboard.documents_actions import (
    DoctorAnswer,
    DoctorOrder,
    EndAnswer,
    EndOrder,
    ReplayAnswer,
    ReplayOrder,
    SweepAnswer,
    SweepOrder,
)
from dashboard.documents_cost import CostsQuery, CostsView
from dashboard.guard import Person, Role
from dashboard.now import Present
from pipeline.services import Services
from shared.connections import account_name

_SIGN_OUT = "/.auth/logout"
"""Where App Service signs people out ("Customize sign-ins and sign-outs", App Service docs)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an endpoint works with: the services, what is read for all viewers together, and who is asking."""

    services: Services
    present: Present
    spending: Spending
    person: Person


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the API.

    Parameters
    ----------
    path
        Below ``/api``; parameters in braces are fields of `takes`.
    takes, gives
        What it takes (path and query of a GET, the JSON body of a POST), and what it answers with; None when that is
        no document of ours: then `media` says what it is.
    role
        Who may.
    """

    path: str
    about: str
    takes: type[msgspec.Struct]
    gives: type[msgspec.Struct] | None
    call: Callable[[Context, Any], Any]
    method: str = "GET"
    role: Role = Role.READER
    media: str = "application/json"
    decoder: msgspec.json.Decoder[Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the decoder here, at import: see docs/adr/0005. A query is text, so numbers in it are, too."""
        object.__setattr__(self, "decoder", msgspec.json.Decoder(self.takes, strict=self.method == "POST"))


def _session(context: Context, _: Nothing) -> Session:
    settings, person = context.services.settings, context.person
    return Session(
        name=person.name,
        may_act=person.role is Role.OPERATOR and not settings.dashboard_read_only,
        read_only=settings.dashboard_read_only,
        on_laptop=not settings.in_azure,
        account=account_name(settings.connection("STORAGE")),
        pool=settings.batch_pool_id,
        sign_out=_SIGN_OUT if settings.in_azure else None,
    )


def _csv(context: Context, query: ExportQuery) -> Response:
    content, complete = listing.export_csv(context.services, query, query.limit)
    name = "runs.csv" if complete else f"runs-newest-{query.limit}.csv"
    headers = {"X-Complete": str(complete).lower(), "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type="text/csv; charset=utf-8")


def _report(context: Context, query: RunQuery) -> Response:
    return Response(one_run.report(context.services, query), media_type="application/json")


def _file(context: Context, query: FileQuery) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{query.run_id[:8]}-{query.file}"'}
    content = one_run.read_file(context.services, query)
    return Response(content, headers=headers, media_type="application/octet-stream")


ENDPOINTS = (
    Endpoint("/session", "Who is asking, and what that person may do.", Nothing, Session, _session),
    Endpoint("/now", "How things stand.", Nothing, Now, lambda context, _: context.present.read()),
    Endpoint(
        "/runs", "A page of the runs that fit a filter, newest upload first.", ListQuery, RunsPage,
        lambda context, query: listing.list_runs(context.services, query),
    ),
    Endpoint("/runs.csv", "The runs that fit a filter, as CSV.", ExportQuery, None, _csv, media="text/csv"),
    Endpoint(
        "/runs/{run_id}", "Everything of one run.", RunQuery, RunView,
        lambda context, query: one_run.show(context.services, query),
    ),
    Endpoint("/runs/{run_id}/report", "The report of a run (docs/report.md).", RunQuery, None, _report),
    Endpoint(
        "/runs/{run_id}/logs", "What the task of a run wrote.", RunQuery, LogsView,
        lambda context, query: one_run.logs(context.services, query),
    ),
    Endpoint(
        "/runs/{run_id}/files/{file}", "One file of a run, to be saved.", FileQuery, None, _file,
        media="application/octet-stream",
    ),
    Endpoint(
        "/explain", "Why a file is not done: what is missing first, its cause and the fix.", ExplainQuery, ExplainView,
        lambda context, query: why.explain(context.services, query),
    ),
    Endpoint(
        "/costs", "What the last days cost, estimated, and what the month comes to.", CostsQuery, CostsView,
        lambda context, query: context.spending.read(query),
    ),
    Endpoint(
        "/actions/replay", "Replay runs, as their next attempts.", ReplayOrder, ReplayAnswer,
        lambda context, order: actions.replay(context.services, context.person, order), "POST", Role.OPERATOR,
    ),
    Endpoint(
        "/actions/end", "End the task of a run.", EndOrder, EndAnswer,
        lambda context, order: actions.end(context.services, context.person, order), "POST", Role.OPERATOR,
    ),
    Endpoint(
        "/actions/sweep", "Find what fell through, and put it back.", SweepOrder, SweepAnswer,
        lambda context, order: actions.sweep(context.services, context.person, order), "POST", Role.OPERATOR,
    ),
    Endpoint(
        "/actions/doctor", "Try every part of the deployment; each line with its fix.", DoctorOrder, DoctorAnswer,
        lambda context, order: actions.doctor(context.services, context.person, order), "POST", Role.OPERATOR,
    ),
)  # fmt: skip
