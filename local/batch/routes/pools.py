"""``/pools``, and the counts of nodes in all of them."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.batch.conditions import PoolCondition
from local.batch.errors import BatchError, invalid_property
from local.batch.filters import NODE_COUNT_FIELDS, POOL_FIELDS, matches
from local.batch.models import Model
from local.batch.nodes import PoolRecord
from local.batch.pools import PoolResize, PoolSpec
from local.batch.scaling import check_scaling
from local.batch.views import node_counts, pool_view
from local.batch.web import (
    answer,
    batch_of,
    check_conditions,
    done,
    filter_of,
    list_of,
    read_json,
    select,
    to_model,
    version_headers,
)

MOST_REMOVED = 100
"""Nodes that one call removes: REST reference, "Pool - Remove Nodes"."""


class AutoScale(Model, frozen=True, kw_only=True):
    """A formula, and how often it is evaluated."""

    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: str | None = None


class NodeRemoval(Model, frozen=True, kw_only=True):
    """Nodes that are to leave a pool, and what becomes of their tasks."""

    node_list: list[str]
    resize_timeout: str | None = None
    node_deallocation_option: str | None = None


def found_pool(request: Request) -> PoolRecord:
    """The pool that the path names, if the request's conditions allow the operation."""
    record = batch_of(request).pools.find(request.path_params["pool"])
    check_conditions(request, record.etag)
    return record


async def create(request: Request) -> Response:
    """Pool - Add."""
    batch, given = batch_of(request), await read_json(request)
    spec = to_model(given, PoolSpec)
    if spec.enable_auto_scale:
        check_scaling(spec.auto_scale_formula or "", spec.auto_scale_evaluation_interval)
    record = batch.pools.create(spec, given)
    if spec.enable_auto_scale:
        batch.scaling.enable(record, spec.auto_scale_formula, spec.auto_scale_evaluation_interval)
    location = f"{batch.endpoint}/pools/{record.definition.id}"
    return done(201, etag=record.etag, modified=record.modified, location=location)


async def get(request: Request) -> Response:
    """Pool - Get."""
    record = found_pool(request)
    shown = select(request, pool_view(record, batch_of(request)))
    return answer(shown, etag=record.etag, modified=record.modified)


async def exists(request: Request) -> Response:
    """Pool - Exists."""
    record = found_pool(request)
    return Response(None, 200, version_headers(record.etag, record.modified))


async def list_pools(request: Request) -> Response:
    """Pool - List."""
    batch = batch_of(request)
    views = [pool_view(record, batch) for record in batch.pools.all()]
    return list_of(request, "pools", views, partial(matches, filter_of(request, POOL_FIELDS)))


async def delete(request: Request) -> Response:
    """Pool - Delete."""
    batch_of(request).pools.delete(found_pool(request))
    return done(202)


async def resize(request: Request) -> Response:
    """Pool - Resize."""
    wanted = to_model(await read_json(request), PoolResize)
    record = found_pool(request)
    if record.auto_scale_formula is not None:
        message = "The specified pool has auto scale enabled, and cannot be resized by hand."
        raise BatchError(409, "OperationNotValidOnPool", message)
    record = batch_of(request).pools.resize(record, wanted)
    return done(202, etag=record.etag, modified=record.modified)


async def remove_nodes(request: Request) -> Response:
    """Pool - Remove Nodes."""
    wanted = to_model(await read_json(request), NodeRemoval)
    if not 1 <= len(wanted.node_list) <= MOST_REMOVED:
        raise invalid_property("nodeList", len(wanted.node_list), f"It has 1 to {MOST_REMOVED} nodes.")
    option = wanted.node_deallocation_option or "requeue"
    batch_of(request).conditions.remove(found_pool(request), wanted.node_list, option)
    return done(202)


async def put_condition(request: Request) -> Response:
    """Let a pool have resize errors: of the local Batch only."""
    batch_of(request).conditions.put_on_pool(found_pool(request), to_model(await read_json(request), PoolCondition))
    return done(200)


async def enable_auto_scale(request: Request) -> Response:
    """Pool - Enable Auto Scale."""
    wanted = to_model(await read_json(request), AutoScale)
    record = found_pool(request)
    batch_of(request).scaling.enable(record, wanted.auto_scale_formula, wanted.auto_scale_evaluation_interval)
    return done(200)


async def disable_auto_scale(request: Request) -> Response:
    """Pool - Disable Auto Scale."""
    batch_of(request).scaling.disable(found_pool(request))
    return done(200)


async def evaluate_auto_scale(request: Request) -> Response:
    """Pool - Evaluate Auto Scale."""
    wanted = to_model(await read_json(request), AutoScale)
    return answer(batch_of(request).scaling.evaluate(found_pool(request), wanted.auto_scale_formula or ""))


async def counts(request: Request) -> Response:
    """Account - List Pool Node Counts."""
    batch = batch_of(request)
    views = [node_counts(record, batch) for record in batch.pools.all()]
    return list_of(request, "poolnodecounts", views, partial(matches, filter_of(request, NODE_COUNT_FIELDS)))


_POOL = "/pools/{pool}"
ROUTES = [
    Route("/pools", create, methods=["POST"]),
    Route("/pools", list_pools, methods=["GET"]),
    Route(_POOL, exists, methods=["HEAD"]),
    Route(_POOL, get, methods=["GET"]),
    Route(_POOL, delete, methods=["DELETE"]),
    Route(_POOL + "/resize", resize, methods=["POST"]),
    Route(_POOL + "/removenodes", remove_nodes, methods=["POST"]),
    Route("/local" + _POOL, put_condition, methods=["PUT"]),
    Route(_POOL + "/enableautoscale", enable_auto_scale, methods=["POST"]),
    Route(_POOL + "/disableautoscale", disable_auto_scale, methods=["POST"]),
    Route(_POOL + "/evaluateautoscale", evaluate_auto_scale, methods=["POST"]),
    Route("/nodecounts", counts, methods=["GET"]),
]
