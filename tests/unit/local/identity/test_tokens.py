"""Tokens: what passes, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from local.identity.directory import APP, BATCH, OPERATOR, POOL, SERVICE_BUS, audience_of, find
from local.identity.tokens import LIFETIME, Issuer, TokenCheck
from shared.clock import utcnow
from shared.errors import AccessDenied


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """An issuer, whose public key lies in tokens.pem."""
    issuer = Issuer(tmp_path / "state" / "private.pem")
    (tmp_path / "tokens.pem").write_bytes(issuer.public_key())
    return issuer


@pytest.mark.parametrize("slash", ["", "/"])
def test_token_passes_at_the_service_it_is_for_alone(issuer: Issuer, tmp_path: Path, slash: str) -> None:
    """Some SDKs write a slash behind the audience."""
    token, _ = issuer.issue(APP, BATCH + slash)
    TokenCheck(tmp_path / "tokens.pem", BATCH).check(token)
    with pytest.raises(AccessDenied, match="Audience"):
        TokenCheck(tmp_path / "tokens.pem", SERVICE_BUS).check(token)


def test_token_says_who_it_is_for(issuer: Issuer) -> None:
    """Services read the object id, Azurite the times and the issuer."""
    token, ends = issuer.issue(POOL, BATCH)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["oid"], claims["appid"], claims["xms_mirid"]) == (
        POOL.principal_id,
        POOL.client_id,
        POOL.resource_id,
    )
    assert claims["iss"].startswith("https://sts.windows.net/")
    assert claims["exp"] == ends


@pytest.mark.parametrize("age", [LIFETIME + timedelta(minutes=1), -timedelta(minutes=1)], ids=["ended", "not yet"])
def test_token_is_refused_outside_its_time(tmp_path: Path, age: timedelta) -> None:
    """Both after its end and before its beginning."""
    issuer = Issuer(tmp_path / "private.pem", clock=lambda: utcnow() - age)
    (tmp_path / "tokens.pem").write_bytes(issuer.public_key())
    with pytest.raises(AccessDenied):
        TokenCheck(tmp_path / "tokens.pem", BATCH).check(issuer.issue(APP, BATCH)[0])


def test_forged_token_is_refused_and_not_repeated(issuer: Issuer, tmp_path: Path) -> None:
    """Another key, no key, another issuer, or no token at all."""
    check = TokenCheck(tmp_path / "tokens.pem", BATCH)
    good, _ = issuer.issue(APP, BATCH)
    claims = jwt.decode(good, options={"verify_signature": False})
    other, _ = Issuer(tmp_path / "other.pem").issue(APP, BATCH)
    for token in (other, jwt.encode(claims, "", algorithm="none"), good[:-4] + "AAAA", "", "nonsense"):
        with pytest.raises(AccessDenied) as refused:
            check.check(token)
        assert not token or token not in str(refused.value)


def test_private_key_is_for_its_owner_and_survives_a_restart(issuer: Issuer, tmp_path: Path) -> None:
    """Services that were told the public key go on working with tokens of the next start."""
    assert (tmp_path / "state" / "private.pem").stat().st_mode & 0o777 == 0o600
    token, _ = Issuer(tmp_path / "state" / "private.pem").issue(APP, BATCH)
    TokenCheck(tmp_path / "tokens.pem", BATCH).check(token)


def test_identity_must_be_named() -> None:
    """By either id, of those that the asker has; without any there is none, as for an app in Azure."""
    assert find((APP, OPERATOR), OPERATOR.client_id.upper(), "") is OPERATOR
    assert find((APP,), "", APP.resource_id) is APP
    assert find((APP,), POOL.client_id, "") is None
    assert find((APP,), "", "") is None


def test_tokens_are_for_the_services_of_the_local_cloud() -> None:
    """A misspelt resource shows here as it would in Azure."""
    assert audience_of("https://batch.core.windows.net/") == BATCH
    assert audience_of("https://management.azure.com/") is None


def test_times_are_aware(issuer: Issuer) -> None:
    """The end that is told is the end in the token, a day from now."""
    _, ends = issuer.issue(APP, BATCH)
    left = datetime.fromtimestamp(ends, UTC) - utcnow()
    assert timedelta(hours=23) < left <= LIFETIME
