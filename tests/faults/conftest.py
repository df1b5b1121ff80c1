"""A world for each file of faults, honest again before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.world import Host, World


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    """The services of one file of tests; `WARM = True` in it makes its workers quick."""
    warm = bool(getattr(request.module, "WARM", False))
    with World(tmp_path_factory.mktemp("world"), warm=warm) as world:
        yield world


@pytest.fixture
def world(module_world: World) -> Iterator[World]:
    """The services, with every fault of the test before taken away."""
    yield module_world
    module_world.honest()


@pytest.fixture(scope="module")
def module_host(module_world: World, request: pytest.FixtureRequest) -> Iterator[Host]:
    """The Functions host of one file of tests; `SETTINGS` in it changes its settings."""
    with module_world.host(**getattr(request.module, "SETTINGS", {})) as host:
        yield host


@pytest.fixture
def host(module_host: Host, world: World) -> Host:
    """The Functions host, running."""
    if not module_host.alive:
        module_host.start()
    return module_host
