"""Who may see and act: Entra ID's roles in Azure, this machine on a laptop, and no page of another origin anywhere."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import Refused
from dashboard.guard import ACTION_HEADER, Role, identify
from shared.settings import Settings
from tests.unit.builders import World
from tests.unit.dashboard.conftest import ACTS, Client, asking
from tests.unit.shared.test_settings import AZURE

SWEEP = "api/actions/sweep"
IN_AZURE = Settings.from_env({**AZURE, "DASHBOARD_SIGN_IN": "entra"})


def principal(*roles: str, kind: str = "aad", claim: str = "roles", **more: Any) -> dict[str, str]:
    """The header that App Service sets for somebody with these roles."""
    claims = [{"typ": claim, "val": role} for role in roles] + [{"typ": "name", "val": "Ada"}]
    document = {"auth_typ": kind, "name_typ": "name", "role_typ": "roles", "claims": claims, **more}
    return {"x-ms-client-principal": base64.b64encode(json.dumps(document).encode()).decode()}


def in_azure(**changes: str) -> Client:
    """A dashboard in Azure, behind Entra ID."""
    return asking(World(settings=Settings.from_env({**AZURE, "DASHBOARD_SIGN_IN": "entra", **changes})))


@pytest.mark.parametrize("path", ["", "runs", "api/now", "api/runs.csv", "static/v1/app.js", "api/nothing"])
def test_nobody_sees_anything_without_signing_in(path: str) -> None:
    """Not even the page's own files, in Azure."""
    assert in_azure().get(path).status_code == 401


def test_dashboard_is_shut_in_azure_until_sign_in_is_set_up() -> None:
    """A header is believed only where App Service stands before us; the answer says what to set."""
    settings = Settings.from_env(AZURE)
    answer = asking(World(settings=settings)).get("api/session", headers=principal(Role.OPERATOR))
    assert answer.status_code == 403
    assert "DASHBOARD_SIGN_IN" in answer.json()["error"]


def test_dashboard_is_shut_when_app_service_says_that_sign_in_is_off() -> None:
    """Whatever our own setting claims."""
    settings = Settings.from_env({**AZURE, "DASHBOARD_SIGN_IN": "entra", "WEBSITE_AUTH_ENABLED": "False"})
    answer = asking(World(settings=settings)).get("api/session", headers=principal(Role.OPERATOR))
    assert answer.status_code == 403


@pytest.mark.parametrize("claim", ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"])
def test_reader_may_look_and_operator_may_act(claim: str) -> None:
    """The role counts, under each name that App Service gives the claim."""
    client = in_azure()
    reader, operator = principal(Role.READER, claim=claim), principal(Role.OPERATOR, claim=claim)
    assert client.get("api/session", headers=reader).json()["may_act"] is False
    assert (
        client.get("api/session", headers=operator).json() | {"name": "Ada", "may_act": True}
        == client.get("api/session", headers=operator).json()
    )
    assert client.post(SWEEP, content="{}", headers={**ACTS, **reader}).status_code == 403
    assert client.post(SWEEP, content="{}", headers={**ACTS, **operator}).status_code == 200


@pytest.mark.parametrize("headers", [principal(), principal("Admin"), principal("dashboard.operate")])
def test_signed_in_without_a_role_sees_nothing(headers: dict[str, str]) -> None:
    """Being somebody of the tenant is not enough."""
    answer = in_azure().get("api/now", headers=headers)
    assert answer.status_code == 403
    assert "Dashboard.Read" in answer.json()["error"]


@pytest.mark.parametrize(
    "header",
    ["", "no base64!", base64.b64encode(b"{").decode(), base64.b64encode(b"[]").decode(), "A" * 100_000],
)
def test_sign_in_that_cannot_be_read_is_none(header: str) -> None:
    """A broken header opens nothing."""
    assert in_azure().get("api/now", headers={"x-ms-client-principal": header}).status_code == 401


def test_other_provider_is_not_trusted() -> None:
    """A role claim from elsewhere is not ours."""
    assert in_azure().get("api/now", headers=principal(Role.OPERATOR, kind="github")).status_code == 401


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32)), st.binary(max_size=300))
def test_no_header_but_a_principal_with_a_role_opens(text: str, binary: bytes) -> None:
    """Whatever stands in it, it is refused in order, and never crashes."""
    for header in (text, base64.b64encode(binary).decode()):
        with pytest.raises(Refused):
            identify(IN_AZURE, {"x-ms-client-principal": header})


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7071", "10.0.0.4", ""]
)
def test_laptop_answers_to_its_own_name_only(client: Client, host: str) -> None:
    """A page elsewhere can point its own name at this machine, and gets nothing."""
    assert client.get("api/session", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:7071", "127.0.0.1:7071", "[::1]:7071"])
def test_laptop_needs_no_sign_in(client: Client, host: str) -> None:
    """Whoever sits at it may act."""
    assert client.get("api/session", headers={"host": host}).json()["may_act"] is True


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_page_of_another_origin_cannot_act(client: Client, headers: dict[str, str]) -> None:
    """Even if it could send our header."""
    assert client.post(SWEEP, content="{}", headers={**ACTS, **headers}).status_code == 403


def test_action_needs_our_header_and_json(client: Client) -> None:
    """A form of another page can send neither without the browser asking us first."""
    json_only = {"Content-Type": "application/json"}
    assert client.post(SWEEP, content="{}", headers=json_only).status_code == 403
    text = {**ACTS, "Content-Type": "text/plain"}
    assert client.post(SWEEP, content="{}", headers=text).status_code == 415
    assert client.get(SWEEP, headers=ACTS).status_code == 405


def test_own_page_may_act(client: Client) -> None:
    """It sends what a browser sends for it."""
    own = {**ACTS, "Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"}
    assert client.post(SWEEP, content="{}", headers=own).status_code == 200


def test_own_page_behind_a_proxy_may_act(client: Client) -> None:
    """The browser says that it is our own page, though the proxy has given us another name."""
    own = {**ACTS, "Sec-Fetch-Site": "same-origin", "Origin": "https://operators.example"}
    assert client.post(SWEEP, content="{}", headers=own).status_code == 200


def test_read_only_changes_nothing_for_anyone() -> None:
    """The setting wins over every role."""
    client = in_azure(DASHBOARD_READ_ONLY="true")
    operator = principal(Role.OPERATOR)
    assert client.get("api/session", headers=operator).json()["may_act"] is False
    answer = client.post(SWEEP, content="{}", headers={**ACTS, **operator})
    assert answer.status_code == 403
    assert "DASHBOARD_READ_ONLY" in answer.json()["error"]


def test_action_header_is_what_the_page_sends() -> None:
    """The page's script and the guard agree."""
    from dashboard.assets import FOLDER

    assert ACTION_HEADER in (FOLDER / "api.js").read_text().lower()
