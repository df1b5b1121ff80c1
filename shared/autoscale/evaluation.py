"""What an autoscale formula says for a pool at a moment.

In Azure a service-defined variable holds samples, one each 30 seconds. So it does here where it is given as a sequence;
one that is given as a number has the present value at whatever time a formula asks for.
"""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from shared.autoscale.formula import Assignment, Call, Constant, Expression, Name
from shared.autoscale.samples import SAMPLE_SECONDS, EvaluationError, History, Samples

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


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a formula said: how many dedicated and Spot nodes to aim at, and every variable's value in Azure's form."""

    target: int
    spot: int
    deallocation: str
    results: str


def evaluate(
    statements: Sequence[Assignment], given: Mapping[str, Samples], target: int, now: datetime, spot: int = 0
) -> Evaluation:
    """Evaluate a formula.

    Parameters
    ----------
    given
        The service-defined variables, with their dollar signs.
    target, spot
        The numbers of dedicated and Spot nodes that the pool aims at now.

    Raises
    ------
    EvaluationError
        When it uses what is unknown, or values that do not fit.
    """
    variables: dict[str, Value] = {
        "$TargetDedicatedNodes": float(target),
        "$TargetLowPriorityNodes": float(spot),
        "$NodeDeallocationOption": "requeue",
    }
    formula = _Formula({name: History(samples) for name, samples in given.items()}, variables, now)
    for statement in statements:
        formula.run(statement)
    wanted, option = _nodes(variables, "$TargetDedicatedNodes"), variables["$NodeDeallocationOption"]
    if option not in _OPTIONS:
        raise EvaluationError(f"$NodeDeallocationOption is none of {', '.join(_OPTIONS)}")
    results = ";".join(f"{name}={_shown(value)}" for name, value in variables.items())
    return Evaluation(wanted, _nodes(variables, "$TargetLowPriorityNodes"), str(option), results)


def _nodes(variables: Mapping[str, Value], name: str) -> int:
    wanted = variables[name]
    if not isinstance(wanted, float) or not math.isfinite(wanted):
        raise EvaluationError(f"{name} is no number")
    return max(0, int(wanted))


class _Formula:
    """One evaluation: the variables so far, and what they can refer to."""

    def __init__(self, given: Mapping[str, History], variables: dict[str, Value], now: datetime) -> None:
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
        if name in self._given:
            return self._given[name].latest
        for known in (self._variables, _INTERVALS):
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
                return _moment(text)
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
        history = self._given[call.target]
        values = [self._value(argument) for argument in call.arguments]
        match call.name, values:
            case "GetSample", [int() | float() as count]:
                return history.last(int(count))
            case "GetSample", _:
                return self._spanned(history, values)
            case "GetSamplePercent", _:
                return history.percent(*self._span(values))
            case "Count", []:
                return float(history.count)
            case "GetSamplePeriod", []:
                return timedelta(seconds=SAMPLE_SECONDS)
            case "HistoryBeginTime", []:
                return self._now - timedelta(
                    seconds=SAMPLE_SECONDS * len(history.within(timedelta(days=1), timedelta(0)))
                )
            case _:
                raise EvaluationError(f"the method {call.name} with {len(values)} arguments is unknown")

    def _spanned(self, history: History, values: list[Any]) -> list[float]:
        """Samples of a span, if enough of them came where the formula says how many."""
        least = values.pop() if values and isinstance(values[-1], int | float) else 0
        start, end = self._span(values)
        if history.percent(start, end) < least:
            raise EvaluationError(f"fewer than {least:g} % of the samples came")
        return history.within(start, end) or history.last(1)

    def _span(self, values: list[Any]) -> tuple[timedelta, timedelta]:
        """Start and end as distances from now; a formula gives intervals or moments."""
        spans = [value if isinstance(value, timedelta) else self._now - value for value in values]
        match spans:
            case [timedelta() as start]:
                return start, timedelta(0)
            case [timedelta() as start, timedelta() as end]:
                return start, end
            case _:
                raise EvaluationError("samples are asked for by one or two times")


def _moment(text: str) -> datetime:
    """Read an ISO 8601 moment; one without an offset is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


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
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case list():
            return f"[{','.join(map(_shown, value))}]"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
