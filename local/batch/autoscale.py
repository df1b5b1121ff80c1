"""What an autoscale formula says for a pool right now.

In Azure a service-defined variable holds samples, one each 30 seconds. Here it holds one sample, the present value, at
whatever time a formula asks for: a formula is really evaluated, over a history that is only the present.
"""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from local.batch.clock import parse_moment, stamp
from local.batch.formula import Assignment, Call, Constant, Expression, Name

Value = float | str | datetime | timedelta | list[float]

_INTERVALS = {
    "TimeInterval_Zero": timedelta(0),
    "TimeInterval_Microsecond": timedelta(microseconds=1),
    "TimeInterval_Millisecond": timedelta(milliseconds=1),
    "TimeInterval_Second": timedelta(seconds=1),
    "TimeInterval_Minute": timedelta(minutes=1),
    "TimeInterval_Hour": timedelta(hours=1),
    "TimeInterval_Day": timedelta(days=1),
    "TimeInterval_Week": timedelta(weeks=1),
    "TimeInterval_Year": timedelta(days=365),
}
_OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_OVER_NUMBERS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": statistics.fmean,
    "len": len,
    "max": max,
    "min": min,
    "norm": lambda numbers: math.hypot(*numbers),
    "range": lambda numbers: max(numbers) - min(numbers),
    "std": statistics.stdev,
    "sum": math.fsum,
}
_OF_ONE: Mapping[str, Callable[[float], float]] = {
    "ceil": math.ceil,
    "floor": math.floor,
    "lg": math.log2,
    "ln": math.log,
    "round": lambda number: math.floor(number + 0.5),
}


class EvaluationError(Exception):
    """The formula can be read, but not evaluated; the message says why."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a formula said: the number of nodes to aim at, and every variable's value in Azure's form."""

    target: int
    deallocation: str
    results: str


def evaluate(statements: Sequence[Assignment], given: Mapping[str, float], target: int, now: datetime) -> Evaluation:
    """Evaluate a formula.

    Parameters
    ----------
    given
        The present values of the service-defined variables, with their dollar signs.
    target
        The number of nodes that the pool aims at now.

    Raises
    ------
    EvaluationError
        When it uses what is unknown, or values that do not fit.
    """
    variables: dict[str, Value] = {
        "$TargetDedicatedNodes": float(target),
        "$TargetLowPriorityNodes": 0.0,
        "$NodeDeallocationOption": "requeue",
    }
    formula = _Formula({name: float(value) for name, value in given.items()}, variables, now)
    for statement in statements:
        formula.run(statement)
    wanted, option = variables["$TargetDedicatedNodes"], variables["$NodeDeallocationOption"]
    if not isinstance(wanted, float) or not math.isfinite(wanted):
        raise EvaluationError("$TargetDedicatedNodes is no number")
    if option not in _OPTIONS:
        raise EvaluationError(f"$NodeDeallocationOption is none of {', '.join(_OPTIONS)}")
    results = ";".join(f"{name}={_shown(value)}" for name, value in variables.items())
    return Evaluation(max(0, int(wanted)), str(option), results)


class _Formula:
    """One evaluation: the variables so far, and what they can refer to."""

    def __init__(self, given: Mapping[str, float], variables: dict[str, Value], now: datetime) -> None:
        self._given = given
        self._variables = variables
        self._now = now

    def run(self, statement: Assignment) -> None:
        """Carry out one assignment."""
        if statement.variable in self._given:
            raise EvaluationError(f"{statement.variable} cannot be assigned to")
        try:
            self._variables[statement.variable] = self._value(statement.expression)
        except (ArithmeticError, TypeError, ValueError, IndexError, statistics.StatisticsError) as problem:
            raise EvaluationError(f"{statement.variable}: {problem}") from problem

    def _value(self, expression: Expression) -> Any:
        match expression:
            case Constant(value):
                return value
            case Name(name):
                return self._named(name)
            case Call():
                return self._called(expression)
            case _:
                assert_never(expression)

    def _named(self, name: str) -> Value:
        if name in _OPTIONS:
            return name
        for known in (self._variables, self._given, _INTERVALS):
            if name in known:
                return known[name]
        raise EvaluationError(f"{name} is unknown")

    def _called(self, call: Call) -> Any:
        if call.target:
            return self._sampled(call)
        match call.name, call.arguments:
            case "?:", (condition, yes, no):
                return self._value(yes if self._value(condition) else no)
            case "&&" | "||" as word, (left, right):
                first = bool(self._value(left))
                return float(bool(self._value(right))) if first == (word == "&&") else float(first)
            case _:
                return self._applied(call.name, [self._value(argument) for argument in call.arguments])

    def _applied(self, name: str, values: list[Any]) -> Any:
        match values:
            case [left, right] if name in _OPERATORS:
                return _numeric(_OPERATORS[name](left, right))
            case [single] if name in _OF_ONE:
                return float(_OF_ONE[name](single))
            case [_, *_] if name in _OVER_NUMBERS:
                return float(_OVER_NUMBERS[name](_flat(values)))
            case _:
                return self._special(name, values)

    def _special(self, name: str, values: list[Any]) -> Any:
        match name, values:
            case "negate", [single]:
                return -single
            case "not", [single]:
                return float(not single)
            case "time", []:
                return self._now
            case "time", [str(text)]:
                return parse_moment(text)
            case "val", [list(numbers), index]:
                return numbers[int(index)]
            case "log", [number, base]:
                return math.log(number, base)
            case "percentile", [list(numbers), percent]:
                return _percentile(numbers, percent)
            case _:
                raise EvaluationError(f"{name} with {len(values)} arguments is unknown")

    def _sampled(self, call: Call) -> Any:
        if call.target not in self._given:
            raise EvaluationError(f"{call.target} has no samples")
        match call.name:
            case "GetSample":
                return [self._given[call.target]]
            case "GetSamplePercent":
                return 100.0
            case "Count":
                return 1.0
            case "GetSamplePeriod":
                return timedelta(seconds=30)
            case "HistoryBeginTime":
                return self._now
            case _:
                raise EvaluationError(f"the method {call.name} is unknown")


def _numeric(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value


def _flat(values: Sequence[Any]) -> list[float]:
    return [number for value in values for number in (value if isinstance(value, list) else [value])]


def _percentile(numbers: Sequence[float], percent: float) -> float:
    """Nearest rank."""
    rank = math.ceil(percent / 100 * len(numbers))
    return sorted(numbers)[max(0, rank - 1)]


def _shown(value: Value) -> str:
    match value:
        case datetime():
            return stamp(value)
        case list():
            return f"[{','.join(map(_shown, value))}]"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
