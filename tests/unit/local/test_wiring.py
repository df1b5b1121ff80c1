"""Settings of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.errors import CloudFailed
from local.keyless import make_keyless
from local.layout import Layout
from local.ports import Ports
from local.wiring import pool, settings_file, settings_for
from shared.connections import account_name, read_connection
from shared.settings import Settings

OTHER = Ports(blob=1, queue=2, table=3, servicebus=4, batch=5, smtp=6, mail=7, webhooks=8, functions=9)


def sample() -> dict[str, str]:
    """The project's sample, as it is."""
    return settings_for(Ports())


def test_usual_ports_leave_the_sample_as_it_is() -> None:
    """Core Tools with the sample find the same cloud."""
    assert sample()["STORAGE"] == "UseDevelopmentStorage=true"


def test_other_ports_are_put_in() -> None:
    """In every connection; nothing points to a usual port any more."""
    settings = settings_for(OTHER)
    storage = read_connection("STORAGE", settings)
    assert storage is not None
    assert storage.get("BlobEndpoint") == "http://127.0.0.1:1/devstoreaccount1"
    assert storage.get("TableEndpoint") == "http://127.0.0.1:3/devstoreaccount1"
    assert settings["AzureWebJobsStorage"] == settings["STORAGE"]
    assert "sb://127.0.0.1:4;" in settings["SERVICEBUS"]
    assert settings["SERVICEBUS"].endswith("UseDevelopmentEmulator=true")
    assert "AccountEndpoint=http://127.0.0.1:5;" in settings["BATCH"]
    assert settings["EMAIL"] == "smtp://127.0.0.1:6"
    assert settings["WEBHOOK_URL"] == "http://127.0.0.1:8/hook"
    assert settings.keys() == sample().keys()


def test_settings_without_keys_are_those_of_azure(tmp_path: Path) -> None:
    """Every connection by identity, nothing else changed, and the command takes them."""
    layout = Layout(tmp_path)
    keyless = make_keyless(OTHER, layout)
    values = keyless.settings(settings_for(OTHER))
    settings = Settings.from_env(values)
    assert all(connection.by_identity for connection in settings.connections.values())
    assert settings.on_laptop, "storage is on this machine: the local webhook may be called"
    assert account_name(settings.connection("STORAGE")) == "devstoreaccount1", "run ids are those of a run with keys"
    assert settings.worker_identity_client_id
    kept = {name for name in values if "__" not in name}
    assert kept == sample().keys() - {"AzureWebJobsStorage", "STORAGE", "SERVICEBUS", "BATCH", "EMAIL"}
    assert "IDENTITY_HEADER" not in keyless.node
    assert keyless.header not in repr(keyless)


def test_settings_file_is_a_local_settings_json() -> None:
    """What Core Tools and our host read."""
    assert json.loads(settings_file({"A": "x"})) == {"IsEncrypted": False, "Values": {"A": "x"}}


def test_pool_stands_for_the_worker_image() -> None:
    """Its id and image are those of the settings."""
    described = pool(sample(), ["python", "-m", "worker"])
    assert described["id"] == sample()["BATCH_POOL_ID"]
    assert described["containers"] == {sample()["WORKER_IMAGE"]: ["python", "-m", "worker"]}


def test_unreadable_sample_is_told(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(CloudFailed, match="nowhere"):
        settings_for(Ports(), tmp_path / "nowhere.json")
