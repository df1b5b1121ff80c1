"""Signatures that any Standard Webhooks library can verify."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notification.signature import read_secrets, sign
from shared.errors import SettingsError
from tests.unit.pipeline.notification.samples import SECRET


def secret_of(length: int) -> str:
    """A secret of so many bytes."""
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


def test_the_published_vector_is_met() -> None:
    """Id, time, body and secret of the libraries' own tests give the signature that they expect."""
    signature = sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', read_secrets([SECRET]))
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(
    body=st.binary(max_size=300),
    timestamp=st.integers(0, 2**40),
    secrets=st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3),
)
def test_there_is_a_signature_for_each_secret(body: bytes, timestamp: int, secrets: list[bytes]) -> None:
    """Each secret's signature stands in the header, in order, and is the HMAC of id, time and body."""
    texts = ["whsec_" + base64.b64encode(secret).decode() for secret in secrets]
    parts = sign("id", timestamp, body, read_secrets(texts)).split(" ")
    for part, secret in zip(parts, secrets, strict=True):
        version, _, encoded = part.partition(",")
        mac = hmac.new(secret, digestmod=hashlib.sha256)
        for piece in (b"id.", str(timestamp).encode(), b".", body):
            mac.update(piece)
        assert (version, base64.b64decode(encoded)) == ("v1", mac.digest())


@pytest.mark.parametrize("length", [24, 64])
def test_secrets_of_24_to_64_bytes_are_taken(length: int) -> None:
    """Both ends of the allowed range are allowed."""
    assert read_secrets([secret_of(length)]) == (bytes(range(length)),)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "whsec_",
        secret_of(23),
        secret_of(65),
        SECRET.removeprefix("whsec_"),
        SECRET.upper(),
        SECRET[:-1],
        SECRET + "!",
        "whsec_" + "ü" * 32,
        SECRET.replace("K", "\n"),
    ],
)
def test_bad_secrets_are_named_but_not_shown(bad: str) -> None:
    """A bad secret is a settings error that tells its place and not its text."""
    with pytest.raises(SettingsError, match="number 2") as caught:
        read_secrets([SECRET, bad])
    assert len(bad) < 10 or bad[6:] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_secret_is_an_error() -> None:
    """A webhook without any secret is refused: calls are always signed."""
    with pytest.raises(SettingsError, match="WEBHOOK_SECRETS"):
        read_secrets([])
