"""Bytes → text: gzip told by content, sizes bounded, UTF-8 checked. The lowest layer: its faults come first."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, Protocol, Self, runtime_checkable

from worker.model import Rejected

CHUNK = 1 << 20
"""Bytes read, and at most inflated, at a time: a bomb is noticed before it fills the memory."""
GZIP = b"\x1f\x8b"
_GZIP_WBITS = 31
_BLANK = " \t\r\n"
_BOM = "\ufeff"


class Source(Protocol):
    """A file that is read forward."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end."""


@runtime_checkable
class DirectSource(Protocol):
    """A file that can be read into memory that is there."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer, or a part of it; return how many bytes: none only at the end."""


def read_text(source: BinaryIO, max_bytes: int) -> str:
    """Read a whole input file, from its start, as text. A BOM stays, so that offsets are those of the file.

    Parameters
    ----------
    source
        The file, seekable; plain or gzip.
    max_bytes
        How large the text may be, inflated or not.

    Raises
    ------
    Rejected
        `bad_gzip`, `too_large`, `not_utf8` or `empty_file` (no more than blanks and a BOM).
    """
    source.seek(0)
    text = _decode(b"".join(read_chunks(source, max_bytes)))
    if not text.removeprefix(_BOM).strip(_BLANK):
        raise empty_file()
    return text


def read_chunks(source: Source, max_bytes: int) -> Iterator[bytes]:
    """Yield the file's text in chunks of about `CHUNK` bytes, inflated when it begins as gzip does (RFC 1952).

    Parameters
    ----------
    source
        The file, at its start; it is read forward only.
    max_bytes
        How large the text may be, inflated or not.

    Raises
    ------
    Rejected
        `bad_gzip` or `too_large`.
    """
    first = source.read(max(CHUNK, len(GZIP)))
    if first.startswith(GZIP):
        return _bounded(_inflate(chain([first], iter(lambda: source.read(CHUNK), b""))), max_bytes)
    return PlainChunks(first, source, max_bytes)


class PlainChunks:
    """The chunks of a file that is not compressed; most of it can be read straight into memory that is there.

    Parameters
    ----------
    first
        What has been read of it already.
    """

    def __init__(self, first: bytes, source: Source, max_bytes: int) -> None:
        self._first = first
        self._source = source
        self._max_bytes = max_bytes
        self._size = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        chunk, self._first = self._first or self._source.read(CHUNK), b""
        if not chunk:
            raise StopIteration
        self._count(len(chunk))
        return chunk

    def read_into(self, buffer: memoryview) -> int | None:
        """Fill a buffer, or a part of it.

        Returns
        -------
        int | None
            How many bytes were read, none only at the end; None when the next chunk has to be taken instead.

        Raises
        ------
        Rejected
            `too_large`.
        """
        if self._first or not isinstance(self._source, DirectSource):
            return None
        size = self._source.readinto(buffer)
        self._count(size)
        return size

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > self._max_bytes:
            raise _too_large(self._max_bytes)


def _inflate(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflate every member. Zero bytes may follow a member, as every gzip reader allows (tape blocks); nothing else."""
    member = zlib.decompressobj(_GZIP_WBITS)
    begun = False
    for chunk in chunks:
        data = chunk
        while data:
            if not begun:
                data = data.lstrip(b"\0")
                begun = bool(data)
                continue
            yield _decompress(member, data)
            data = member.unused_data if member.eof else member.unconsumed_tail
            if member.eof:
                member, begun = zlib.decompressobj(_GZIP_WBITS), False
    while begun and not member.eof:
        rest = _decompress(member, member.unconsumed_tail)
        if not rest and not member.eof:
            raise Rejected("bad_gzip", "The gzip file ends too early: was the upload cut off?")
        yield rest


def _decompress(member: zlib._Decompress, data: bytes) -> bytes:
    try:
        return member.decompress(data, CHUNK)
    except zlib.error as problem:
        message = "The gzip file is corrupt. Compress it again, and upload it as a whole."
        raise Rejected("bad_gzip", message) from problem


def _bounded(chunks: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> Rejected:
    return Rejected("too_large", f"The file's text is larger than {max_bytes} bytes. Split it into smaller files.")


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        raise not_utf8(problem.start) from problem


def not_utf8(offset: int) -> Rejected:
    """The rejection of a file that is not UTF-8 from a byte on."""
    return Rejected(
        "not_utf8", f"The file is not UTF-8: byte {offset} begins no valid character. Save it as UTF-8.", offset
    )


def empty_file() -> Rejected:
    """The rejection of a file without any text."""
    return Rejected("empty_file", "The file is empty.")
