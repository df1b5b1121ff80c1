"""One function for each way in; each appends what it got, as a line of JSON, to the file that RECORD names."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
from azure.functions.blob import InputStream

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
_writing = threading.Lock()


def record(function: str, **what: Any) -> None:
    """Append a line."""
    with _writing, Path(os.environ["RECORD"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"function": function, **what}) + "\n")


@app.blob_trigger(arg_name="stream", path="%INPUT%/{name}", connection="STORAGE", source=func.BlobSource.EVENT_GRID)
def on_stream(stream: InputStream) -> None:
    """Take content, and metadata."""
    body = stream.read().decode()
    record("on_stream", name=stream.name, body=body, length=stream.length, uri=stream.uri, metadata=stream.metadata)


@app.blob_trigger(arg_name="client", path="%INPUT%/{name}.json", connection="STORAGE")
def on_client(client: blob.BlobClient) -> None:
    """Take a client; only names that end in .json."""
    properties = client.get_blob_properties()
    record("on_client", name=client.blob_name, size=properties.size)
    logging.getLogger(__name__).info("blob.seen", extra={"size": properties.size})


@app.blob_trigger(arg_name="stream", path="%INPUT%/{name}.bad", connection="STORAGE")
def on_bad(stream: func.InputStream) -> None:
    """Fail, always."""
    record("on_bad", name=stream.name)
    raise ValueError("bad blob")


@app.timer_trigger(arg_name="timer", schedule="%TICK%", run_on_startup=False)
def on_tick(timer: func.TimerRequest) -> None:
    """Record a tick."""
    record("on_tick", past_due=timer.past_due)


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
async def on_start(timer: func.TimerRequest, context: func.Context) -> None:
    """Record the start."""
    record("on_start", function_name=context.function_name, trace=context.trace_context.trace_parent)


@app.route(route="echo/{word}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer what was asked."""
    answer = {
        "word": req.route_params["word"],
        "query": dict(req.params),
        "body": req.get_body().decode(),
        "invocation": context.invocation_id,
    }
    return func.HttpResponse(json.dumps(answer), mimetype="application/json", headers={"X-Echo": "yes"})


@app.route(route="text", auth_level=func.AuthLevel.ANONYMOUS)
def text(req: func.HttpRequest) -> str:
    """Answer a text."""
    return f"hello {req.params.get('name', 'you')}"


@app.route(route="boom", methods=["GET"])
def boom(req: func.HttpRequest) -> func.HttpResponse:
    """Fail."""
    raise RuntimeError("boom")


@app.route(route="slow", methods=["GET"])
def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Take a while."""
    time.sleep(1.0)
    record("slow")
    return func.HttpResponse("done")


async def _site(scope: dict[str, Any], receive: Any, send: Any) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html; charset=utf-8")]}
    await send(start)
    await send({"type": "http.response.body", "body": f"<p>{scope['path']}</p>".encode()})


_middleware: Any = func.AsgiMiddleware(_site)  # type: ignore[no-untyped-call]


@app.route(route="site/{*rest}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def site(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Serve an ASGI app."""
    response: func.HttpResponse = await _middleware.handle_async(req, context)
    return response
