"""Calls functions: arguments, time-out, the log lines that Azure writes, and the wait for running calls at the end."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar

import azure.functions as func
import azurefunctions.extensions.base as sdk_bindings
from azure.functions import meta

from local.host.data import Metadata
from local.host.errors import FunctionFailed
from local.host.functions import Function, converter_of

log = logging.getLogger("host")
current_function: contextvars.ContextVar[str] = contextvars.ContextVar("current_function", default="")
"""The function that runs here, for the log."""


_OURS = ("local.host.", "asyncio.", "concurrent.futures.")
_T = TypeVar("_T")


def _as_it_is(result: Any) -> Any:
    return result


@dataclass(frozen=True, slots=True)
class Trace:
    """W3C trace context of an invocation."""

    trace_parent: str
    trace_state: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """Nothing more is known on a laptop."""
        return {}


@dataclass(frozen=True, slots=True)
class Retry:
    """No retry policy is in force."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: None = None


class InvocationContext(func.Context):
    """What a function sees as its `context`."""

    _local = threading.local()

    def __init__(self, function: Function, invocation_id: str, directory: str, traceparent: str) -> None:
        self._function = function
        self._invocation_id = invocation_id
        self._directory = directory
        self._trace = Trace(traceparent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")

    @property
    def invocation_id(self) -> str:
        """Id of this invocation."""
        return self._invocation_id

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._function.name

    @property
    def function_directory(self) -> str:
        """The app's folder."""
        return self._directory

    @property
    def trace_context(self) -> Any:
        """W3C trace context."""
        return self._trace

    @property
    def retry_context(self) -> Any:
        """Says that there is no retry policy."""
        return Retry()

    @property
    def thread_local_storage(self) -> Any:
        """Storage of the thread, for user code that starts threads."""
        return self._local


class Invoker:
    """Calls functions, and knows how many calls run.

    Parameters
    ----------
    directory
        The app's folder.
    threads
        How many functions without `async` run at a time.
    timeout
        After this long an invocation has failed. A thread cannot be ended: it runs on, unheard.
    """

    def __init__(self, directory: str, threads: int, timeout: timedelta) -> None:
        self._directory = directory
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._timeout = None if timeout == timedelta.max else timeout.total_seconds()
        self._running = 0

    async def invoke(
        self,
        function: Function,
        data: meta.Datum,
        metadata: Metadata,
        reason: str,
        traceparent: str = "",
        convert: Callable[[Any], _T] = _as_it_is,
    ) -> _T:
        """Call a function and return what it returns, converted; an error of the conversion is the function's.

        Raises
        ------
        FunctionFailed
            When the function raises or takes too long; that is logged here.
        """
        invocation_id = str(uuid.uuid4())
        context = InvocationContext(function, invocation_id, self._directory, traceparent)
        label = f"Functions.{function.name}"
        log.info("Executing '%s' (Reason='%s', Id=%s)", label, reason, invocation_id)
        started = time.monotonic()
        token = current_function.set(function.name)
        self._running += 1
        try:
            result = convert(await asyncio.wait_for(self._call(function, data, metadata, context), self._timeout))
        except Exception as problem:
            shown = (type(problem), problem, _from_user_code(problem.__traceback__))
            duration = _ms_since(started)
            log.error("Executed '%s' (Failed, Id=%s, Duration=%dms)", label, invocation_id, duration, exc_info=shown)
            raise FunctionFailed(invocation_id) from problem
        finally:
            self._running -= 1
            current_function.reset(token)
        log.info("Executed '%s' (Succeeded, Id=%s, Duration=%dms)", label, invocation_id, _ms_since(started))
        return result

    async def _call(self, function: Function, data: meta.Datum, metadata: Metadata, context: InvocationContext) -> Any:
        if inspect.iscoroutinefunction(function.call):
            return await function.call(**_arguments(function, data, metadata, context))

        def work() -> Any:
            return function.call(**_arguments(function, data, metadata, context))

        return await asyncio.get_running_loop().run_in_executor(self._pool, _in_context(work))

    @property
    def running(self) -> int:
        """How many calls run."""
        return self._running


def _arguments(function: Function, data: meta.Datum, metadata: Metadata, context: InvocationContext) -> dict[str, Any]:
    arguments = {function.parameter: _decode(function, data, metadata)}
    if function.takes_context:
        arguments["context"] = context
    return arguments


def _decode(function: Function, data: meta.Datum, metadata: Metadata) -> Any:
    if function.deferred:
        converter = sdk_bindings.get_binding_registry().get(function.kind)
        return converter.decode(data, trigger_metadata=metadata, pytype=function.annotation)
    return converter_of(function.kind).decode(data, trigger_metadata=metadata)


def _from_user_code(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this host, which tell the author of a function nothing."""
    rest = traceback
    while rest and rest.tb_frame.f_globals.get("__name__", "").startswith(_OURS):
        rest = rest.tb_next
    return rest or traceback


def _in_context(work: Callable[[], Any]) -> Callable[[], Any]:
    context = contextvars.copy_context()
    return lambda: context.run(work)


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
