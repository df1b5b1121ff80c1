"""``/jobs/{job}/tasks``, its collection, and the counts of tasks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.batch.errors import BatchError, invalid_property, missing_property
from local.batch.filters import TASK_FIELDS, to_condition
from local.batch.models import Task, TaskSpec, TaskState, TaskUpdate
from local.batch.routes.jobs import found_job
from local.batch.tables import JobRow, Tally, TaskRow
from local.batch.views import task_view
from local.batch.web import (
    Json,
    answer,
    batch_of,
    check_conditions,
    done,
    filter_of,
    list_answer,
    page_size,
    page_start,
    read_json,
    select,
    to_model,
)

MAX_COLLECTION = 100
"""The most tasks of one call: REST reference, "Task - Add Collection"."""
_UNSUPPORTED = {
    "resourceFiles": "resource files",
    "multiInstanceSettings": "multi-instance tasks",
    "applicationPackageReferences": "application packages",
    "authenticationTokenSettings": "authentication tokens for tasks",
}


def _found_task(request: Request) -> tuple[JobRow, TaskRow]:
    batch = batch_of(request)
    job = batch.jobs.find(request.path_params["job"])
    row = batch.tasks.find(job, request.path_params["task"])
    check_conditions(request, row.task.etag)
    return job, row


async def create(request: Request) -> Response:
    """Task - Add."""
    batch, given = batch_of(request), await read_json(request)
    job = found_job(request)
    task = batch.tasks.create(job, to_model(given, TaskSpec, _UNSUPPORTED))
    location = f"{batch.endpoint}/jobs/{job.job.id}/tasks/{task.id}"
    return done(201, etag=task.etag, modified=task.last_modified, location=location)


async def create_collection(request: Request) -> Response:
    """Task - Add Collection: one result a task, in the order in which they came."""
    batch, given = batch_of(request), await read_json(request)
    values = given.get("value")
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise missing_property("value")
    if len(values) > MAX_COLLECTION:
        raise invalid_property("value", len(values), f"A collection has at most {MAX_COLLECTION} tasks.")
    job = found_job(request)
    specs = [to_model(value, TaskSpec, _UNSUPPORTED) for value in values]
    outcomes = batch.tasks.create_many(job, specs)
    return answer({"value": [_result(spec.id, got, request) for spec, got in zip(specs, outcomes, strict=True)]})


def _result(task_id: str, got: Task | BatchError, request: Request) -> Json:
    if isinstance(got, BatchError):
        return {"status": "clienterror", "taskId": task_id, "error": got.body}
    location = f"{batch_of(request).endpoint}/jobs/{request.path_params['job']}/tasks/{task_id}"
    return {
        "status": "success",
        "taskId": task_id,
        "eTag": got.etag,
        "lastModified": got.last_modified,
        "location": location,
    }


async def get(request: Request) -> Response:
    """Task - Get."""
    job, row = _found_task(request)
    shown = select(request, task_view(row.task, job.job.id, batch_of(request).endpoint), Task)
    return answer(shown, etag=row.task.etag, modified=row.task.last_modified)


async def list_tasks(request: Request) -> Response:
    """Task - List."""
    batch, size = batch_of(request), page_size(request)
    job = batch.jobs.find(request.path_params["job"])
    condition = to_condition(filter_of(request, TASK_FIELDS))
    rows = batch.task_table.page(job.key, condition, page_start(request), size + 1)
    shown = [select(request, task_view(row.task, job.job.id, batch.endpoint), Task) for row in rows[:size]]
    return list_answer(request, "tasks", shown, rows[size - 1].key if len(rows) > size else None)


async def put(request: Request) -> Response:
    """Task - Update. The SDK sends the whole task; only the constraints of a task can change."""
    given = await read_json(request)
    update = to_model({"constraints": given.get("constraints")}, TaskUpdate)
    job, row = _found_task(request)
    task = batch_of(request).tasks.update(job, row, update.constraints)
    return done(200, etag=task.etag, modified=task.last_modified)


async def delete(request: Request) -> Response:
    """Task - Delete."""
    _, row = _found_task(request)
    await batch_of(request).tasks.delete(row)
    return done(200)


async def terminate(request: Request) -> Response:
    """Task - Terminate."""
    job, row = _found_task(request)
    batch = batch_of(request)
    await batch.tasks.terminate(job, row)
    batch.jobs.settle(job.key)
    return done(204)


async def reactivate(request: Request) -> Response:
    """Task - Reactivate."""
    job, row = _found_task(request)
    task = batch_of(request).tasks.reactivate(job, row)
    return done(204, etag=task.etag, modified=task.last_modified)


async def counts(request: Request) -> Response:
    """Job - Get Task Counts."""
    batch = batch_of(request)
    tallies = batch.task_table.tallies(batch.jobs.find(request.path_params["job"]).key)
    return answer({"taskCounts": _summed(tallies, "tasks"), "taskSlotCounts": _summed(tallies, "slots")})


def _summed(tallies: list[Tally], what: str) -> dict[str, int]:
    def total(*, state: TaskState | None = None, result: str | None = None) -> int:
        chosen = (tally for tally in tallies if tally.state == state or (result and tally.result == result))
        return sum(getattr(tally, what) for tally in chosen)

    return {
        "active": total(state=TaskState.ACTIVE),
        "running": total(state=TaskState.RUNNING),
        "completed": total(state=TaskState.COMPLETED),
        "succeeded": total(result="success"),
        "failed": total(result="failure"),
    }


_TASK = "/jobs/{job}/tasks/{task}"
ROUTES = [
    Route("/jobs/{job}/taskcounts", counts, methods=["GET"]),
    Route("/jobs/{job}/addtaskcollection", create_collection, methods=["POST"]),
    Route("/jobs/{job}/tasks", create, methods=["POST"]),
    Route("/jobs/{job}/tasks", list_tasks, methods=["GET"]),
    Route(_TASK, get, methods=["GET"]),
    Route(_TASK, put, methods=["PUT"]),
    Route(_TASK, delete, methods=["DELETE"]),
    Route(_TASK + "/terminate", terminate, methods=["POST"]),
    Route(_TASK + "/reactivate", reactivate, methods=["POST"]),
]
