"""Proxies that stand between us and a service, and do to the traffic what networks and overloaded services do.

An `HttpProxy` passes requests on as they are, byte by byte, unless a fault was laid for them. A `TcpProxy` knows
nothing of what it carries; it can lose its connections and be away.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import unquote_to_bytes

LOOPBACK = "127.0.0.1"
_LARGEST_HEAD = 1024 * 1024
_STEP = 0.01
_LONGEST_HOLD = 300.0
_BODILESS = (b" 204 ", b" 304 ")
T = TypeVar("T")


class _Proxy:
    """Listens on a port of its own, in a thread of its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.up()

    def up(self) -> None:
        """Listen, on the same port each time."""
        if self._server is None:
            self._do(self._listen())

    def drop(self) -> None:
        """Be away: the port is closed, and what was open is reset."""
        self._do(self._leave())

    def cut(self) -> None:
        """Reset every open connection; new ones are welcome."""
        self._do(self._reset_all())

    def close(self) -> None:
        """End for good."""
        self.drop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port, limit=_LARGEST_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._carry(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            _reset(writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class TcpProxy(_Proxy):
    """Carries bytes both ways."""

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self._target)
        self._open.add(there_writer)
        ways = [asyncio.ensure_future(_pump(reader, there_writer)), asyncio.ensure_future(_pump(there_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open.discard(there_writer)
            there_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while content := await reader.read(65_536):
        writer.write(content)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset, as a machine that goes away does."""
    with contextlib.suppress(OSError, AttributeError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        """GET, PUT …"""
        return self.head.split(b" ", 1)[0].decode()

    def speaks_of(self, text: str) -> bool:
        """Tell whether its head (the target without percent signs) or its body holds a text."""
        return text.encode() in unquote_to_bytes(self.head) or text.encode() in self.body


class Exchange:
    """One request and what can be done with it."""

    def __init__(
        self, request: Request, client: asyncio.StreamWriter, target: int, spare: Callable[[], None] = lambda: None
    ) -> None:
        self.request = request
        self._client = client
        self._target = target
        self.spare = spare
        """Keep the fault for the next request of its kind: this one was not what was meant."""

    async def forward(self) -> bytes:
        """Let the service have the request; return its whole answer."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self._target, limit=_LARGEST_HEAD)
        try:
            writer.write(self.request.head + self.request.body)
            await writer.drain()
            return await _read_answer(reader, self.request.method)
        finally:
            writer.close()

    async def forward_part(self, size: int) -> None:
        """Let the service have only so many bytes of the body."""
        _, writer = await asyncio.open_connection(LOOPBACK, self._target)
        writer.write(self.request.head + self.request.body[:size])
        await writer.drain()
        writer.close()

    async def reply(self, answer: bytes) -> None:
        """Answer the client."""
        self._client.write(answer)
        await self._client.drain()

    def reset(self) -> None:
        """Leave the client without an answer."""
        raise ConnectionResetError


Action = Callable[[Exchange], Awaitable[None]]


@dataclass(eq=False)
class Fault:
    """What is done to the next requests of a kind."""

    action: Action
    method: str
    about: tuple[str, ...]
    times: int
    met: int = 0

    def takes(self, request: Request) -> bool:
        """Tell whether this request is one of them, and count it."""
        wanted = self.met < self.times and self.method in ("", request.method)
        if not wanted or not all(request.speaks_of(text) for text in self.about):
            return False
        self.met += 1
        return True

    def spare(self) -> None:
        """Count the request that was taken as none of them."""
        self.met -= 1


class HttpProxy(_Proxy):
    """Carries HTTP; lays faults for the requests that are named."""

    def __init__(self, target: int) -> None:
        self.faults: list[Fault] = []
        super().__init__(target)

    def lay(self, action: Action, *about: str, method: str = "", times: int = 1) -> Fault:
        """Do this to the next `times` requests whose target or body holds all of `about`."""
        fault = Fault(action, method, about, times)
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Be an honest proxy again; what is held goes its way."""
        for fault in self.faults:
            if isinstance(fault.action, Hold):
                fault.action.let_go()
        self.faults.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await _read_request(reader)
            fault = next((fault for fault in list(self.faults) if fault.takes(request)), None)
            if fault:
                await fault.action(Exchange(request, writer, self._target, fault.spare))
            else:
                await _honestly(Exchange(request, writer, self._target))


async def _honestly(exchange: Exchange) -> None:
    await exchange.reply(await exchange.forward())


def answer(status: int, code: str = "ServerBusy", **headers: str) -> Action:
    """Refuse: the service never sees the request."""
    return lambda exchange: exchange.reply(_refusal(status, code, headers))


def accept_then_answer(status: int, code: str = "InternalError") -> Action:
    """Let the service do it, and tell the client that it failed."""

    async def act(exchange: Exchange) -> None:
        await exchange.forward()
        await exchange.reply(_refusal(status, code, {}))

    return act


async def accept_then_reset(exchange: Exchange) -> None:
    """Let the service do it; the answer is lost."""
    await exchange.forward()
    exchange.reset()


def reset_answer_after(size: int) -> Action:
    """Let the client have so many bytes of the answer."""

    async def act(exchange: Exchange) -> None:
        await exchange.reply((await exchange.forward())[:size])
        exchange.reset()

    return act


def reset_request_after(size: int) -> Action:
    """Let the service have so many bytes of the request's body."""

    async def act(exchange: Exchange) -> None:
        await exchange.forward_part(size)
        exchange.reset()

    return act


def delay(seconds: float) -> Action:
    """Be slow."""

    async def act(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await _honestly(exchange)

    return act


class Hold:
    """Keeps a request, or its answer, until told what to do with it: so the moment of a crash is chosen exactly.

    Parameters
    ----------
    accepted
        Keep the answer to a request that the service took. One that it refused (412: somebody else was quicker) goes
        its way, and its repetition is held.
    """

    def __init__(self, *, accepted: bool = False) -> None:
        self._accepted = accepted
        self._reached = threading.Event()
        self._decided = threading.Event()
        self._discard = False

    async def __call__(self, exchange: Exchange) -> None:
        """Hold this one."""
        answered = await exchange.forward() if self._accepted else b""
        if answered and not answered.split(b" ", 2)[1].startswith(b"2"):
            exchange.spare()
            await exchange.reply(answered)
            return
        self._reached.set()
        deadline = time.monotonic() + _LONGEST_HOLD
        while not self._decided.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(_STEP)
        if self._discard:
            exchange.reset()
        await exchange.reply(answered or await exchange.forward())

    def wait(self, seconds: float = 120) -> None:
        """Wait until one is held."""
        assert self._reached.wait(seconds), "no such request came"

    def let_go(self) -> None:
        """Let it go its way, and every later one of the fault."""
        self._decided.set()

    def discard(self) -> None:
        """Throw it away, as the network does when the sender is dead."""
        self._discard = True
        self._decided.set()


def _refusal(status: int, code: str, headers: dict[str, str]) -> bytes:
    """An answer that storage's, tables' and Batch's clients all understand: JSON, and the code as a header."""
    body = f'{{"odata.error": {{"code": "{code}", "message": {{"value": "x"}}}}, "code": "{code}"}}'
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": "application/json", "x-ms-error-code": code, "Content-Length": str(len(body)), **named}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Refused\r\n{lines}\r\n{body}".encode()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    return Request(head, await _read_body(reader, head))


async def _read_answer(reader: asyncio.StreamReader, method: str) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    bodiless = method == "HEAD" or any(status in head[:16] for status in _BODILESS)
    return head if bodiless else head + await _read_body(reader, head)


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """Read a body as it travels, with the frames of its chunks."""
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return b"".join([chunk async for chunk in _chunks(reader)])
    return await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def _chunks(reader: asyncio.StreamReader) -> Any:
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        yield line + await reader.readexactly(size + 2)
        if size == 0:
            return
