"""The production credential path: the whole loop over TLS with tokens, and no key anywhere."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.communication.email import EmailClient
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableServiceClient
from azure.servicebus import ServiceBusClient, ServiceBusMessage, TransportType
from azure.servicebus.exceptions import ServiceBusError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.batch.config import ACCOUNT_KEY, ACCOUNT_NAME
from local.cloud import start
from local.identity.directory import APP, POOL, STORAGE
from local.identity.tokens import Issuer
from local.servicebus.performatives import Attach, Detach
from pipeline.services import Services
from shared.connections import EMULATOR_KEY, batch
from shared.locations import prefix_of
from shared.runs import Run, RunState, Upload
from shared.settings import Settings
from tests.e2e.conftest import Loop
from tests.unit.builders import HOSTILE_NAME, ROOT
from tests.unit.local.servicebus.peer import Peer

pytestmark = pytest.mark.cloud
EXAMPLE = (ROOT / "tests" / "examples" / "three-transactions.json").read_bytes()
KEYS = re.compile(
    rb"AccountKey|SharedAccessKey|SharedAccessSignature|UseDevelopment|[?&]sig=|-----BEGIN|SAS_KEY_VALUE|eyJ[\w-]{20,}|"
    + b"|".join(re.escape(key.encode()) for key in (EMULATOR_KEY, ACCOUNT_KEY))
)
"""Keys, connection strings, signatures, private keys, tokens."""
PRIVATE = ("server.key", "private.pem")
"""The private keys of TLS and of the tokens: of the servers, and for them alone."""


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """The whole system without keys; this process asks for tokens as the function app does."""
    with (
        start(tmp_path_factory.mktemp("keyless"), identity=True) as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert cloud.keyless
        for name, value in cloud.keyless.app.items():
            patch.setenv(name, value)
        yield Loop(cloud, Services.from_settings(Settings.from_env(cloud.settings)))


@pytest.fixture(scope="module")
def dropped(loop: Loop) -> tuple[Upload, Run]:
    """One file and its settled run."""
    upload = loop.drop(HOSTILE_NAME, EXAMPLE)
    return upload, loop.settled(upload)


def test_file_comes_out_as_report_event_mail_and_call(loop: Loop, dropped: tuple[Upload, Run]) -> None:
    """The loop is the same as with keys."""
    upload, run = dropped
    assert run.state is RunState.SUCCEEDED, run.failure
    report = json.loads(loop.services.blobs.read("batch-output", f"{prefix_of(run)}report.json", 10**6))
    told = loop.told()
    event = told.event(upload)
    assert event.data.total_revenue == f"{report['summary']['total_revenue']:.2f}"
    assert event.source == "/storage/devstoreaccount1/batch-input"
    [mail] = told.mails(upload)
    assert "three-transactions" in mail["subject"] or run.run_id in mail["text"]
    [call] = told.calls(upload)
    assert call["status"] == 204


def test_batch_uploads_the_logs_as_the_pool_s_identity(loop: Loop, dropped: tuple[Upload, Run]) -> None:
    """The container's URL bears no signature: it is the identity that opens it."""
    _, run = dropped
    assert run.task
    with batch(loop.services.settings.connection("BATCH")) as client:
        task = client.get_task(run.task.job_id, run.task.task_id)
    [output] = task.output_files or []
    assert output.destination.container
    assert "?" not in output.destination.container.container_url
    assert output.destination.container.identity_reference
    assert output.destination.container.identity_reference.resource_id == POOL.resource_id
    log = loop.services.blobs.read("batch-logs", f"{prefix_of(run)}stderr.txt", 10**6).decode()
    assert run.run_id in log


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc to look into")
def test_no_process_s_environment_or_command_line_holds_a_key(loop: Loop, dropped: tuple[Upload, Run]) -> None:
    """Of all parts, and of what they started."""
    processes = [each for part in loop.cloud.parts.values() for each in _processes_of(part.pid or 0)]
    assert len(processes) >= len(loop.cloud.parts)
    assert any(b"IDENTITY_ENDPOINT" in _read(process / "environ") for process in processes), "they can be read"
    for process in processes:
        for file in ("environ", "cmdline"):
            assert not KEYS.search(_read(process / file)), f"{process}/{file}"


def test_no_task_s_environment_holds_a_key(loop: Loop, dropped: tuple[Upload, Run]) -> None:
    """Seen from inside a task, with all that its pool adds, and in the task of a run."""
    _, run = dropped
    assert run.task
    job, task = run.task.job_id, f"look-{uuid4().hex}"
    with batch(loop.services.settings.connection("BATCH")) as client:
        given = client.get_task(job, run.task.task_id).environment_settings or []
        client.create_task(job, models.BatchTaskCreateOptions(id=task, command_line="/usr/bin/env"))
        loop.wait(lambda: client.get_task(job, task).state == "completed" or None, "the task to end")
        seen = b"".join(client.download_task_file(job, task, "stdout.txt"))
    assert b"AZURE_POD_IDENTITY_AUTHORITY_HOST" in seen
    assert not KEYS.search(seen)
    assert b"IDENTITY_HEADER" not in seen, "what opens the app's identity is none of a task's business"
    settings = {each.name: each.value or "" for each in given}
    assert settings["STORAGE__clientId"] == POOL.client_id
    assert not KEYS.search("\n".join(settings.values()).encode())


def test_no_settings_file_log_or_state_holds_a_key(loop: Loop, dropped: tuple[Upload, Run]) -> None:
    """Neither the settings, nor the pools, nor a log, nor what Batch and the host remember; nor any token."""
    root = loop.cloud.layout.root
    files = [
        file for file in root.rglob("*") if file.is_file() and "azurite" not in file.parts and "tls" not in file.parts
    ]
    assert {"settings.json", "pools.json", "functions.log"} <= {file.name for file in files}
    for file in files:
        if file.name not in PRIVATE and file.suffix != ".pem":
            assert not KEYS.search(file.read_bytes()), file
    for name in PRIVATE:
        [file] = root.rglob(name)
        assert file.stat().st_mode & 0o077 == 0, f"{file} is readable by others"
    assert loop.cloud.layout.settings.stat().st_mode & 0o077 == 0


def test_settings_name_an_identity_for_every_connection(loop: Loop) -> None:
    """In the form that they have in Azure, the host's own storage among them."""
    settings = loop.cloud.settings
    for name in ("AzureWebJobsStorage", "STORAGE", "SERVICEBUS", "BATCH", "EMAIL"):
        assert name not in settings
        assert settings[f"{name}__credential"] == "managedidentity"
        assert settings[f"{name}__clientId"] == APP.client_id
    connections = loop.services.settings.connections.values()
    assert all(connection.by_identity for connection in connections)


def test_command_works_with_the_settings_file_that_was_written(loop: Loop, dropped: tuple[Upload, Run]) -> None:
    """In an environment that knows nothing of identities: what it takes stands beside the settings."""
    upload, _ = dropped
    told = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AZURE_CLIENT_ID")
    environment = {name: value for name, value in os.environ.items() if name not in told}
    program = str(Path(sys.executable).with_name("batchjson"))
    command = [program, "runs", "--json", "--settings", str(loop.cloud.layout.settings)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert upload.run_id in {run["run_id"] for run in json.loads(done.stdout)["runs"]}


# azure-data-tables reads an error in XML in a way that Python 3.12 deprecates.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
@pytest.mark.parametrize("service", ["blob", "queue", "table", "batch", "servicebus", "mail"])
@pytest.mark.parametrize("token", ["none", "wrong audience"])
def test_service_refuses_who_has_no_token_for_it(loop: Loop, service: str, token: str) -> None:
    """Without a token, and with a valid one that is meant for another service."""
    if token == "none":
        assert _anonymously(loop, service) in (401, 403)
        return
    elsewhere = "https://servicebus.azure.net/" if service != "servicebus" else f"{STORAGE}/"
    given, ends = _issuer(loop).issue(APP, elsewhere)
    with pytest.raises((HttpResponseError, ServiceBusError)) as refused:
        CALLS[service](loop, Given(AccessToken(given, ends)))
    if isinstance(refused.value, HttpResponseError):
        assert refused.value.status_code in (401, 403)
    else:
        assert getattr(refused.value.inner_exception, "status_code", None) == 401


@pytest.mark.parametrize("service", ["batch", "servicebus", "mail"])
def test_service_refuses_a_forged_token(loop: Loop, tmp_path: Path, service: str) -> None:
    """Of the right audience, signed by somebody else. (Azurite does not look at signatures.)"""
    audience = {
        "batch": "batch.core.windows.net",
        "servicebus": "servicebus.azure.net",
        "mail": "communication.azure.com",
    }
    forged, ends = Issuer(tmp_path / "other.pem").issue(APP, f"https://{audience[service]}/")
    with pytest.raises((HttpResponseError, ServiceBusError)):
        CALLS[service](loop, Given(AccessToken(forged, ends)))


def test_batch_refuses_its_well_known_key(loop: Loop) -> None:
    """Keys are turned off, as infra turns them off in Azure."""
    endpoint = loop.cloud.settings["BATCH__accountEndpoint"]
    key = AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)
    with BatchClient(endpoint, key, retry_total=0) as client, pytest.raises(HttpResponseError) as refused:
        client.get_pool("local")
    assert refused.value.status_code == 403


class Given:
    """A credential that always gives the same token."""

    def __init__(self, token: AccessToken) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        return self._token


def _issuer(loop: Loop) -> Issuer:
    return Issuer(loop.cloud.layout.state_of("identity") / "private.pem")


def _blob(loop: Loop, credential: Given) -> None:
    with BlobServiceClient(loop.cloud.settings["STORAGE__blobServiceUri"], credential, retry_total=0) as client:
        client.get_container_client("batch-input").get_container_properties()


def _queue(loop: Loop, credential: Given) -> None:
    with QueueServiceClient(loop.cloud.settings["STORAGE__queueServiceUri"], credential, retry_total=0) as client:
        client.get_queue_client("webjobs-blobtrigger-poison").get_queue_properties()


def _table(loop: Loop, credential: Given) -> None:
    endpoint = loop.cloud.settings["STORAGE__tableServiceUri"]
    with TableServiceClient(endpoint, credential=credential, retry_total=0) as client:
        list(client.list_tables())


def _batch(loop: Loop, credential: Given) -> None:
    with BatchClient(loop.cloud.settings["BATCH__accountEndpoint"], credential, retry_total=0) as client:
        client.get_pool("local")


def _bus(loop: Loop, credential: Given) -> None:
    namespace = loop.cloud.settings["SERVICEBUS__fullyQualifiedNamespace"]
    with (
        ServiceBusClient(
            namespace,
            credential,
            retry_total=0,
            custom_endpoint_address=f"sb://{namespace}",
            transport_type=TransportType.Amqp,
            connection_verify=os.environ["REQUESTS_CA_BUNDLE"],
        ) as client,
        client.get_topic_sender("run-events") as sender,
    ):
        sender.send_messages(ServiceBusMessage("x"))


def _mail(loop: Loop, credential: Given) -> None:
    mail = {
        "senderAddress": "a@laptop.invalid",
        "recipients": {"to": [{"address": "b@laptop.invalid"}]},
        "content": {"subject": "s", "plainText": "t", "html": ""},
    }
    with EmailClient(loop.cloud.settings["EMAIL__endpoint"], credential, retry_total=0) as client:
        client.begin_send(mail, polling=False)


CALLS: dict[str, Callable[[Loop, Given], None]] = {
    "blob": _blob,
    "queue": _queue,
    "table": _table,
    "batch": _batch,
    "servicebus": _bus,
    "mail": _mail,
}


def _anonymously(loop: Loop, service: str) -> int:
    """Ask without any credentials; the status of the answer."""
    settings = loop.cloud.settings
    if service == "servicebus":
        return _bus_without_token(loop)
    method, url = {
        "blob": ("GET", f"{settings['STORAGE__blobServiceUri']}/?comp=list"),
        "queue": ("GET", f"{settings['STORAGE__queueServiceUri']}/?comp=list"),
        "table": ("GET", f"{settings['STORAGE__tableServiceUri']}/Tables"),
        "batch": ("GET", f"{settings['BATCH__accountEndpoint']}/pools/local?api-version=2025-06-01"),
        "mail": ("POST", f"{settings['EMAIL__endpoint']}/emails:send?api-version=2025-09-01"),
    }[service]
    return httpx.request(method, url, headers={"x-ms-version": "2023-11-03"}, timeout=30).status_code


def _bus_without_token(loop: Loop) -> int:
    """Open a link over TLS without having put a token: the broker refuses it."""
    port = urlsplit(f"//{loop.cloud.settings['SERVICEBUS__fullyQualifiedNamespace']}").port
    assert port
    return asyncio.run(_attach(port, ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])))


async def _attach(port: int, tls: ssl.SSLContext) -> int:
    peer = await Peer.opened(port, tls=tls)
    peer.attach("run-events", receiver=False)
    await peer.expect(Attach)
    detach = await peer.expect(Detach)
    await peer.abandon()
    return 401 if "unauthorized-access" in str(detach.error) else 200


def _read(file: Path) -> bytes:
    """A file of a process; empty when that has ended meanwhile."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _processes_of(session: int) -> list[Path]:
    """A part's processes: all of its session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if int(fields[3]) == session:
            found.append(stat.parent)
    return found
