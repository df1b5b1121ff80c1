"""A blob that is larger than any disk should hold: it looks so to whoever asks, and its bytes are made as they go."""

from __future__ import annotations

import re

from tests.faults.proxy import Exchange, HttpProxy

_RANGE = re.compile(rb"\r\n(?:x-ms-)?range: bytes=(\d+)-(\d+)", re.IGNORECASE)
_CONDITION = re.compile(rb"\r\nif-match: ([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"(?<=\r\n)content-length: \d+", re.IGNORECASE)
_FILLER = b"x" * 4 * 1024**2


class HugeBlob:
    """Stands before a small blob, whose ETag it keeps: it begins as that one does and goes on with the letter x.

    Parameters
    ----------
    begin
        The content of the small blob.
    size
        Bytes that it seems to have.
    """

    def __init__(self, begin: bytes, size: int) -> None:
        self._begin = begin
        self.size = size
        self.bytes_read = 0

    def stand_before(self, proxy: HttpProxy, name: str) -> None:
        """Answer all who read one version of the blob."""
        for method in ("HEAD", "GET"):
            proxy.lay(self._answer, name, "If-Match:", method=method, times=10**9)

    async def _answer(self, exchange: Exchange) -> None:
        asked = _RANGE.search(exchange.request.head)
        if asked is None:
            await exchange.reply(_LENGTH.sub(b"Content-Length: %d" % self.size, await exchange.forward()))
            return
        start, end = int(asked[1]), min(int(asked[2]) + 1, self.size)
        self.bytes_read += end - start
        etag = _CONDITION.search(exchange.request.head)
        await exchange.reply(self._head(start, end, etag[1] if etag else b""))
        known = self._begin[start:end]
        await exchange.reply(known + _FILLER[: end - start - len(known)])

    def _head(self, start: int, end: int, etag: bytes) -> bytes:
        fields = (
            b"Content-Length: %d" % (end - start),
            b"Content-Range: bytes %d-%d/%d" % (start, end - 1, self.size),
            b"Content-Type: application/json",
            b"ETag: " + etag,
            b"Last-Modified: Wed, 25 Nov 2026 00:00:00 GMT",
            b"x-ms-blob-type: BlockBlob",
        )
        return b"HTTP/1.1 206 Partial Content\r\n" + b"\r\n".join(fields) + b"\r\n\r\n"
