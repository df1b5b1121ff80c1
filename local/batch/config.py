"""What the local Batch is told at its start: where it listens, where its state is, and the pools file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from local.batch.ids import is_valid_id
from local.identity.access import TokenAccess

ACCOUNT_NAME = "localbatch"
ACCOUNT_KEY = "VGhpcyBrZXkgaXMgcHVibGljOiB0aGUgbG9jYWwgQmF0Y2ggb2YgYmF0Y2hqc29uLCBvbiBvbmUgbWFjaGluZQ=="
"""The local account's well-known key: public, the same on every machine, worth nothing anywhere else."""
MAX_SLOTS = 256
"""The most task slots of a node: REST reference, ``taskSlotsPerNode``."""


class ConfigError(Exception):
    """What the command was given cannot be used; the message says why."""


class PoolDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One pool of the pools file.

    Parameters
    ----------
    containers
        An image's name → the words that stand for its ENTRYPOINT.
    environment
        Further environment variables of every task.
    """

    id: str
    vm_size: str = "standard_d2s_v5"
    nodes: int = 1
    task_slots_per_node: int = 1
    containers: dict[str, tuple[str, ...]] = {}
    environment: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one server runs.

    Parameters
    ----------
    state
        The directory that holds the database and the nodes' files.
    active_job_quota
        How many jobs may be active at once. Accounts allow 100-300: Batch service quotas and limits.
    end_grace
        Seconds between the polite signal and the final one when a task is ended.
    access
        For an account over TLS that takes tokens only; None: plain HTTP and the shared key.
    """

    state: Path
    pools: tuple[PoolDefinition, ...] = ()
    host: str = "127.0.0.1"
    port: int = 10003
    account_name: str = ACCOUNT_NAME
    account_key: str = field(default=ACCOUNT_KEY, repr=False)
    active_job_quota: int = 100
    end_grace: float = 2.0
    access: TokenAccess | None = None


def load_pools(path: Path) -> tuple[PoolDefinition, ...]:
    """Read the pools file: a JSON list of pools.

    Raises
    ------
    ConfigError
        When it cannot be read, or describes a pool that cannot be.
    """
    try:
        pools = msgspec.json.decode(path.read_bytes(), type=tuple[PoolDefinition, ...])
    except (OSError, msgspec.MsgspecError) as problem:
        raise ConfigError(f"The pools file {path} cannot be used: {problem}") from problem
    problems = [f"pool {pool.id!r} {problem}" for pool in pools for problem in _problems(pool)]
    if len({pool.id.lower() for pool in pools}) < len(pools):
        problems.append("a pool id stands there twice (upper and lower case are the same)")
    if problems:
        raise ConfigError(f"The pools file {path} cannot be used: {'; '.join(problems)}")
    return pools


def _problems(pool: PoolDefinition) -> list[str]:
    checks = {
        "needs an id of 1 to 64 letters, digits, hyphens and underscores": is_valid_id(pool.id),
        "cannot have fewer than 0 nodes": pool.nodes >= 0,
        f"needs 1 to {MAX_SLOTS} task slots a node": 1 <= pool.task_slots_per_node <= MAX_SLOTS,
        "has an image without an entry point": all(pool.containers.values()),
    }
    return [problem for problem, fine in checks.items() if not fine]
