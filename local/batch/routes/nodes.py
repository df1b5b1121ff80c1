"""``/pools/{pool}/nodes``."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.batch.errors import not_found
from local.batch.filters import NODE_FIELDS, matches
from local.batch.routes.pools import found_pool
from local.batch.views import node_views
from local.batch.web import answer, batch_of, filter_of, list_of, select


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


ROUTES = [
    Route("/pools/{pool}/nodes", list_nodes, methods=["GET"]),
    Route("/pools/{pool}/nodes/{node}", get, methods=["GET"]),
]
