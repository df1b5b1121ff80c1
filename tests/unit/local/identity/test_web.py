"""The endpoints that hand out tokens, asked as the SDK asks them, and wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from local.identity.directory import APP, BATCH, POOL, STORAGE
from local.identity.tokens import Issuer, TokenCheck
from local.identity.web import IdentityWeb

HEADER = "the-header"
APP_QUERY = {"api-version": "2019-08-01", "resource": STORAGE, "client_id": APP.client_id}
NODE_QUERY = {"api-version": "2018-02-01", "resource": STORAGE, "client_id": POOL.client_id}


class Endpoint:
    """The application, without a network."""

    def __init__(self, folder: Path) -> None:
        issuer = Issuer(folder / "private.pem")
        (folder / "tokens.pem").write_bytes(issuer.public_key())
        self.check = TokenCheck(folder / "tokens.pem", STORAGE)
        self._transport = httpx.ASGITransport(IdentityWeb(issuer, HEADER).app())

    async def get(self, path: str, query: dict[str, str], headers: dict[str, str], host: str = "127.0.0.1") -> Any:
        """Ask."""
        async with httpx.AsyncClient(transport=self._transport, base_url=f"http://{host}") as client:
            return await client.get(path, params=query, headers=headers)


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    """An endpoint with a key of its own."""
    return Endpoint(tmp_path)


def ask(endpoint: Endpoint, path: str, query: dict[str, str], headers: dict[str, str], host: str = "127.0.0.1") -> Any:
    """Ask once."""
    import asyncio

    return asyncio.run(endpoint.get(path, query, headers, host))


def test_app_with_the_header_gets_a_token(endpoint: Endpoint) -> None:
    """In the form of App Service: the end as text, in seconds of the epoch."""
    answer = ask(endpoint, "/msi/token", APP_QUERY, {"X-IDENTITY-HEADER": HEADER})
    assert answer.status_code == 200
    body = answer.json()
    endpoint.check.check(body["access_token"])
    assert body["expires_on"].isdigit()
    assert (body["token_type"], body["resource"], body["client_id"]) == ("Bearer", STORAGE, APP.client_id)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("headers", [{}, {"X-IDENTITY-HEADER": "wrong"}, {"Metadata": "true"}])
def test_app_without_the_header_gets_none(endpoint: Endpoint, headers: dict[str, str]) -> None:
    """Who can make an app send a request cannot make it fetch a token."""
    answer = ask(endpoint, "/msi/token", APP_QUERY, headers)
    assert answer.status_code == 401
    assert "access_token" not in answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": ""},
        {"client_id": POOL.client_id},
        {"resource": "https://vault.azure.net"},
        {"resource": ""},
        {"api-version": "2017-09-01"},
    ],
)
def test_app_is_told_what_is_wrong(endpoint: Endpoint, changed: dict[str, str]) -> None:
    """An identity that is not the app's, no identity, no such service, an old version."""
    answer = ask(endpoint, "/msi/token", APP_QUERY | changed, {"X-IDENTITY-HEADER": HEADER})
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_node_gets_its_pool_s_tokens_alone(endpoint: Endpoint) -> None:
    """A worker cannot become the app."""
    path, headers = "/metadata/identity/oauth2/token", {"Metadata": "true"}
    given = ask(endpoint, path, NODE_QUERY, headers)
    endpoint.check.check(given.json()["access_token"])
    by_resource_id = {**NODE_QUERY, "client_id": "", "msi_res_id": POOL.resource_id}
    assert ask(endpoint, path, by_resource_id, headers).status_code == 200
    for changed in ({"client_id": APP.client_id}, {"client_id": ""}, {"resource": f"{BATCH}.invalid"}):
        assert ask(endpoint, path, NODE_QUERY | changed, headers).status_code == 400
    assert ask(endpoint, path, NODE_QUERY, {}).status_code == 400, "the header is missing"


def test_other_host_names_are_refused(endpoint: Endpoint) -> None:
    """A page elsewhere cannot rebind its name to this machine and fetch tokens."""
    answer = ask(endpoint, "/metadata/identity/oauth2/token", NODE_QUERY, {"Metadata": "true"}, host="evil.invalid")
    assert answer.status_code == 400
    assert "access_token" not in answer.text
