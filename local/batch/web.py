"""What every handler needs: the body as a model, the query's parameters, answers, and conditions on entity tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from local.batch.clock import Stamp, http_date
from local.batch.errors import condition_not_met, invalid_body, invalid_query, missing_property, not_implemented
from local.batch.odata import Fields, Filter, parse_filter
from local.batch.server import Batch

Json = dict[str, Any]
Item = TypeVar("Item", bound=msgspec.Struct)
MAX_PAGE = 1000
_JSON = "application/json;odata=minimalmetadata"


def batch_of(request: Request) -> Batch:
    """The server that a request came to."""
    batch: Batch = request.app.state.batch
    return batch


async def read_json(request: Request) -> Json:
    """The body, which must be a JSON object.

    Raises
    ------
    BatchError
        400 InvalidRequestBody.
    """
    try:
        return msgspec.json.decode(await request.body(), type=Json)
    except msgspec.MsgspecError as problem:
        raise invalid_body(str(problem)) from problem


def to_model(given: Json, model: type[Item], unsupported: Mapping[str, str] | None = None) -> Item:
    """Read an object as a model.

    Parameters
    ----------
    unsupported
        Properties that Azure knows and the local Batch does not: name → what it is.

    Raises
    ------
    BatchError
        400 when it does not fit; 501 for what is not supported.
    """
    for name, what in (unsupported or {}).items():
        if given.get(name) is not None:
            raise not_implemented(f"{what} (property {name})")
    given = {name: value for name, value in given.items() if value is not None and name not in (unsupported or {})}
    for name in required_names(model):
        if name not in given:
            raise missing_property(name)
    try:
        return msgspec.convert(given, model)
    except msgspec.ValidationError as problem:
        raise invalid_body(str(problem)) from problem


def answer(document: object, *, status: int = 200, etag: str = "", modified: Stamp = "") -> Response:
    """A JSON answer."""
    headers = version_headers(etag, modified)
    return Response(msgspec.json.encode(document), status, headers, media_type=_JSON)


def done(status: int, *, etag: str = "", modified: Stamp = "", location: str = "") -> Response:
    """An answer without a body."""
    headers = version_headers(etag, modified)
    if location:
        headers |= {"Location": location, "DataServiceId": location}
    return Response(None, status, headers)


def version_headers(etag: str, modified: Stamp) -> dict[str, str]:
    """ETag and Last-Modified, as far as they are known."""
    headers = {"ETag": etag} if etag else {}
    return headers | ({"Last-Modified": http_date(modified)} if modified else {})


def check_conditions(request: Request, etag: str) -> None:
    """Honour If-Match and If-None-Match against the present entity tag.

    Raises
    ------
    BatchError
        412 ConditionNotMet for a write, 304 for a read.
    """
    read = request.method in {"GET", "HEAD"}
    # Batch writes entity tags without quotes; the SDK sends them back with quotes, as HTTP has it.
    wanted = request.headers.get("if-match", "*").strip('"')
    unwanted = request.headers.get("if-none-match", "").strip('"')
    if wanted not in {"*", etag} or unwanted in {"*", etag}:
        raise condition_not_met(read=read)


def filter_of(request: Request, fields: Fields) -> Filter | None:
    """The ``$filter`` of a list operation."""
    text = request.query_params.get("$filter")
    return parse_filter(text, fields) if text and text.strip() else None


def select(request: Request, document: Json, model: type[msgspec.Struct] | None = None) -> Json:
    """Keep what ``$select`` names.

    Raises
    ------
    BatchError
        400, when a model is given that has no such property.
    """
    text = request.query_params.get("$select")
    if not text:
        return document
    names = {name.strip().partition("/")[0] for name in text.split(",")}
    known = property_names(model) if model else names
    if names - known:
        raise invalid_query("$select", text, f"unknown property {min(names - known)}")
    return {name: value for name, value in document.items() if name in names}


@cache
def required_names(model: type[msgspec.Struct]) -> tuple[str, ...]:
    """The properties that a client must give."""
    return tuple(field.encode_name for field in msgspec.structs.fields(model) if field.required)


@cache
def property_names(model: type[msgspec.Struct]) -> frozenset[str]:
    """The properties of a model on the wire. Looking them up costs half a millisecond: too much for each of 1000."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(model)) | {"url"}


def page_size(request: Request) -> int:
    """The ``maxresults`` of a list operation, at most (and by default) 1000.

    Raises
    ------
    BatchError
        400 InvalidQueryParameterValue.
    """
    return _whole_number(request, "maxresults", default=MAX_PAGE, least=1, most=MAX_PAGE)


def page_start(request: Request) -> int:
    """Where a list operation continues: what an earlier answer's link said."""
    return _whole_number(request, "$skiptoken", default=0, least=0, most=2**62)


def _whole_number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise invalid_query(name, text, f"it is a whole number between {least} and {most}")
    return int(text)


def list_answer(request: Request, kind: str, values: Sequence[Json], following: int | None) -> Response:
    """One page of a list; ``following`` is where the next one starts, None at the end."""
    endpoint = batch_of(request).endpoint
    document: Json = {"odata.metadata": f"{endpoint}/$metadata#{kind}", "value": values}
    if following is not None:
        query = urlencode({**request.query_params, "$skiptoken": following})
        document["odata.nextLink"] = f"{endpoint}{request.url.path}?{query}"
    return answer(document)


def list_of(request: Request, kind: str, views: Sequence[Json], keep: Callable[[Json], bool]) -> Response:
    """One page of a short list that is made anew for each request."""
    start, size = page_start(request), page_size(request)
    kept = [view for view in views if keep(view)]
    shown = [select(request, view) for view in kept[start : start + size]]
    return list_answer(request, kind, shown, start + size if start + size < len(kept) else None)
