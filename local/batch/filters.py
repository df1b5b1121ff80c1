"""What a filter means: as an SQL condition over a table of documents, or as a test of one object.

Both say the same: a property that is absent makes a comparison false, never unknown.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from local.batch.odata import Combination, Comparison, Filter, Kind, Literal, Negation, StartsWith

_SQL = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_PYTHON: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
LARGEST_INTEGER = 2**63 - 1
"""SQLite's: a greater literal is compared as a float."""

JOB_FIELDS = {
    "id": Kind.TEXT,
    "displayName": Kind.TEXT,
    "state": Kind.STATE,
    "stateTransitionTime": Kind.MOMENT,
    "previousState": Kind.STATE,
    "previousStateTransitionTime": Kind.MOMENT,
    "creationTime": Kind.MOMENT,
    "lastModified": Kind.MOMENT,
    "priority": Kind.NUMBER,
    "poolInfo/poolId": Kind.TEXT,
    "executionInfo/startTime": Kind.MOMENT,
    "executionInfo/endTime": Kind.MOMENT,
    "executionInfo/poolId": Kind.TEXT,
    "executionInfo/terminateReason": Kind.TEXT,
}
TASK_FIELDS = {
    "id": Kind.TEXT,
    "displayName": Kind.TEXT,
    "state": Kind.STATE,
    "stateTransitionTime": Kind.MOMENT,
    "previousState": Kind.STATE,
    "previousStateTransitionTime": Kind.MOMENT,
    "creationTime": Kind.MOMENT,
    "lastModified": Kind.MOMENT,
    "executionInfo/startTime": Kind.MOMENT,
    "executionInfo/endTime": Kind.MOMENT,
    "executionInfo/exitCode": Kind.NUMBER,
    "executionInfo/retryCount": Kind.NUMBER,
    "executionInfo/requeueCount": Kind.NUMBER,
    "executionInfo/result": Kind.STATE,
    "executionInfo/failureInfo/category": Kind.STATE,
    "executionInfo/failureInfo/code": Kind.TEXT,
    "nodeInfo/poolId": Kind.TEXT,
    "nodeInfo/nodeId": Kind.TEXT,
}
POOL_FIELDS = {
    "id": Kind.TEXT,
    "displayName": Kind.TEXT,
    "state": Kind.STATE,
    "stateTransitionTime": Kind.MOMENT,
    "creationTime": Kind.MOMENT,
    "lastModified": Kind.MOMENT,
    "allocationState": Kind.STATE,
    "allocationStateTransitionTime": Kind.MOMENT,
    "enableAutoScale": Kind.FLAG,
    "vmSize": Kind.TEXT,
}
NODE_FIELDS = {
    "id": Kind.TEXT,
    "state": Kind.STATE,
    "stateTransitionTime": Kind.MOMENT,
    "lastBootTime": Kind.MOMENT,
    "allocationTime": Kind.MOMENT,
    "schedulingState": Kind.STATE,
}
NODE_COUNT_FIELDS = {"poolId": Kind.TEXT}
FILE_FIELDS = {"name": Kind.TEXT}

_COLUMNS = {"id": "id", "state": "state", "stateTransitionTime": "transition_time"}
"""Properties that stand in columns of their own, where an index finds them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition and the values of its parameters."""

    sql: str
    values: tuple[Literal, ...] = ()


def to_condition(tree: Filter | None) -> Condition:
    """Write a filter as an SQL condition over the columns ``id``, ``state``, ``transition_time`` and ``doc``."""
    match tree:
        case None:
            return Condition("TRUE")
        case Comparison(path, word, literal):
            return Condition(_known(path, f"{_column(path)} {_SQL[word]} ?"), (_bindable(literal),))
        case StartsWith(path, prefix):
            return Condition(_known(path, f"substr({_column(path)}, 1, ?) = ?"), (len(prefix), prefix))
        case Negation(operand):
            inner = to_condition(operand)
            return Condition(f"NOT ({inner.sql})", inner.values)
        case Combination(word, operands):
            parts = [to_condition(operand) for operand in operands]
            values = tuple(value for part in parts for value in part.values)
            return Condition(f" {word.upper()} ".join(f"({part.sql})" for part in parts), values)
        case _:
            assert_never(tree)


def _column(path: str) -> str:
    return _COLUMNS.get(path) or f"json_extract(doc, '$.{path.replace('/', '.')}')"


def _known(path: str, comparison: str) -> str:
    """A column is never null, and must stand bare for an index to serve it."""
    return comparison if path in _COLUMNS else f"COALESCE({comparison}, FALSE)"


def _bindable(literal: Literal) -> Literal:
    return float(literal) if isinstance(literal, int) and abs(literal) > LARGEST_INTEGER else literal


def matches(tree: Filter | None, document: Mapping[str, Any]) -> bool:
    """Tell whether an object, as it stands on the wire, passes a filter."""
    match tree:
        case None:
            return True
        case Comparison(path, word, literal):
            value = _lookup(document, path)
            return value is not None and _PYTHON[word](value, literal)
        case StartsWith(path, prefix):
            value = _lookup(document, path)
            return value is not None and value.startswith(prefix)
        case Negation(operand):
            return not matches(operand, document)
        case Combination(word, operands):
            verdicts = (matches(operand, document) for operand in operands)
            return all(verdicts) if word == "and" else any(verdicts)
        case _:
            assert_never(tree)


def _lookup(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
