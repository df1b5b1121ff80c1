"""What the pool's machines do with their time: sampled every five minutes, each node priced as it is bought.

Batch tells which nodes there are now, not which there were: its usage metrics come by the half hour, in core hours, and
tell neither Spot from dedicated nor idle from busy (docs/adr/0020). So we look ourselves; a sample stands for its slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction

import msgspec

from pipeline.pool import COMING, Node, NodeState, PoolState
from pipeline.services import Services
from shared.cost import NANOS, Priority
from shared.errors import InvalidDocument

SLOT = timedelta(minutes=5)
_SAMPLES, _DAYS = "pool-sample", "pool-day"
_FREE = frozenset({NodeState.PREEMPTED, NodeState.DEALLOCATED})
"""Nobody pays for a machine that Azure has taken back or released."""
_MILLISECONDS = int(SLOT / timedelta(milliseconds=1))
_AN_HOUR_SHARE = Fraction(_MILLISECONDS, 3_600_000)
_MOST_FORGOTTEN = 1_000


class Use(StrEnum):
    """What a machine's time went to."""

    TASKS = "tasks"
    FREE_SLOTS = "free slots"
    IDLE = "idle"
    BOOT = "boot"


class PoolShare(msgspec.Struct, frozen=True, array_like=True):
    """Time of machines (all of them together) and what it cost, by use. Without a price the currency is empty."""

    use: str
    currency: str
    milliseconds: int
    nanos: int


class _Kept(msgspec.Struct, frozen=True):
    shares: list[PoolShare]


_decoder = msgspec.json.Decoder(_Kept)  # made once, at import: see docs/adr/0005


def sample_pool(services: Services) -> bool:
    """Look at the pool, once in five minutes however often this is called; True when it was looked at."""
    slot = _slot_key(services.clock())
    if services.notes.get(_SAMPLES, slot):
        return False
    pool = services.pool.state()
    shares = [share for node in services.pool.nodes() for share in _shares_of(services, node, pool)] if pool else []
    services.notes.put(_SAMPLES, slot, _text(_added(shares)))
    return True


def pool_time(services: Services, first: date, last: date) -> dict[date, list[PoolShare]]:
    """What the pool's time went to on each day from the first to the last, both included."""
    notes = services.notes.between(_DAYS, _day_key(first), _day_key(last + timedelta(days=1)))
    kept = {note.key: _read(note.text) for note in notes}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return {day: kept.get(_day_key(day)) or _sum_of_day(services, day) for day in days}


def forget_samples(services: Services, before: date) -> int:
    """Forget samples of the days before one; their sums stay."""
    return services.notes.forget(_SAMPLES, _day_key(before), _MOST_FORGOTTEN)


def _sum_of_day(services: Services, day: date) -> list[PoolShare]:
    samples = services.notes.between(_SAMPLES, _day_key(day), _day_key(day + timedelta(days=1)))
    shares = _added(share for sample in samples for share in _read(sample.text))
    over = datetime.combine(day, time(), UTC) + timedelta(days=1) + SLOT
    if shares and services.clock() >= over:
        services.notes.put(_DAYS, _day_key(day), _text(shares))
    return shares


def _shares_of(services: Services, node: Node, pool: PoolState) -> Iterable[PoolShare]:
    """How the five minutes of one node are shared out."""
    if node.state in _FREE:
        return
    priority = Priority.SPOT if node.spot else Priority.DEDICATED
    price = services.prices.price(pool.vm_size, services.settings.region, priority)
    currency = price.currency if price else ""
    nanos = Fraction(price.per_hour if price else 0) * _AN_HOUR_SHARE * NANOS
    for use, share in _uses(node, pool.slots):
        yield PoolShare(use.value, currency, round(_MILLISECONDS * share), round(nanos * share))


def _uses(node: Node, slots: int) -> list[tuple[Use, Fraction]]:
    if node.state in COMING or node.state is NodeState.START_TASK_FAILED:
        return [(Use.BOOT, Fraction(1))]
    if node.state is not NodeState.RUNNING:
        return [(Use.IDLE, Fraction(1))]
    used = Fraction(min(node.slots, slots), slots)
    return [(use, share) for use, share in ((Use.TASKS, used), (Use.FREE_SLOTS, 1 - used)) if share]


def _added(shares: Iterable[PoolShare]) -> list[PoolShare]:
    sums: dict[tuple[str, str], PoolShare] = {}
    for share in shares:
        key = (share.use, share.currency)
        before = sums.get(key, PoolShare(*key, 0, 0))
        sums[key] = PoolShare(*key, before.milliseconds + share.milliseconds, before.nanos + share.nanos)
    return [sums[key] for key in sorted(sums)]


def _slot_key(moment: datetime) -> str:
    slot = moment - (moment - datetime.min.replace(tzinfo=UTC)) % SLOT
    return f"{slot.astimezone(UTC):%Y%m%dT%H%M}"


def _day_key(day: date) -> str:
    return f"{day:%Y%m%d}"


def _text(shares: list[PoolShare]) -> str:
    return msgspec.json.encode(_Kept(shares)).decode()


def _read(text: str) -> list[PoolShare]:
    try:
        return _decoder.decode(text).shares
    except msgspec.MsgspecError as problem:
        raise InvalidDocument(f"A sample of the pool cannot be read: {problem}") from problem
