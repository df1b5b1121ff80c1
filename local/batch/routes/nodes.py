"""``/pools/{pool}/nodes``."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.batch.conditions import NodeCondition
from local.batch.errors import not_found
from local.batch.filters import NODE_FIELDS, matches
from local.batch.models import Model
from local.batch.routes.pools import found_pool
from local.batch.views import node_views
from local.batch.web import answer, batch_of, done, filter_of, list_of, read_json, select, to_model


class Reboot(Model, frozen=True, kw_only=True):
    """What becomes of the tasks on a node that is rebooted."""

    node_reboot_option: str | None = None


async def list_nodes(request: Request) -> Response:
    """Compute Node - List."""
    views = node_views(found_pool(request), batch_of(request))
    return list_of(request, "nodes", views, partial(matches, filter_of(request, NODE_FIELDS)))


async def get(request: Request) -> Response:
    """Compute Node - Get."""
    wanted = request.path_params["node"]
    for view in node_views(found_pool(request), batch_of(request)):
        if view["id"] == wanted:
            return answer(select(request, view))
    raise not_found("NodeNotFound")


async def reboot(request: Request) -> Response:
    """Compute Node - Reboot."""
    how = to_model(await read_json(request) if await request.body() else {}, Reboot)
    node = request.path_params["node"]
    batch_of(request).conditions.reboot(found_pool(request), node, how.node_reboot_option or "requeue")
    return done(202)


async def put_condition(request: Request) -> Response:
    """Put a node into a condition: of the local Batch only."""
    condition = to_model(await read_json(request), NodeCondition)
    batch_of(request).conditions.put_on_node(found_pool(request), request.path_params["node"], condition)
    return done(200)


ROUTES = [
    Route("/pools/{pool}/nodes/{node}/reboot", reboot, methods=["POST"]),
    Route("/local/pools/{pool}/nodes/{node}", put_condition, methods=["PUT"]),
    Route("/pools/{pool}/nodes", list_nodes, methods=["GET"]),
    Route("/pools/{pool}/nodes/{node}", get, methods=["GET"]),
]
