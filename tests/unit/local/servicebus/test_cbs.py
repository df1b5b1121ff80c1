"""Claims of a connection: which tokens it may bring, and what they open."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.identity.directory import APP, SERVICE_BUS, STORAGE
from local.identity.tokens import Issuer, TokenCheck
from local.servicebus.cbs import Claims
from local.servicebus.codec import Described, ULong
from local.servicebus.encode import encode
from local.servicebus.errors import UnauthorizedError
from local.servicebus.message import parse_message


class Desk:
    """Claims, and an issuer whose tokens they know."""

    def __init__(self, folder: Path) -> None:
        self.issuer = Issuer(folder / "private.pem")
        (folder / "tokens.pem").write_bytes(self.issuer.public_key())
        self.claims = Claims(TokenCheck(folder / "tokens.pem", SERVICE_BUS))

    def token(self, resource: str = SERVICE_BUS) -> str:
        return self.issuer.issue(APP, f"{resource}/")[0]


def put(claims: Claims, name: str, token: str, kind: str = "jwt") -> object:
    """Put a token, as the SDK does; return the status."""
    told = {"operation": "put-token", "type": kind, "name": name}
    sections = ((0x73, ["id"]), (0x74, told), (0x77, token))
    raw = b"".join(encode(Described(ULong(code), value)) for code, value in sections)
    answer = parse_message(claims.answer(raw))
    assert answer.properties["correlation_id"] == "id"
    return answer.application_properties["status-code"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A connection that has proved nothing."""
    return Desk(tmp_path)


@pytest.mark.parametrize(
    "path", ["run-events", "run-events/subscriptions/email", "run-events/$management", "Run-Events/$deadletterqueue"]
)
def test_token_opens_its_entity_and_what_stands_below(desk: Desk, path: str) -> None:
    """Names are the same in upper and lower case, as in Azure."""
    assert put(desk.claims, "sb://127.0.0.1/run-events", desk.token()) == 202
    desk.claims.require(path)


@pytest.mark.parametrize("path", ["other", "run-events-2", ""])
def test_token_opens_nothing_else(desk: Desk, path: str) -> None:
    """Not even what begins with the same letters."""
    put(desk.claims, "sb://127.0.0.1/run-events", desk.token())
    with pytest.raises(UnauthorizedError):
        desk.claims.require(path)


def test_token_for_the_namespace_opens_every_entity(desk: Desk) -> None:
    """Its name has no path."""
    put(desk.claims, "sb://127.0.0.1/", desk.token())
    desk.claims.require("run-events")


def test_wrong_tokens_are_answered_401_and_open_nothing(desk: Desk) -> None:
    """Of another audience, forged, empty; and keys, which are turned off."""
    for token in (desk.token(STORAGE), desk.token()[:-3] + "AAA", ""):
        assert put(desk.claims, "sb://127.0.0.1/run-events", token) == 401
    sas = "SharedAccessSignature sr=x&sig=y&se=1&skn=z"
    assert put(desk.claims, "sb://127.0.0.1/run-events", sas, "servicebus.windows.net:sastoken") == 401
    with pytest.raises(UnauthorizedError):
        desk.claims.require("run-events")


def test_open_broker_takes_any_token_and_asks_for_none() -> None:
    """The local Service Bus by key, as it always was."""
    claims = Claims(None)
    claims.require("run-events")
    assert put(claims, "sb://127.0.0.1/run-events", "anything", "servicebus.windows.net:sastoken") == 200
