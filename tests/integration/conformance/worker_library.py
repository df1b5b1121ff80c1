"""Drives `function_app.py` through Microsoft's own worker library, as the Functions host does, in a process of its own.

Run by the test beside it: reads one JSON command a line on standard input, writes one JSON answer a line on standard
output. The library expects protobuf messages and is content with objects that have the same attributes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime

APP = sys.argv[1]


class Proto:
    """Stands for a protobuf message: what was not set is None."""

    oneof: tuple[str, ...] = ()

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "TypedData":
            raise AttributeError(name)
        return None

    def WhichOneof(self, _: str) -> str | None:
        return next((name for name in self.oneof if name in self.__dict__), None)


def kind(name: str, *oneof: str, **constants: Any) -> type[Proto]:
    """Make a message type."""
    return type(name, (Proto,), {"oneof": oneof, **constants})


PLAIN = (
    "WorkerInitResponse WorkerMetadata FunctionMetadataResponse FunctionLoadResponse InvocationResponse RpcException "
    "RpcFunctionMetadata RpcRetryOptions RpcHttp NullableString NullableBool NullableDouble NullableTimestamp"
)
DATA = ("string", "json", "bytes", "stream", "http", "int", "double", "model_binding_data")
PROTOS = SimpleNamespace(**{name: kind(name) for name in PLAIN.split()})
PROTOS.StatusResult = kind("StatusResult", Failure=0, Success=1)
PROTOS.BindingInfo = kind("BindingInfo", out=1, inout=2, undefined=0)
PROTOS.TypedData = kind("TypedData", *DATA)
PROTOS.ParameterBinding = kind("ParameterBinding", "data", "rpc_shared_memory")


class Host:
    """The side of the conversation that Azure's host has."""

    async def start(self) -> list[dict[str, Any]]:
        """Index and load every function; tells their names and bindings."""
        runtime.start_threadpool_executor()
        wanted = SimpleNamespace(capabilities={}, function_app_directory=APP)
        request = SimpleNamespace(
            request=SimpleNamespace(worker_init_request=wanted), properties={"host": "127.0.0.1", "protos": PROTOS}
        )
        check(await runtime.worker_init_request(request))
        listed = await runtime.functions_metadata_request(None)
        check(listed)
        self.functions = {found.name: found for found in listed.function_metadata_results or []}
        for found in self.functions.values():
            load = SimpleNamespace(function_load_request=SimpleNamespace(function_id=found.function_id))
            check(await runtime.function_load_request(SimpleNamespace(request=load)))
        return [{"name": name, "bindings": self.bindings(name)} for name in self.functions]

    def bindings(self, name: str) -> list[dict[str, Any]]:
        """The bindings of a function, as the host would read them."""
        return [json.loads(binding) for binding in self.functions[name].raw_bindings]

    async def invoke(self, name: str, data: Any, metadata: dict[str, Any]) -> Any:
        """Call a function as a trigger does; tells what it answered, when it serves HTTP."""
        trigger = next(b for b in self.bindings(name) if b["type"].lower().endswith("trigger"))
        invocation = SimpleNamespace(
            invocation_id=str(uuid.uuid4()),
            function_id=self.functions[name].function_id,
            input_data=[PROTOS.ParameterBinding(name=trigger["name"], data=data)],
            trigger_metadata=metadata,
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        request = SimpleNamespace(request=SimpleNamespace(invocation_request=invocation))
        response = await runtime.invocation_request(request)
        check(response)
        return answered(response)


def check(response: Any) -> None:
    """Raise what the library reports as failed."""
    if response.result.status != PROTOS.StatusResult.Success:
        raise RuntimeError(f"{response.result.exception.message}\n{response.result.exception.stack_trace}")


def typed(value: object) -> Any:
    """A value as the host sends it."""
    return PROTOS.TypedData(string=value) if isinstance(value, str) else PROTOS.TypedData(json=json.dumps(value))


def blob(container: str, name: str) -> tuple[Any, dict[str, Any]]:
    """A blob trigger's data: the reference, not the content."""
    content = json.dumps({"Connection": "STORAGE", "ContainerName": container, "BlobName": name}).encode()
    reference = SimpleNamespace(
        version="1.0", source="AzureStorageBlobs", content_type="application/json", content=content
    )
    return PROTOS.TypedData(model_binding_data=reference), {
        "BlobTrigger": typed(f"{container}/{name}"),
        "name": typed(name),
    }


def timer() -> tuple[Any, dict[str, Any]]:
    """A timer trigger's data."""
    return typed({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}), {}


def message(message_id: str, body: str, properties: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A Service Bus trigger's data."""
    metadata = {
        "MessageId": typed(message_id),
        "DeliveryCount": typed(1),
        "ApplicationProperties": typed(properties),
        "UserProperties": typed(properties),
        "LockToken": typed(str(uuid.uuid4())),
        "SequenceNumber": typed(1),
    }
    return PROTOS.TypedData(bytes=body.encode()), metadata


def http(method: str, url: str, headers: dict[str, str], body: str) -> tuple[Any, dict[str, Any]]:
    """An HTTP trigger's data."""
    content = PROTOS.TypedData(bytes=body.encode())
    request = PROTOS.RpcHttp(method=method, url=url, headers=headers, params={}, query={}, body=content)
    return PROTOS.TypedData(http=request), {}


def answered(response: Any) -> dict[str, Any] | None:
    """What an HTTP function answered; None of any other."""
    http = response.return_value.http if response.return_value else None
    if http is None:
        return None
    return {"status": int(http.status_code), "headers": dict(http.headers), "body": http.body.bytes.decode()}


async def main() -> None:
    """Answer commands until standard input ends."""
    host = Host()
    say(await host.start())
    makers: dict[str, Any] = {"blob": blob, "timer": timer, "message": message, "http": http}
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        try:
            answer = await host.invoke(command["function"], *makers[command["trigger"]](*command["arguments"]))
        except RuntimeError as problem:
            say({"error": str(problem)})
        else:
            say({"error": None, "answer": answer})


def say(answer: object) -> None:
    """Answer."""
    print("@" + json.dumps(answer), flush=True)


asyncio.run(main())
