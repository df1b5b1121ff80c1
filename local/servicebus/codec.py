"""AMQP 1.0 types to bytes and back (specification part 1), keeping the exact type of every value.

Plain Python values stand for the AMQP type they resemble most: `None`, `bool`, `int` (long), `float` (double),
`str` (string), `bytes` (binary), `list`, `dict` (map) and `uuid.UUID`. The narrower AMQP types have classes here.
"""

import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from local.servicebus.errors import DecodeError

Value = Any
"""An AMQP value: one of the Python types named above, or one of the classes below."""

# A hostile peer may nest values or claim items that take no bytes; both would exhaust this process.
MAX_DEPTH: Final = 32
MAX_EMPTY_ITEMS: Final = 256


class UByte(int):
    """Unsigned, 8 bits."""


class UShort(int):
    """Unsigned, 16 bits."""


class UInt(int):
    """Unsigned, 32 bits."""


class ULong(int):
    """Unsigned, 64 bits."""


class Byte(int):
    """Signed, 8 bits."""


class Short(int):
    """Signed, 16 bits."""


class Int(int):
    """Signed, 32 bits. A plain `int` is a long."""


class Timestamp(int):
    """Milliseconds since the Unix epoch."""


class Char(str):
    """One Unicode character."""

    __slots__ = ()


class Symbol(str):
    """ASCII text out of a constrained domain."""

    __slots__ = ()


class Float(float):
    """A 32-bit float. A plain `float` is a double."""


@dataclass(frozen=True, slots=True)
class Decimal:
    """A decimal of 32, 64 or 128 bits, kept as it came: the broker never counts with one."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that says what it means."""

    descriptor: Value
    value: Value


@dataclass(frozen=True, slots=True)
class Array:
    """Items of one type, given by its format code because an array may be empty. It is the widest code of the type."""

    code: int
    items: tuple[Value, ...]


# Format code → (struct format, Python type) of the values of fixed width.
_FIXED: Final[dict[int, tuple[struct.Struct, Callable[[Any], Value]]]] = {
    0x50: (struct.Struct(">B"), UByte),
    0x51: (struct.Struct(">b"), Byte),
    0x52: (struct.Struct(">B"), UInt),
    0x53: (struct.Struct(">B"), ULong),
    0x54: (struct.Struct(">b"), Int),
    0x55: (struct.Struct(">b"), int),
    0x56: (struct.Struct(">?"), bool),
    0x60: (struct.Struct(">H"), UShort),
    0x61: (struct.Struct(">h"), Short),
    0x70: (struct.Struct(">I"), UInt),
    0x71: (struct.Struct(">i"), Int),
    0x72: (struct.Struct(">f"), Float),
    0x74: (struct.Struct(">4s"), Decimal),
    0x80: (struct.Struct(">Q"), ULong),
    0x81: (struct.Struct(">q"), int),
    0x82: (struct.Struct(">d"), float),
    0x83: (struct.Struct(">q"), Timestamp),
    0x84: (struct.Struct(">8s"), Decimal),
    0x94: (struct.Struct(">16s"), Decimal),
    0x98: (struct.Struct(">16s"), lambda raw: uuid.UUID(bytes=raw)),
}
# Values that are their format code alone.
_CONSTANT: Final[dict[int, Callable[[], Value]]] = {
    0x40: lambda: None,
    0x41: lambda: True,
    0x42: lambda: False,
    0x43: lambda: UInt(0),
    0x44: lambda: ULong(0),
    0x45: list,
}
# Types have several codes, for values of different width; an array that was read uses the widest.
_WIDEST: Final = dict(
    zip(
        (0x41, 0x42, 0x43, 0x44, 0x45, 0x52, 0x53, 0x54, 0x55, 0xA0, 0xA1, 0xA3, 0xC0, 0xC1, 0xE0),
        (0x56, 0x56, 0x70, 0x80, 0xD0, 0x70, 0x80, 0x71, 0x81, 0xB0, 0xB1, 0xB3, 0xD0, 0xD1, 0xF0),
        strict=True,
    )
)
_CHAR: Final = 0x73
_SMALL_SIZE: Final = struct.Struct(">B")
_LARGE_SIZE: Final = struct.Struct(">I")


class Decoder:
    """Reads AMQP values from a buffer, one after the other."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position
        self._depth = 0

    @property
    def exhausted(self) -> bool:
        """Whether every byte was read."""
        return self.position >= len(self.data)

    def value(self) -> Value:
        """The next value.

        Raises
        ------
        DecodeError
            The bytes are no AMQP value, or end within one.
        """
        return self._of_code(self._take(1)[0])

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise DecodeError(f"{size} bytes expected at {self.position}, the value ends at {len(self.data)}")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def _unpack(self, layout: struct.Struct) -> Any:
        return layout.unpack(self._take(layout.size))[0]

    def _of_code(self, code: int) -> Value:
        if code in _FIXED:
            layout, kind = _FIXED[code]
            return kind(self._unpack(layout))
        if code in _CONSTANT:
            return _CONSTANT[code]()
        match code:
            case 0x00:
                return self._nested(self._described)
            case 0xA0 | 0xB0 | 0xA1 | 0xB1 | 0xA3 | 0xB3 | 0x73:
                return self._variable(code)
            case 0xC0 | 0xD0 | 0xC1 | 0xD1 | 0xE0 | 0xF0:
                return self._nested(lambda: self._compound(code))
            case _:
                raise DecodeError(f"format code 0x{code:02x} is unknown")

    def _nested(self, read: Callable[[], Value]) -> Value:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise DecodeError(f"values are nested deeper than {MAX_DEPTH}")
        value = read()
        self._depth -= 1
        return value

    def _described(self) -> Described:
        descriptor = self.value()
        return Described(descriptor, self.value())

    def _variable(self, code: int) -> Value:
        if code == _CHAR:
            return _text(self._take(4), "utf-32-be", Char)
        raw = self._take(self._unpack(_SMALL_SIZE if code < 0xB0 else _LARGE_SIZE))
        match code & 0x0F:
            case 0x0:
                return raw
            case 0x1:
                return _text(raw, "utf-8", str)
            case _:
                return _text(raw, "ascii", Symbol)

    def _compound(self, code: int) -> Value:
        layout = _SMALL_SIZE if code & 0xF0 in {0xC0, 0xE0} else _LARGE_SIZE
        size = self._unpack(layout)
        end = self.position + size
        if end > len(self.data):
            raise DecodeError(f"a compound value of {size} bytes goes beyond the end of its buffer")
        count = self._unpack(layout)
        value: Value
        match code & 0x0F:
            case 0x0 if code in {0xE0, 0xF0}:
                value = self._array(count)
            case 0x0:
                value = self._items(count)
            case _:
                value = self._map(count)
        if self.position != end:
            raise DecodeError("the size of a compound value does not match its items")
        return value

    def _items(self, count: int) -> list[Value]:
        # Every item takes a byte at least, so a larger count cannot be honest.
        if count > len(self.data) - self.position:
            raise DecodeError(f"{count} items cannot fit into the bytes that follow")
        return [self.value() for _ in range(count)]

    def _map(self, count: int) -> dict[Value, Value]:
        if count % 2:
            raise DecodeError("a map has a key without a value")
        items = self._items(count)
        try:
            return dict(zip(items[::2], items[1::2], strict=True))
        except TypeError as exc:
            raise DecodeError("a map has a key that is itself a list or a map") from exc

    def _array(self, count: int) -> Array:
        code = self._take(1)[0]
        descriptor = None
        if code == 0x00:
            descriptor = self.value()
            code = self._take(1)[0]
        limit = MAX_EMPTY_ITEMS if code in _CONSTANT else len(self.data) - self.position
        if count > limit:
            raise DecodeError(f"an array claims {count} items")
        items = [self._of_code(code) for _ in range(count)]
        if descriptor is not None:
            items = [Described(descriptor, item) for item in items]
        return Array(_WIDEST.get(code, code), tuple(items))


def _text(raw: bytes, encoding: str, kind: type[str]) -> str:
    try:
        return kind(raw.decode(encoding))
    except UnicodeDecodeError as exc:
        raise DecodeError(f"text is not valid {encoding}") from exc


def decode(data: bytes) -> Value:
    """The single value that `data` holds.

    Raises
    ------
    DecodeError
        The bytes are no AMQP value, or more than one.
    """
    decoder = Decoder(data)
    value = decoder.value()
    if not decoder.exhausted:
        raise DecodeError(f"{len(data) - decoder.position} bytes follow the value")
    return value
