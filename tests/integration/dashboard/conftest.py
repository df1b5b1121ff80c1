"""A filled cloud and a browser's window, started once for the pages' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.cloud import start
from pipeline.services import Services
from shared.settings import Settings
from tests.integration.dashboard.browser import Pages, browser, chromium
from tests.integration.dashboard.world import World, fill


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A local cloud with runs of every kind."""
    chromium()
    with start(tmp_path_factory.mktemp("cloud")) as cloud:
        yield fill(cloud, Services.from_settings(Settings.from_env(cloud.settings)))


@pytest.fixture(scope="module")
def shared_pages(world: World) -> Iterator[Pages]:
    """One window for all tests: a browser starts slowly."""
    with browser() as running:
        found = Pages(running, world.base)
        yield found
        found.close()


@pytest.fixture
def pages(shared_pages: Pages) -> Iterator[Pages]:
    """The window, which must not have complained at the end."""
    shared_pages.complaints.clear()
    shared_pages.page.set_viewport_size({"width": 1280, "height": 900})
    yield shared_pages
    assert shared_pages.complaints == []
