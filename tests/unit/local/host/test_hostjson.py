"""host.json."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.host.errors import AppRefused
from local.host.hostjson import HostConfig, read_host_json
from tests.unit.builders import ROOT


def read(folder: Path, document: Any) -> tuple[HostConfig, list[str]]:
    """Write a host.json and read it."""
    file = folder / "host.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_host_json(file)


def test_defaults_are_those_of_the_functions_host(tmp_path: Path) -> None:
    """Nothing but the version need be given."""
    config, ignored = read(tmp_path, {"version": "2.0"})
    assert config == HostConfig()
    assert ignored == []


def test_what_is_honoured(tmp_path: Path) -> None:
    """Every field that this host acts on."""
    bus = {"maxConcurrentCalls": 3, "autoCompleteMessages": False, "maxAutoLockRenewalDuration": "00:01:00"}
    blobs = {"maxDegreeOfParallelism": 2, "poisonBlobThreshold": 4}
    document = {
        "version": "2.0",
        "functionTimeout": "00:00:30",
        "extensions": {"serviceBus": bus, "blobs": blobs, "http": {"routePrefix": "/x/"}},
        "logging": {"logLevel": {"default": "Warning"}},
    }
    config, ignored = read(tmp_path, document)
    assert ignored == []
    assert config == HostConfig(
        function_timeout=timedelta(seconds=30),
        route_prefix="x",
        blob_parallelism=2,
        blob_tries=4,
        bus_calls=3,
        bus_auto_complete=False,
        lock_renewal=timedelta(minutes=1),
        log_levels={"default": "Warning"},
    )


def test_time_out_of_minus_one_is_for_ever(tmp_path: Path) -> None:
    """As in Azure."""
    assert read(tmp_path, {"version": "2.0", "functionTimeout": "-1"})[0].function_timeout == timedelta.max


def test_tries_on_a_blob_may_stand_in_three_places(tmp_path: Path) -> None:
    """The extensions have changed over time."""
    extensions = {"queues": {"maxDequeueCount": 2}}
    assert read(tmp_path, {"version": "2.0", "extensions": extensions})[0].blob_tries == 2


def test_what_is_not_honoured_is_named(tmp_path: Path) -> None:
    """Nothing is ignored in silence."""
    document = {"version": "2.0", "extensionBundle": {"id": "x"}, "extensions": {"http": {"hsts": {"isEnabled": True}}}}
    assert read(tmp_path, document)[1] == ["extensionBundle", "extensions.http.hsts"]


@pytest.mark.parametrize(
    "document",
    [
        "{",
        {},
        {"version": "1.0"},
        {"version": "2.0", "functionTimeout": "soon"},
        {"version": "2.0", "extensions": {"serviceBus": {"maxConcurrentCalls": "many"}}},
    ],
)
def test_wrong_file_is_refused(tmp_path: Path, document: Any) -> None:
    """No JSON, another version, a value of the wrong kind."""
    with pytest.raises(AppRefused):
        read(tmp_path, document)


def test_project_has_a_host_json_that_is_read() -> None:
    """The app's own file stands."""
    assert read_host_json(ROOT / "host.json")[0].route_prefix == "api"
