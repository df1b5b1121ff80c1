"""Standard Webhooks signatures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.webhooks.signature import SignatureRefused, parse_secret, sign, verify
from shared.errors import SettingsError

SECRET = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID, STAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
THEN = datetime.fromtimestamp(int(STAMP), UTC)
EXPECTED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""Secret, message and signature of the specification's own test."""


def headers(signature: str = EXPECTED, stamp: str = STAMP) -> dict[str, str]:
    """Headers of a delivery."""
    return {"webhook-id": ID, "webhook-timestamp": stamp, "webhook-signature": signature}


def test_signature_of_the_specification_fits() -> None:
    """We compute what others compute."""
    assert sign(SECRET, ID, STAMP, BODY) == EXPECTED
    verify(SECRET, headers(), BODY, THEN)


def test_one_of_several_signatures_is_enough() -> None:
    """While a secret is being changed, a delivery is signed with both."""
    verify(SECRET, headers(f"v1,AAAA v1a,zzz {EXPECTED}"), BODY, THEN)


@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_other_signature_is_refused(signature: str) -> None:
    """Whatever bytes a header can hold."""
    with pytest.raises(SignatureRefused):
        verify(SECRET, headers(signature), BODY, THEN)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_old_or_early_delivery_is_refused(minutes: int) -> None:
    """Five minutes at most, against replays."""
    with pytest.raises(SignatureRefused, match="five minutes"):
        verify(SECRET, headers(), BODY, THEN + timedelta(minutes=minutes))


def test_changed_body_is_refused() -> None:
    """The signature covers it."""
    with pytest.raises(SignatureRefused):
        verify(SECRET, headers(), BODY + b" ", THEN)


@pytest.mark.parametrize("stamp", ["", "soon", "1e9", "9" * 400, "١٢"])
def test_bad_time_stamp_is_refused(stamp: str) -> None:
    """It is digits, and not too many."""
    with pytest.raises(SignatureRefused, match="webhook-timestamp"):
        verify(SECRET, headers(stamp=stamp), BODY, THEN)


@pytest.mark.parametrize("text", ["", "whsec_", "secret", "whsec_!!", base64.b64encode(b"x" * 24).decode()])
def test_other_secret_is_refused(text: str) -> None:
    """It is whsec_ and base64."""
    with pytest.raises(SettingsError):
        parse_secret(text)
