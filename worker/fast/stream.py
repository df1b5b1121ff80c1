"""Read: the file's text as bytes, forward only, with what was read ahead put back. Memory: a block."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from worker.read import PlainChunks, not_utf8


class Stream:
    """The text of a file, plain or inflated.

    Parameters
    ----------
    chunks
        The text, in pieces of any size (`worker.read.read_chunks`).
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._ahead: list[bytes] = []
        self.offset = 0
        """The byte of the text that `read` gives next."""

    def read(self, size: int) -> bytes:
        """Return at least `size` bytes, or all that is left; nothing only at the end."""
        parts: list[bytes] = []
        length = 0
        while length < size:
            part = self._ahead.pop() if self._ahead else next(self._chunks, None)
            if part is None:
                break
            parts.append(part)
            length += len(part)
        self.offset += length
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_into(self, buffer: memoryview, begin: int, end: int) -> int:
        """Fill a buffer from a place on, at least to `end` unless the text or the buffer ends; return how far."""
        offset = begin
        while offset < min(end, len(buffer)):
            size = self._read_some(buffer[offset:], end - offset)
            if not size:
                break
            offset += size
        return offset

    def _read_some(self, buffer: memoryview, size: int) -> int:
        """Fill a part of a buffer, of about so many bytes."""
        if not self._ahead and isinstance(self._chunks, PlainChunks):
            read = self._chunks.read_into(buffer[:size])
            if read is not None:
                self.offset += read
                return read
        part = self._ahead.pop() if self._ahead else next(self._chunks, b"")
        taken = min(len(part), len(buffer))
        buffer[:taken] = part[:taken]
        self.offset += len(part)
        self.put_back(part[taken:])
        return taken

    def put_back(self, data: bytes) -> None:
        """Give back what was read last, to be read again."""
        self.offset -= len(data)
        if data:
            self._ahead.append(data)

    def read_out(self, *, in_utf8: bool) -> None:
        """Read all that is left, for its faults.

        Parameters
        ----------
        in_utf8
            Whether to look for bytes that are not UTF-8, too.

        Raises
        ------
        Rejected
            `bad_gzip` or `too_large`, wherever it is; else `not_utf8`.
        """
        fault: int | None = None
        rest = b""
        while data := self.read(1):
            if in_utf8 and fault is None:
                begin = self.offset - len(data) - len(rest)
                rest, fault = _undecodable(rest + data, begin)
        if rest:
            fault = self.offset - len(rest)
        if fault is not None:
            raise not_utf8(fault)


def _undecodable(data: bytes, begin: int) -> tuple[bytes, int | None]:
    """The unfinished character at the end of the data, and the byte of the text at which it stops being UTF-8."""
    try:
        used = codecs.utf_8_decode(data, "strict", False)[1]  # noqa: FBT003 - takes no keyword
    except UnicodeDecodeError as problem:
        return b"", begin + problem.start
    return data[used:], None
