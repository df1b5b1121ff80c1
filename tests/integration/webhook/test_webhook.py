"""Webhook calls over real sockets, to receivers that behave and to others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.notification.delivery import Delivery
from pipeline.notification.webhook import WebhookSender
from shared.errors import DeliveryFailed, DeliveryRefused, EndpointGone, SettingsError
from shared.events import encode_event
from shared.settings import Settings
from tests.integration.webhook.certificates import Certificates, make_certificates
from tests.integration.webhook.receiver import (
    Answer,
    Receiver,
    drip,
    flood,
    nonsense,
    receiving,
    silence,
    status,
)
from tests.unit.pipeline.notification.samples import RUN_ID, SECRET, event_with, settings_with

NOW = datetime(2025, 1, 17, 14, 30, tzinfo=UTC)
BODY = encode_event(event_with(name="größe\u202e.json"))
DELIVERY = Delivery(RUN_ID, BODY)
OLD_SECRET = "whsec_" + base64.b64encode(b"old secret of thirty two bytes!!").decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), "hooks.example.com")


def sender_to(receiver: Receiver, **options: Any) -> WebhookSender:
    """A sender as on a laptop, to a receiver."""
    url = f"http://127.0.0.1:{receiver.port}/hook?from=us"
    usual: dict[str, Any] = {"allow_private": True, "clock": lambda: NOW, "seconds": 10.0}
    return WebhookSender(url, [SECRET], **usual | options)


def failure_of(sender: WebhookSender) -> DeliveryFailed:
    """The error that a call ends with."""
    with pytest.raises(DeliveryFailed) as caught:
        sender.post(DELIVERY)
    return caught.value


def test_the_event_arrives_as_it_was_published(receiver: Receiver) -> None:
    """Path, body and content type are what they should be."""
    sender_to(receiver).post(DELIVERY)
    (request,) = receiver.requests
    assert request.path == "/hook?from=us"
    assert request.body == BODY
    headers = request.headers
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == RUN_ID
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_the_signature_holds_for_the_bytes_on_the_wire(receiver: Receiver) -> None:
    """A receiver can verify the call with the new secret and with the old one."""
    sender = WebhookSender(f"http://127.0.0.1:{receiver.port}/", [SECRET, OLD_SECRET], allow_private=True)
    sender.post(DELIVERY)
    (request,) = receiver.requests
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    expected = [
        "v1," + base64.b64encode(hmac.digest(base64.b64decode(secret[6:]), signed, hashlib.sha256)).decode()
        for secret in (SECRET, OLD_SECRET)
    ]
    assert headers["webhook-signature"].split(" ") == expected


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(receiver: Receiver, code: int) -> None:
    """The receiver may answer with whatever success it likes."""
    receiver.answers.append(status(code))
    sender_to(receiver).post(DELIVERY)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, code: int) -> None:
    """A redirect is a failure, and nobody else is called."""
    with receiving() as other:
        receiver.answers.append(status(code, Location=f"http://127.0.0.1:{other.port}/"))
        assert not failure_of(sender_to(receiver)).permanent
        assert other.requests == []
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("code", [400, 401, 404, 429, 500, 502, 503, 504])
def test_other_answers_are_failures_to_try_again(receiver: Receiver, code: int) -> None:
    """Client and server errors alike may pass; the status is told."""
    receiver.answers.append(status(code))
    failure = failure_of(sender_to(receiver))
    assert not failure.permanent
    assert failure.retry_after is None
    assert str(failure) == f"The webhook answered {code}."


@pytest.mark.parametrize(
    ("header", "seconds"), [("17", 17.0), ("Fri, 17 Jan 2025 14:31:00 GMT", 60.0), ("later", None)]
)
def test_retry_after_is_read(receiver: Receiver, header: str, seconds: float | None) -> None:
    """What a busy receiver asks for comes with the failure."""
    receiver.answers.append(status(503, Retry_After=header))
    assert failure_of(sender_to(receiver)).retry_after == seconds


def test_410_is_final(receiver: Receiver) -> None:
    """A receiver that is gone is not called again."""
    receiver.answers.append(status(410))
    assert isinstance(failure_of(sender_to(receiver)), EndpointGone)


@pytest.mark.parametrize("answer", [silence, drip])
def test_a_slow_receiver_times_out(receiver: Receiver, answer: Answer) -> None:
    """Neither silence nor an answer in single bytes can hold us longer than the limit of the whole call."""
    receiver.answers.append(answer)
    failure = failure_of(sender_to(receiver, seconds=0.4))
    assert str(failure) == "The webhook did not answer in time."
    assert not failure.permanent


def test_an_endless_body_is_not_read_to_its_end(receiver: Receiver) -> None:
    """After 64 KB the connection is closed; the status decides."""
    receiver.answers.append(flood)
    sender_to(receiver).post(DELIVERY)


def test_a_body_is_never_logged_nor_told(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """What a receiver says in its body appears nowhere."""
    caplog.set_level("DEBUG")
    receiver.answers.append(status(500, b"hunter2"))
    assert "hunter2" not in str(failure_of(sender_to(receiver)))
    assert "hunter2" not in caplog.text
    assert SECRET not in caplog.text


def test_another_protocol_is_a_failure(receiver: Receiver) -> None:
    """A receiver that does not speak HTTP is a failure to try again."""
    receiver.answers.append(nonsense)
    assert not failure_of(sender_to(receiver)).permanent


def test_a_refused_connection_is_a_failure() -> None:
    """Nobody listening is a failure to try again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = Receiver(taken.getsockname()[1])
        failure = failure_of(sender_to(closed))
    assert re.fullmatch(r"The webhook cannot be reached \(\w+\)\.", str(failure))
    assert not failure.permanent


def test_the_next_address_is_tried(receiver: Receiver) -> None:
    """When the first address takes no connection the second one gets the call."""
    sender = sender_to(receiver, look_up=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    sender.post(DELIVERY)
    assert len(receiver.requests) == 1


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call goes to the vetted address itself, whatever HTTP_PROXY says."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    sender_to(receiver).post(DELIVERY)
    assert len(receiver.requests) == 1


def test_a_private_receiver_is_not_called_outside_a_laptop(certificates: Certificates) -> None:
    """Outside a laptop the receiver's address is refused before any connection."""
    with receiving(certificates.for_server()) as receiver:
        url = f"https://hooks.example.com:{receiver.port}/"
        sender = WebhookSender(url, [SECRET], look_up=lambda host, port: ["127.0.0.1"], tls=certificates.for_client())
        assert isinstance(failure_of(sender), DeliveryRefused)
        assert receiver.requests == []


def test_tls_goes_to_the_vetted_address_and_is_held_against_the_name(certificates: Certificates) -> None:
    """The name is resolved once, by us; its certificate is verified although an address is connected to."""
    asked = []

    def look_up(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiving(certificates.for_server()) as receiver:
        url = f"https://hooks.example.com:{receiver.port}/"
        WebhookSender(url, [SECRET], allow_private=True, look_up=look_up, tls=certificates.for_client()).post(DELIVERY)
        (request,) = receiver.requests
    assert asked == ["hooks.example.com"]
    assert request.headers["host"] == f"hooks.example.com:{receiver.port}"


def test_a_second_dns_answer_changes_nothing(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves anew to another address (rebinding) is not asked again, not even by the HTTP library."""
    answers = [["127.0.0.1"], ["127.0.0.66"]]

    def refuse(host: object, *rest: object, **options: object) -> Any:
        assert host in ("127.0.0.1", b"127.0.0.1"), f"{host!r} was resolved again"
        return real(host, *rest, **options)  # type: ignore[arg-type]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with receiving(certificates.for_server()) as receiver:
        url = f"https://hooks.example.com:{receiver.port}/"
        look_up = lambda host, port: answers.pop(0)  # noqa: E731
        WebhookSender(url, [SECRET], allow_private=True, look_up=look_up, tls=certificates.for_client()).post(DELIVERY)
        assert len(receiver.requests) == 1
    assert answers == [["127.0.0.66"]]


def test_a_certificate_of_another_name_is_refused(certificates: Certificates) -> None:
    """An impostor at the right address is not sent the event."""
    with receiving(certificates.for_server()) as receiver:
        url = f"https://other.example.com:{receiver.port}/"
        sender = WebhookSender(
            url,
            [SECRET],
            allow_private=True,
            look_up=lambda host, port: ["127.0.0.1"],
            tls=certificates.for_client(),
        )
        assert not failure_of(sender).permanent
        assert receiver.requests == []


def test_an_unknown_authority_is_refused(certificates: Certificates) -> None:
    """By default only public authorities are trusted."""
    with receiving(certificates.for_server()) as receiver:
        url = f"https://hooks.example.com:{receiver.port}/"
        sender = WebhookSender(url, [SECRET], allow_private=True, look_up=lambda host, port: ["127.0.0.1"])
        assert not failure_of(sender).permanent
        assert receiver.requests == []


def sender_of(settings: Settings) -> WebhookSender:
    """The sender of the one endpoint that the settings name."""
    [endpoint] = settings.webhooks
    return WebhookSender.of(endpoint, settings)


def test_settings_make_the_sender(receiver: Receiver) -> None:
    """A laptop's settings allow its own receiver; without an address there is no endpoint; bad secrets are told."""
    url = f"http://127.0.0.1:{receiver.port}/hook"
    assert sender_of(settings_with(WEBHOOK_URL=url, WEBHOOK_SECRETS=SECRET)).post(DELIVERY) == 204
    assert len(receiver.requests) == 1
    assert settings_with().webhooks == ()
    with pytest.raises(SettingsError, match="WEBHOOK_SECRETS"):
        sender_of(settings_with(WEBHOOK_URL=url, WEBHOOK_SECRETS="whsec_short"))
    others = f'[{{"name": "erp", "url": "{url}"}}]'
    sender_of(settings_with(WEBHOOKS=others, WEBHOOK_SECRETS_ERP=SECRET)).post(DELIVERY)
    with pytest.raises(SettingsError, match="WEBHOOK_SECRETS_ERP, number 1, is a Key Vault reference"):
        sender_of(settings_with(WEBHOOKS=others, WEBHOOK_SECRETS_ERP="@Microsoft.KeyVault(SecretUri=https://v/s)"))


def test_azure_settings_forbid_private_receivers() -> None:
    """With storage by identity, http is refused at start."""
    storage = {"STORAGE": "", "STORAGE__blobServiceUri": "https://acct.blob.core.windows.net"}
    settings = settings_with(**storage, WEBHOOK_URL="http://127.0.0.1/hook", WEBHOOK_SECRETS=SECRET)
    with pytest.raises(SettingsError, match="https"):
        sender_of(settings)


def test_the_example_in_the_docs_verifies_a_call(receiver: Receiver) -> None:
    """The Python example of docs/notifications.md accepts a real call, and neither a changed nor an old one."""
    page = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    url = f"http://127.0.0.1:{receiver.port}/"
    WebhookSender(url, [SECRET, OLD_SECRET], allow_private=True).post(DELIVERY)
    sender_to(receiver).post(DELIVERY)
    fresh, old = receiver.requests
    assert names["is_genuine"](fresh.headers, fresh.body, SECRET)
    assert names["is_genuine"](fresh.headers, fresh.body, OLD_SECRET)
    assert not names["is_genuine"](fresh.headers, fresh.body + b" ", SECRET)
    assert not names["is_genuine"](old.headers, old.body, SECRET)
