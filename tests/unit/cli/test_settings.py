"""Where the command finds its settings, and what it says when there are none or storage is down."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.errors import CommandFailed
from cli.settings import demand_answer, find_settings
from shared.errors import SettingsError
from tests.unit.cli.conftest import VALUES


@pytest.fixture
def listening() -> Iterator[int]:
    """A port that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent() -> int:
    """A port where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def values(pool: str, port: int = 10_000) -> dict[str, str]:
    storage = f"AccountName=devstoreaccount1;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1"
    return {**VALUES, "STORAGE": storage, "BATCH_POOL_ID": pool}


def write(file: Path, content: dict[str, str]) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"IsEncrypted": False, "Values": content}))
    return file


def test_the_order_of_places(tmp_path: Path, listening: int) -> None:
    """A named file, the environment, the running local cloud, local.settings.json: in this order."""
    named = write(tmp_path / "named.json", values("named"))
    write(tmp_path / ".local" / "settings.json", values("cloud", listening))
    write(tmp_path / "local.settings.json", values("laptop"))

    def pool(given: Path | None, environment: dict[str, str]) -> str:
        return find_settings(given, environment, [tmp_path]).settings.batch_pool_id

    assert pool(named, values("environment")) == "named"
    assert pool(None, values("environment")) == "environment"
    assert pool(None, {}) == "cloud"
    (tmp_path / ".local" / "settings.json").unlink()
    assert pool(None, {}) == "laptop"


def test_settings_of_a_local_cloud_that_is_down_are_passed_over(tmp_path: Path, silent: int) -> None:
    """The file outlives a cloud that was killed: it counts only while storage answers."""
    write(tmp_path / ".local" / "settings.json", values("cloud", silent))
    with pytest.raises(CommandFailed, match="the local cloud does not run") as caught:
        find_settings(None, {}, [tmp_path])
    assert caught.value.next_command == "make up"


def test_a_named_file_is_not_mixed_with_the_environment(tmp_path: Path) -> None:
    """Settings of two deployments never meet."""
    incomplete = write(tmp_path / "a.json", {"BATCH_POOL_ID": "pool"})
    with pytest.raises(SettingsError, match=r"STORAGE is missing(?s:.)*read from .*a\.json"):
        find_settings(incomplete, values("environment"), [])


def test_an_operator_does_not_use_the_identity_of_the_app(tmp_path: Path) -> None:
    """Settings fetched from a function app name its managed identity, which no laptop has."""
    fetched = {key: value for key, value in VALUES.items() if key != "STORAGE"} | {
        "STORAGE__blobServiceUri": "https://a.blob.core.windows.net",
        "STORAGE__credential": "managedidentity",
        "STORAGE__clientId": "0000",
    }
    storage = find_settings(write(tmp_path / "a.json", fetched), {}, []).settings.connection("STORAGE")
    assert dict(storage.fields) == {"blobServiceUri": "https://a.blob.core.windows.net"}


@pytest.mark.parametrize("content", ["", "[]", "not json", '{"Values": {"A": 1}}'])
def test_a_file_that_is_no_settings_file_is_named(tmp_path: Path, content: str) -> None:
    """The message has the file's name and the form it should have."""
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(SettingsError, match=r"a\.json is no settings file"):
        find_settings(tmp_path / "a.json", {}, [])


def test_an_encrypted_file_says_how_to_decrypt_it(tmp_path: Path) -> None:
    """Core Tools may have encrypted it."""
    (tmp_path / "a.json").write_text('{"IsEncrypted": true, "Values": {}}')
    with pytest.raises(CommandFailed, match="is encrypted") as caught:
        find_settings(tmp_path / "a.json", {}, [])
    assert caught.value.next_command == "func settings decrypt"


def test_storage_that_is_down_is_told_at_once(silent: int) -> None:
    """One line with the address and where it comes from, in place of an SDK's minute of retries."""
    found = find_settings(None, values("p", silent), [])
    with pytest.raises(CommandFailed, match=f"does not answer at 127.0.0.1:{silent} .*the environment"):
        demand_answer(found)


def test_storage_that_is_up_is_let_through(listening: int) -> None:
    """Knocking is all."""
    demand_answer(find_settings(None, values("p", listening), []))
