"""Bytes → text: gzip, sizes, UTF-8."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker import read
from worker.model import Rejected
from worker.read import read_text

LIMIT = 1 << 20


def rejection(content: bytes, limit: int = LIMIT) -> Rejected:
    """How the content is rejected."""
    with pytest.raises(Rejected) as caught:
        read_text(io.BytesIO(content), limit)
    return caught.value


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=50), min_size=1, max_size=4), st.integers(0, 9))
def test_gzip_of_any_number_of_members_reads_as_their_text(texts: list[str], level: int) -> None:
    """Members follow each other; the text is what they hold together."""
    content = b"".join(gzip.compress(text.encode(), level) for text in texts)
    assert read_text(io.BytesIO(content + gzip.compress(b"[]", mtime=0)), LIMIT) == "".join(texts) + "[]"


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_reading_does_not_depend_on_the_size_of_chunks(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members, headers and characters may be cut anywhere."""
    monkeypatch.setattr(read, "CHUNK", chunk)
    text = "[" + "é€😀 " * 500 + "]"
    content = gzip.compress(text.encode()) + gzip.compress(b"x" * 5000, mtime=0) + b"\0" * 20
    assert read_text(io.BytesIO(content), LIMIT) == text + "x" * 5000
    assert read_text(io.BytesIO(text.encode()), LIMIT) == text


def test_reading_begins_at_the_start_of_the_file() -> None:
    """Where the file was left by someone else does not matter."""
    source = io.BytesIO(b"[1]")
    source.read()
    assert read_text(source, LIMIT) == "[1]"


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"[1]" * 100, mtime=0)[:-1],
        gzip.compress(b"[1]" * 100, mtime=0)[:-9],
        gzip.compress(b"[1]" * 100, mtime=0)[:12],
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00garbage and more of it",
        gzip.compress(b"[1]", mtime=0) + b"garbage",
        gzip.compress(b"[1]", mtime=0) + b"\0\0x",
        gzip.compress(b"[1]", mtime=0) + b"\x1f",
        gzip.compress(b"[1]", mtime=0) + gzip.compress(b"[2]", mtime=0)[:-2],
    ],
)
def test_corrupt_gzip_is_refused(content: bytes) -> None:
    """Cut off, damaged, or with anything but zero bytes behind: nothing of it is taken."""
    assert rejection(content).code == "bad_gzip"


def test_each_flipped_bit_of_the_checksum_is_noticed() -> None:
    """The inflated bytes are what was compressed, or the file is refused."""
    content = gzip.compress(b"[1, 2, 3]", mtime=0)
    for place in range(len(content) - 8, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        assert rejection(bytes(damaged)).code == "bad_gzip"


def test_zero_bytes_after_a_member_are_padding() -> None:
    """Every gzip reader skips them; they come from tapes and block devices."""
    assert (
        read_text(io.BytesIO(gzip.compress(b"[1", mtime=0) + b"\0" * 512 + gzip.compress(b"]", mtime=0)), LIMIT)
        == "[1]"
    )


def test_text_may_be_as_large_as_the_limit_and_no_larger() -> None:
    """The limit counts the text, inflated or plain."""
    for content in (b"x" * LIMIT, gzip.compress(b"x" * LIMIT)):
        assert len(read_text(io.BytesIO(content), LIMIT)) == LIMIT
        assert rejection(content, LIMIT - 1).code == "too_large"


def test_gzip_bomb_is_refused_before_it_fills_the_memory() -> None:
    """A gigabyte of zeros in a megabyte stops at the limit."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b"\0" * LIMIT) for _ in range(64)) + packer.flush()
    assert rejection(bomb).code == "too_large"


@pytest.mark.parametrize(
    ("content", "offset"),
    [
        (b"[\xff]", 1),
        (b'{"a": "\xc3"}', 7),
        (b"[1]\xe2\x82", 3),
        (b"\xff\xfe[\x00]\x00", 0),
        (b'"\xed\xa0\x80"', 1),
        (b'"\xc0\xaf"', 1),
        (b"\xef\xbb\xbf[\x80]", 4),
        (gzip.compress(b"[1, \xff]", mtime=0), 4),
    ],
)
def test_wrong_utf8_is_refused_with_its_byte(content: bytes, offset: int) -> None:
    """Latin-1, UTF-16, encoded surrogates, overlong forms and cut characters; the offset is one of the text."""
    rejected = rejection(content)
    assert (rejected.code, rejected.offset) == ("not_utf8", offset)


@pytest.mark.parametrize("content", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n", gzip.compress(b"", mtime=0)])
def test_file_without_content_is_empty(content: bytes) -> None:
    """No bytes, only blanks, only a BOM, or gzip of nothing."""
    assert rejection(content).code == "empty_file"


def test_utf8_fault_goes_before_one_of_json() -> None:
    """The lower layer decides: the file is first text, then JSON."""
    assert rejection(b"[oops]" + b"\xff").code == "not_utf8"
