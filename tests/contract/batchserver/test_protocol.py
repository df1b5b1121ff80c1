"""What holds for every operation: authorization, headers, error bodies, and operations that are not there."""

from __future__ import annotations

import httpx
import pytest
from azure.batch import BatchClient
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError

from local.batch.config import ACCOUNT_KEY
from tests.contract.batchserver.harness import Server, client_of, contract, new_job, refusal

pytestmark = contract
ASKED = {"api-version": "2025-06-01"}
BEARER = {"Authorization": "Bearer any"}


def test_request_without_credentials_is_unauthorized(server: Server) -> None:
    """No Authorization header is 401; a kind that Batch does not know is 400."""
    answer = httpx.get(f"{server.url}/jobs", params=ASKED)
    assert (answer.status_code, answer.json()["code"]) == (401, "AuthenticationFailed")
    answer = httpx.get(f"{server.url}/jobs", params=ASKED, headers={"Authorization": "Basic eDp5"})
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidAuthenticationInfo")


def test_wrong_key_is_forbidden(server: Server) -> None:
    """A signature by another key is 403."""
    wrong = ACCOUNT_KEY[:-4] + "AA=="
    with client_of(server.url, wrong) as client:
        assert refusal(lambda: client.get_job("x")) == (403, "AuthenticationFailed")


def test_every_answer_has_a_request_id(server: Server) -> None:
    """request-id is new each time; client-request-id comes back when that is asked for."""
    headers = {**BEARER, "client-request-id": "mine-1", "return-client-request-id": "true"}
    first = httpx.get(f"{server.url}/jobs", params=ASKED, headers=headers)
    second = httpx.get(f"{server.url}/jobs", params=ASKED, headers=BEARER)
    assert first.headers["request-id"] != second.headers["request-id"]
    assert first.headers["client-request-id"] == "mine-1"
    assert "client-request-id" not in second.headers


def test_error_body_has_azures_form(client: BatchClient) -> None:
    """Code, message with request id, and values are where clients look for them."""
    with pytest.raises(HttpResponseError) as caught:
        list(client.list_jobs(filter="nonsense"))
    body = caught.value.response.json()  # type: ignore[union-attr]
    assert set(body) == {"odata.metadata", "code", "message", "values"}
    assert "RequestId:" in body["message"]["value"]
    assert {value["key"] for value in body["values"]} == {"QueryParameterName", "QueryParameterValue", "Reason"}


def test_operation_that_is_not_there_is_named(client: BatchClient, server: Server) -> None:
    """An operation of Azure that the local Batch does not have is 501, and says which."""
    with pytest.raises(HttpResponseError) as caught:
        list(client.list_job_schedules())
    assert caught.value.status_code == 501
    assert "GET /jobschedules" in str(caught.value.message)
    answer = httpx.patch(f"{server.url}/jobs", headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (501, "NotImplemented")


def test_body_that_cannot_be_read_is_refused(server: Server) -> None:
    """What is not JSON, lacks something or has too much is 400, each with its code."""
    cases = {
        b"{": "InvalidRequestBody",
        b'{"id": "x"}': "MissingRequiredProperty",
        b'{"id": 3, "poolInfo": {"poolId": "wide"}}': "InvalidRequestBody",
        b'{"id": "x", "poolInfo": {"poolId": "wide"}, "colour": "red"}': "InvalidRequestBody",
    }
    for body, code in cases.items():
        answer = httpx.post(f"{server.url}/jobs", params=ASKED, headers=BEARER, content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_unchanged_job_is_not_sent_again(client: BatchClient) -> None:
    """If-None-Match with the present entity tag is 304 for a read."""
    job = new_job(client)
    etag = client.get_job(job).etag
    with pytest.raises(HttpResponseError) as caught:
        client.get_job(job, etag=etag, match_condition=MatchConditions.IfModified)
    assert caught.value.status_code == 304
