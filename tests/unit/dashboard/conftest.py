"""The dashboard on doubles, asked over HTTP as a browser on this machine asks."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from dashboard.api import BASE, make_app
from dashboard.assets import Asset, Assets
from dashboard.guard import ACTION_HEADER
from tests.unit.builders import World

ASSETS = Assets("<!doctype html><p>{{base}} {{version}}", "v1", {"app.js": Asset(b"1", "text/javascript")})
ACTS = {ACTION_HEADER: "1", "Content-Type": "application/json"}


class Client:
    """Asks an app in this process; paths are those below the dashboard's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Ask for something."""
        return asyncio.run(self._ask("GET", path, more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        """Order something."""
        return asyncio.run(self._ask("POST", path, more))

    async def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1{BASE}/") as client:
            return await client.request(method, path, **more)


@pytest.fixture
def world() -> World:
    """Services on doubles."""
    return World()


@pytest.fixture
def client(world: World) -> Client:
    """A browser's requests to the dashboard."""
    return asking(world)


def asking(world: World) -> Client:
    """A client of a dashboard over these doubles."""
    return Client(make_app(world.services, ASSETS))
