"""Signatures, against the SDK's own policy."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.batch._patch import BatchSharedKeyAuthPolicy
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest

from local.batch.auth import check_authorization, check_token
from local.batch.config import ACCOUNT_KEY, ACCOUNT_NAME
from local.batch.errors import BatchError
from local.identity.directory import APP, BATCH, STORAGE
from local.identity.tokens import Issuer, TokenCheck

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
REQUESTS = [
    HttpRequest("GET", "http://h/jobs?api-version=1&$filter=state%20eq%20%27a%27&empty="),
    HttpRequest("POST", "http://h/jobs?api-version=1", json={"id": "x"}, headers={"If-Match": '"0x1"'}),
    HttpRequest("POST", "http://h/jobs/a/enable?api-version=1"),
    HttpRequest("GET", "http://h/jobs/a/tasks/b/files/wd%2Fa%20b", headers={"ocp-range": "bytes=0-9"}),
]


def _check(request: HttpRequest, key: str = ACCOUNT_KEY) -> None:
    url = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    check_authorization(ACCOUNT_NAME, key, method=request.method, path=url.path, query=url.query, headers=headers)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request.method} {request.url}")
def test_what_the_sdk_signs_is_let_in_with_the_right_key_only(request_: HttpRequest) -> None:
    """The signature is that of the SDK, and another key's is refused."""
    policy = BatchSharedKeyAuthPolicy(AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY))
    policy.on_request(PipelineRequest(request_, PipelineContext(None)))
    _check(request_)
    with pytest.raises(BatchError) as caught:
        _check(request_, "AAAA")
    assert (caught.value.status, caught.value.code) == (403, "AuthenticationFailed")


@pytest.mark.parametrize(
    ("value", "status"), [("", 401), ("Bearer ", 400), ("Basic eDp5", 400), ("SharedKey nonsense", 403)]
)
def test_other_credentials_are_refused(value: str, status: int) -> None:
    """Without credentials 401, with unreadable ones 400, with wrong ones 403; any bearer token passes."""
    with pytest.raises(BatchError) as caught:
        _check(HttpRequest("GET", "http://h/jobs", headers={"Authorization": value}))
    assert caught.value.status == status
    _check(HttpRequest("GET", "http://h/jobs", headers={"Authorization": "Bearer token"}))


def test_account_without_keys_takes_its_own_tokens_alone(tmp_path: Path) -> None:
    """Without credentials 401; a key, a forged token and one for another service 403."""
    issuer = Issuer(tmp_path / "private.pem")
    (tmp_path / "tokens.pem").write_bytes(issuer.public_key())
    tokens = TokenCheck(tmp_path / "tokens.pem", BATCH)
    check_token(tokens, {"authorization": f"Bearer {issuer.issue(APP, f'{BATCH}/')[0]}"})
    elsewhere, _ = issuer.issue(APP, STORAGE)
    for value, status in (("", 401), ("SharedKey a:b", 403), ("Bearer x", 403), (f"Bearer {elsewhere}", 403)):
        with pytest.raises(BatchError) as caught:
            check_token(tokens, {"authorization": value})
        assert (caught.value.status, caught.value.code) == (status, "AuthenticationFailed")
