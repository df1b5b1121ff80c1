"""The webhook notification: posts the event, signed, to an address that has been vetted."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import httpx

from pipeline.notification.backoff import parse_retry_after
from pipeline.notification.delivery import Delivery
from pipeline.notification.signature import read_secrets, sign
from pipeline.notification.target import Resolve, read_url, resolve, vetted_addresses
from shared.clock import Clock, utcnow
from shared.errors import DeliveryFailed, EndpointGone
from shared.events import CONTENT_TYPE
from shared.settings import Settings
from shared.webhooks import DEFAULT, WebhookEndpoint

SECONDS = 20.0
"""For a whole call, connecting and the answer's body included (15–30 s: Standard Webhooks 1.0)."""
CONNECT_SECONDS = 5.0
MOST_READ = 64 * 1024
"""Bytes of an answer's body that are read before the connection is closed."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: str | None


class WebhookSender:
    """Posts events to one webhook; a `Caller` as `hook.Hook` wants it.

    Parameters
    ----------
    secrets
        Each as ``whsec_…``; the call carries one signature a secret.
    allow_private
        True on a laptop only: http and private addresses are then allowed.
    look_up
        Resolves the host, once a call.
    tls
        Trust for https; certifi's authorities when None. Nothing is taken from the environment, no proxy either.
    seconds
        Limit of a whole call.
    names
        What an error calls address and secrets.

    Raises
    ------
    SettingsError
        When address or secrets cannot be used.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        allow_private: bool = False,
        clock: Clock = utcnow,
        look_up: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
        names: tuple[str, str] = ("WEBHOOK_URL", "WEBHOOK_SECRETS"),
    ) -> None:
        self._url = read_url(url, https_only=not allow_private, name=names[0])
        self._secrets = read_secrets(secrets, names[1])
        self._allow_private = allow_private
        self._clock = clock
        self._look_up = look_up
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._seconds = seconds

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, settings: Settings) -> Self:
        """Make the sender of an endpoint that the settings name."""
        name = "WEBHOOK_URL" if endpoint.name == DEFAULT else f"The url of {endpoint.name} in WEBHOOKS"
        names = (name, endpoint.secrets_setting)
        return cls(endpoint.url, endpoint.secrets, allow_private=settings.on_laptop, names=names)

    def post(self, delivery: Delivery) -> int:
        """Post one event; any 2xx means delivered. Blocks, so call it from a thread without an event loop.

        Returns
        -------
        int
            The status of the answer.

        Raises
        ------
        DeliveryFailed
            For any other answer, a redirect included, and when there is none in time.
        EndpointGone
            For 410.
        DeliveryRefused
            For a host that is not public.
        """
        addresses = vetted_addresses(self._url, self._look_up, allow_private=self._allow_private)
        try:
            answer = asyncio.run(self._call(addresses, self._headers(delivery), delivery.body))
        except (TimeoutError, httpx.TimeoutException) as problem:
            raise DeliveryFailed("The webhook did not answer in time.") from problem
        except httpx.HTTPError as problem:
            raise DeliveryFailed(f"The webhook cannot be reached ({type(problem).__name__}).") from problem
        self._judge(answer)
        return answer.status

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        timestamp = int(self._clock().timestamp())
        return {
            "host": self._url.netloc.decode("ascii"),
            "content-type": CONTENT_TYPE,
            "user-agent": "batchjson",
            "accept": "*/*",
            "accept-encoding": "identity",
            "webhook-id": delivery.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(delivery.event_id, timestamp, delivery.body, self._secrets),
        }

    async def _call(self, addresses: Sequence[str], headers: dict[str, str], body: bytes) -> _Answer:
        """Try the addresses in turn until one takes the connection: a host may have one that we cannot reach."""
        timeout = httpx.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
        async with (
            asyncio.timeout(self._seconds),
            httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=timeout) as client,
        ):
            for address in addresses[:-1]:
                try:
                    return await self._post(client, address, headers, body)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    continue
            return await self._post(client, addresses[-1], headers, body)

    async def _post(self, client: httpx.AsyncClient, address: str, headers: dict[str, str], body: bytes) -> _Answer:
        """Post to that very address; the certificate is still held against the host's name."""
        url = self._url.copy_with(host=address)
        name = {"sni_hostname": self._url.raw_host.decode("ascii")}
        async with client.stream("POST", url, headers=headers, content=body, extensions=name) as response:
            read = 0
            async for chunk in response.aiter_raw(MOST_READ):
                read += len(chunk)
                if read >= MOST_READ:
                    break
            return _Answer(response.status_code, response.headers.get("retry-after"))

    def _judge(self, answer: _Answer) -> None:
        if 200 <= answer.status < 300:
            return
        if answer.status == httpx.codes.GONE:
            raise EndpointGone(status=answer.status)
        retry_after = parse_retry_after(answer.retry_after, self._clock())
        raise DeliveryFailed(f"The webhook answered {answer.status}.", retry_after, answer.status)
