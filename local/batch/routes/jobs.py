"""``/jobs`` and ``/jobs/{job}``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.batch.filters import JOB_FIELDS, to_condition
from local.batch.models import Job, JobDisable, JobSpec, JobTerminate, JobUpdate
from local.batch.tables import JobRow
from local.batch.views import job_view
from local.batch.web import (
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

_UNSUPPORTED = {
    "jobManagerTask": "a job manager task",
    "jobPreparationTask": "a job preparation task",
    "jobReleaseTask": "a job release task",
}


def found_job(request: Request) -> JobRow:
    """The job that the path names, if the request's conditions allow the operation."""
    row = batch_of(request).jobs.find(request.path_params["job"])
    check_conditions(request, row.job.etag)
    return row


async def create(request: Request) -> Response:
    """Job - Add."""
    batch = batch_of(request)
    spec = to_model(await read_json(request), JobSpec, _UNSUPPORTED)
    job = batch.jobs.create(spec).job
    return done(201, etag=job.etag, modified=job.last_modified, location=f"{batch.endpoint}/jobs/{job.id}")


async def get(request: Request) -> Response:
    """Job - Get."""
    job = found_job(request).job
    shown = select(request, job_view(job, batch_of(request).endpoint), Job)
    return answer(shown, etag=job.etag, modified=job.last_modified)


async def list_jobs(request: Request) -> Response:
    """Job - List."""
    batch, size = batch_of(request), page_size(request)
    condition = to_condition(filter_of(request, JOB_FIELDS))
    rows = batch.job_table.page(condition, page_start(request), size + 1)
    shown = [select(request, job_view(row.job, batch.endpoint), Job) for row in rows[:size]]
    return list_answer(request, "jobs", shown, rows[size - 1].key if len(rows) > size else None)


async def patch(request: Request) -> Response:
    """Job - Patch: what is not given stays."""
    update = to_model(await read_json(request), JobUpdate)
    job = batch_of(request).jobs.update(found_job(request), update).job
    return done(200, etag=job.etag, modified=job.last_modified)


async def put(request: Request) -> Response:
    """Job - Update: what is not given returns to its default. The SDK sends the whole job; what is fixed is ignored."""
    given = await read_json(request)
    changeable = {field: given[field] for field in _CHANGEABLE if field in given}
    job = batch_of(request).jobs.replace(found_job(request), to_model(changeable, JobUpdate)).job
    return done(200, etag=job.etag, modified=job.last_modified)


async def disable(request: Request) -> Response:
    """Job - Disable."""
    how = to_model(await read_json(request), JobDisable)
    batch_of(request).jobs.disable(found_job(request), how.disable_tasks)
    return done(202)


async def enable(request: Request) -> Response:
    """Job - Enable."""
    batch_of(request).jobs.enable(found_job(request))
    return done(202)


async def terminate(request: Request) -> Response:
    """Job - Terminate."""
    given = await read_json(request) if await request.body() else {}
    reason = to_model(given, JobTerminate).terminate_reason
    batch_of(request).jobs.terminate(found_job(request), reason or "UserTerminate")
    return done(202)


async def delete(request: Request) -> Response:
    """Job - Delete."""
    batch_of(request).jobs.delete(found_job(request))
    return done(202)


_CHANGEABLE = (
    "poolInfo",
    "priority",
    "allowTaskPreemption",
    "maxParallelTasks",
    "constraints",
    "onAllTasksComplete",
    "networkConfiguration",
    "metadata",
)
ROUTES = [
    Route("/jobs", create, methods=["POST"]),
    Route("/jobs", list_jobs, methods=["GET"]),
    Route("/jobs/{job}", get, methods=["GET"]),
    Route("/jobs/{job}", patch, methods=["PATCH"]),
    Route("/jobs/{job}", put, methods=["PUT"]),
    Route("/jobs/{job}", delete, methods=["DELETE"]),
    Route("/jobs/{job}/disable", disable, methods=["POST"]),
    Route("/jobs/{job}/enable", enable, methods=["POST"]),
    Route("/jobs/{job}/terminate", terminate, methods=["POST"]),
]
