"""AMQP 1.0 values to bytes: the other half of `codec`."""

import struct
import uuid
from collections.abc import Callable
from typing import Any, Final

from local.servicebus.codec import (
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
    Value,
)

_SMALL_LIMIT: Final = 256


def encode(value: Value) -> bytes:
    """The bytes of a value.

    Raises
    ------
    TypeError
        The Python type stands for no AMQP type.
    struct.error, OverflowError
        A number is outside the range of its type.
    """
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise TypeError(f"{type(value).__name__} is no AMQP type")
    return encoder(value)


def encode_described_list(descriptor: int, fields: list[Value]) -> bytes:
    """A list with a numeric descriptor: the form of every frame body and of most message sections."""
    return b"\x00\x53" + bytes((descriptor,)) + _list(fields)


def _packed(code: int, layout: str) -> Callable[[Any], bytes]:
    packer = struct.Struct(">B" + layout)
    return lambda value: packer.pack(code, value)


def _variable(code: int, raw: bytes) -> bytes:
    if len(raw) < _SMALL_LIMIT:
        return bytes((code, len(raw))) + raw
    return struct.pack(">BI", code + 0x10, len(raw)) + raw


def _ulong(value: int) -> bytes:
    return bytes((0x53, value)) if 0 <= value < _SMALL_LIMIT else struct.pack(">BQ", 0x80, value)


def _compound(code: int, items: list[Value]) -> bytes:
    body = b"".join(map(encode, items))
    if len(body) + 1 < _SMALL_LIMIT and len(items) < _SMALL_LIMIT:
        return bytes((code, len(body) + 1, len(items))) + body
    return struct.pack(">BII", code + 0x10, len(body) + 4, len(items)) + body


def _list(items: list[Value]) -> bytes:
    return _compound(0xC0, items) if items else b"\x45"


def _map(pairs: dict[Value, Value]) -> bytes:
    return _compound(0xC1, [item for pair in pairs.items() for item in pair])


def _array(array: Array) -> bytes:
    constructor = bytes((array.code,))
    items = array.items
    if items and isinstance(items[0], Described):
        constructor = b"\x00" + encode(items[0].descriptor) + constructor
        items = tuple(item.value for item in items)
    body = constructor + b"".join(_array_item(array.code, item) for item in items)
    return struct.pack(">BII", 0xF0, len(body) + 4, len(items)) + body


def _array_item(code: int, item: Value) -> bytes:
    """An item without its constructor, in the widest form of its type."""
    if code in _ARRAY_NUMBERS:
        return _ARRAY_NUMBERS[code].pack(item)
    if code in _ARRAY_VARIABLES:
        raw = item if isinstance(item, bytes) else item.encode()
        return struct.pack(">I", len(raw)) + raw
    if code in _ARRAY_COMPOUNDS:
        items = [each for pair in item.items() for each in pair] if isinstance(item, dict) else item
        body = b"".join(map(encode, items))
        return struct.pack(">II", len(body) + 4, len(items)) + body
    return encode(item)[1:]


# Elsewhere these types are written in their shortest form; within an array all items have one width.
_ARRAY_NUMBERS: Final = {
    0x56: struct.Struct(">?"),
    0x70: struct.Struct(">I"),
    0x71: struct.Struct(">i"),
    0x80: struct.Struct(">Q"),
    0x81: struct.Struct(">q"),
}
_ARRAY_VARIABLES: Final = frozenset({0xB0, 0xB1, 0xB3})
_ARRAY_COMPOUNDS: Final = frozenset({0xD0, 0xD1})
_DECIMAL_CODES: Final = {4: 0x74, 8: 0x84, 16: 0x94}

_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UByte: _packed(0x50, "B"),
    UShort: _packed(0x60, "H"),
    UInt: _packed(0x70, "I"),
    ULong: _ulong,
    Byte: _packed(0x51, "b"),
    Short: _packed(0x61, "h"),
    Int: _packed(0x71, "i"),
    int: _packed(0x81, "q"),
    Float: _packed(0x72, "f"),
    float: _packed(0x82, "d"),
    Timestamp: _packed(0x83, "q"),
    Char: lambda value: b"\x73" + value.encode("utf-32-be"),
    Symbol: lambda value: _variable(0xA3, value.encode("ascii")),
    str: lambda value: _variable(0xA1, value.encode()),
    bytes: lambda value: _variable(0xA0, value),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    Decimal: lambda value: bytes((_DECIMAL_CODES[len(value.raw)],)) + value.raw,
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
    Array: _array,
    list: _list,
    dict: _map,
}
