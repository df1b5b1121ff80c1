"""What the API takes and gives. Times are RFC 3339 in UTC, sizes bytes, spans seconds, money text with two decimals."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dashboard.documents_cost import CostToday
from shared.documents import RunDocument
from shared.runs import RunState

Text = Annotated[str, msgspec.Meta(max_length=1024)]
RunKey = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameters."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking and what that person may do here. `account` and `pool` say which system this is."""

    name: str
    may_act: bool
    read_only: bool
    on_laptop: bool
    account: str
    pool: str
    sign_out: str | None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list. `seconds` is from the upload until it was settled, or until now while it is open."""

    run_id: str
    attempt: int
    state: RunState
    name: str
    bytes: int
    uploaded_at: str
    settled_at: str | None
    seconds: float
    valid: int | None
    invalid: int | None
    total_revenue: str | None
    code: str | None
    message: str | None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What is in flight. `more` says that there is more than was counted; the oldest is that of what was looked at."""

    claimed: int
    submitted: int
    more: bool
    oldest: RunRow | None


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """From upload to settled, over the runs that succeeded in the last hour. `runs` is how many were looked at."""

    p50: float
    p95: float
    runs: int


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """What was settled in the last hour, by state. `sampled` says that there is more than was looked at."""

    settled: dict[str, int]
    per_minute: float
    sampled: bool
    latency: Latency | None
    failures: list[RunRow]


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """How many files were uploaded in an hour, by the state in which their runs are now."""

    hour: str
    states: dict[str, int]


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A node: its state, since when, the slots in use."""

    node_id: str
    state: str
    since: str | None
    spot: bool
    slots_used: int


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the pool, or with a node of it, and what can be done."""

    node_id: str | None
    code: str
    cause: str
    fix: str


class PoolView(msgspec.Struct, frozen=True, kw_only=True):
    """The pool. `slots` are those of its ready nodes."""

    pool_id: str
    vm_size: str
    allocation: str
    size: int
    target: int
    slots: int
    slots_used: int
    nodes: list[NodeView]
    scales: bool
    next_evaluation: str | None
    troubles: list[Trouble]


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand. What could not be read is null, and `problems` says why, by the name of the section."""

    at: str
    waiting: Waiting | None = None
    recent: Recent | None = None
    hours: list[Hour] | None = None
    pool: PoolView | None = None
    cost: CostToday | None = None
    problems: dict[str, str] = {}


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs are wanted; what is left out lets all through.

    `text` is a part of the blob's name, or the beginning of a run id. `since` and `until` are about the upload: an age
    (30m, 6h, 2d) or a time.
    """

    state: RunState | None = None
    prefix: Text = ""
    text: Text = ""
    since: Text = ""
    until: Text = ""


class ListQuery(Filter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter, and which page of what fits: `after` is the `next` of the page before."""

    after: Text = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class ExportQuery(Filter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter, and how many runs at most."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=50_000)] = 10_000


class RunsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, newest upload first. `next` asks for more; a page may be short, or empty, although there are more.

    `back_to` is the upload time of the last run that was looked at.
    """

    runs: list[RunRow]
    next: str | None
    looked_at: int
    back_to: str | None


class RunQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which run; `attempt` 0 is the present one."""

    run_id: RunKey
    attempt: Annotated[int, msgspec.Meta(ge=0, le=999_999)] = 0


class FileQuery(RunQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which file of which run."""

    file: Annotated[str, msgspec.Meta(pattern=r"^(report\.json|errors\.jsonl|outcome\.json|stdout\.txt|stderr\.txt)$")]


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step: when it happened, and the seconds since the one before (null for the first)."""

    name: str
    at: str
    after: float | None


class PortalLink(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the Azure portal."""

    what: str
    url: str


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the things of a run are: names of blobs, what the task is called in Batch, pages of the Azure portal."""

    input: str
    output: str
    logs: str
    pool: str
    job: str | None
    task: str | None
    node: str | None
    portal: list[PortalLink]


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one attempt of a run. `attempts` are all that there are; `may_replay` and `may_end` are for now."""

    run: RunDocument
    at: str
    steps: list[StepView]
    attempts: list[int]
    what_to_do: str | None
    places: Places
    may_replay: bool
    may_end: bool


class LogText(msgspec.Struct, frozen=True, kw_only=True):
    """The text that a task wrote; null when there is none (yet).

    `cut` says that it was too large to be shown, or is longer than this; `live` that it comes from the node.
    """

    name: str
    text: str | None
    cut: bool = False
    live: bool = False


class LogsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the task of an attempt wrote."""

    logs: list[LogText]


class ExplainQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run id, or the name of a blob in the input container."""

    of: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class ExplainStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an upload's way: what was seen of it. `status` is ok, missing, unknown, later or off."""

    name: str
    status: str
    what: str
    at: str | None


class ExplainView(msgspec.Struct, frozen=True, kw_only=True):
    """Where an upload stands, the first thing that is missing, its cause and the fix."""

    container: str
    blob: str
    run_id: str | None
    attempt: int | None
    state: RunState | None
    steps: list[ExplainStep]
    missing: str | None
    cause: str
    fix: str
    waits: bool
