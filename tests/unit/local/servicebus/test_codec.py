"""The AMQP types: every value survives the way to bytes and back, and no bytes do harm."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.codec import (
    MAX_DEPTH,
    Array,
    Byte,
    Char,
    Decimal,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
    decode,
)
from local.servicebus.encode import encode
from local.servicebus.errors import DecodeError


def _whole(kind: type[int], bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.integers(low, high).map(kind)


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_symbols = st.text(st.characters(max_codepoint=127), max_size=300).map(Symbol)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    _whole(UByte, 8, signed=False),
    _whole(UShort, 16, signed=False),
    _whole(UInt, 32, signed=False),
    _whole(ULong, 64, signed=False),
    _whole(Byte, 8, signed=True),
    _whole(Short, 16, signed=True),
    _whole(Int, 32, signed=True),
    _whole(int, 64, signed=True),
    _whole(Timestamp, 64, signed=True),
    st.floats(width=32, allow_nan=False).map(Float),
    st.floats(allow_nan=False),
    st.characters(exclude_categories=["Cs"]).map(Char),
    st.sampled_from((4, 8, 16)).flatmap(lambda size: st.binary(min_size=size, max_size=size)).map(Decimal),
    st.uuids(),
    st.binary(max_size=300),
    _text,
    _symbols,
)
_arrays = st.one_of(
    st.lists(_whole(ULong, 64, signed=False)).map(lambda items: Array(0x80, tuple(items))),
    st.lists(_whole(UInt, 32, signed=False)).map(lambda items: Array(0x70, tuple(items))),
    st.lists(_whole(int, 64, signed=True)).map(lambda items: Array(0x81, tuple(items))),
    st.lists(st.booleans()).map(lambda items: Array(0x56, tuple(items))),
    st.lists(st.uuids()).map(lambda items: Array(0x98, tuple(items))),
    st.lists(st.binary(max_size=300)).map(lambda items: Array(0xB0, tuple(items))),
    st.lists(_symbols).map(lambda items: Array(0xB3, tuple(items))),
    st.lists(st.lists(_scalars, max_size=3), max_size=3).map(lambda items: Array(0xD0, tuple(items))),
)
_values = st.recursive(
    st.one_of(_scalars, _arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.dictionaries(st.one_of(_text, st.uuids()), inner, max_size=6),
        st.builds(Described, _whole(ULong, 64, signed=False), inner),
    ),
    max_leaves=12,
)


def _types(value: Any) -> Any:
    match value:
        case list():
            return [_types(each) for each in value]
        case dict():
            return {key: (type(key), _types(each)) for key, each in value.items()}
        case Described():
            return ("described", _types(value.value))
        case Array():
            return [_types(each) for each in value.items]
        case _:
            return type(value)


@given(_values)
def test_value_comes_back_as_it_was_with_its_exact_type(value: Any) -> None:
    """A value that is encoded and decoded is equal and of the same AMQP type."""
    decoded = decode(encode(value))

    assert decoded == value
    assert _types(decoded) == _types(value)


@given(st.binary(max_size=200))
def test_random_bytes_give_a_value_or_a_decode_error(data: bytes) -> None:
    """Bytes from anywhere raise nothing but a decode error."""
    try:
        value = decode(data)
    except DecodeError:
        return
    assert encode(value)


@given(_values, st.data())
def test_damaged_value_gives_a_value_or_a_decode_error(value: Any, data: st.DataObject) -> None:
    """A valid encoding with one byte changed, or cut short, raises nothing but a decode error."""
    whole = bytearray(encode(value))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    for damaged in (bytes(whole), bytes(whole[:place])):
        try:
            decode(damaged)
        except DecodeError:
            continue


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("40", None),
        ("41", True),
        ("5601", True),
        ("43", 0),
        ("44", 0),
        ("45", []),
        ("52ff", 255),
        ("54ff", -1),
        ("55ff", -1),
        ("a103616263", "abc"),
        ("b10000000161", "a"),
        ("c103024142", {True: False}),
        ("c00402a10040", ["", None]),
        ("00532445", Described(ULong(0x24), [])),
        ("e00402530102", Array(0x80, (1, 2))),
        ("9800000000000000000000000000000001", uuid.UUID(int=1)),
    ],
)
def test_known_encodings(data: str, value: Any) -> None:
    """The compact forms of the specification decode to their values."""
    assert decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x3f",
        b"\xa1\x05abc",
        b"\xa1\x01\xff",
        b"\xa3\x01\xff",
        b"\x40\x40",
        b"\xc1\x02\x01\x40",
        b"\xc1\x04\x02\x45\x40\x40",
        b"\xc0\x09\x01\x40",
        b"\xc0\x03\x01\x40\x40",
        b"\xd0\x00\x00\x00\x04\xff\xff\xff\xff",
        b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40",
        b"\x73\x00\x00\xd8\x00",
    ],
)
def test_malformed_value_is_a_decode_error(data: bytes) -> None:
    """What breaks the rules of the encoding is refused."""
    with pytest.raises(DecodeError):
        decode(data)


def test_deep_nesting_is_a_decode_error() -> None:
    """A value nested beyond the limit is refused before it can exhaust the stack."""
    value: Any = None
    for _ in range(MAX_DEPTH + 1):
        value = [value]

    with pytest.raises(DecodeError):
        decode(encode(value))


def test_type_without_amqp_form_is_refused() -> None:
    """A Python type that stands for no AMQP type cannot be encoded."""
    with pytest.raises(TypeError):
        encode({1, 2})
