"""Autoscale formulas."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autoscale.evaluation import evaluate
from shared.autoscale.formula import FormulaSyntaxError, parse_formula
from shared.autoscale.samples import EvaluationError

NOW = datetime(2025, 1, 17, 14, 30, tzinfo=UTC)
GIVEN = {"$PendingTasks": 7.0, "$TaskSlotsPerNode": 2.0}


def _target(expression: str) -> int:
    return evaluate(parse_formula(f"$TargetDedicatedNodes = {expression};"), GIVEN, 1, NOW).target


@pytest.mark.parametrize(
    ("expression", "target"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("8 / 4 / 2", 1),
        ("-2 + 5", 3),
        ("2 < 3 ? 4 : 5", 4),
        ("2 > 3 ? 4 : 1 == 1 ? 6 : 7", 6),
        ("!(1 > 2) && 3 != 4 || 0", 1),
        ("ceil($PendingTasks / $TaskSlotsPerNode)", 4),
        ("min(10, max($PendingTasks.GetSample(1), 3))", 7),
        ("avg($PendingTasks.GetSample(TimeInterval_Minute * 5))", 7),
        ("$PendingTasks.GetSamplePercent(5 * TimeInterval_Minute) >= 70 ? 2 : 3", 2),
        ("val($PendingTasks.GetSample(1), 0) + len($PendingTasks.GetSample(9))", 8),
        ('time() > time("2025-01-01") ? 5 : 6', 5),
        ("time() - time('2025-01-17T14:00Z') == 30 * TimeInterval_Minute", 1),
        ("percentile($PendingTasks.GetSample(1), 95) - round(2.5) + floor(1.9)", 5),
        ("0 - 3", 0),
        ("$TargetDedicatedNodes + 1", 2),
        ("2.9", 2),
    ],
)
def test_expressions_have_the_value_that_azure_gives_them(expression: str, target: int) -> None:
    """Operators bind as in C; functions and samples are those of the documentation."""
    assert _target(expression) == target


def test_results_name_every_variable() -> None:
    """The result lists the targets, the option and what the formula set itself."""
    text = "// wanted\nn = 2; /* all */ $TargetDedicatedNodes = n; $NodeDeallocationOption = taskcompletion"
    said = evaluate(parse_formula(text), GIVEN, 1, NOW)
    assert (said.target, said.deallocation) == (2, "taskcompletion")
    expected = "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;n=2"
    assert said.results == expected


@pytest.mark.parametrize("text", ["x", "x =", "= 1;", "x = 1 y = 2", "x = (1;", "x = f(1,;", "x = 1 ? 2;", "x = #;"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    """Bad syntax is told from a formula that cannot be evaluated."""
    with pytest.raises(FormulaSyntaxError):
        parse_formula(text)


@pytest.mark.parametrize("text", ["(" * 1000, "-" * 5000 + "1", "1+" * 5000])
def test_formulas_are_bounded(text: str) -> None:
    """Length and nesting have limits."""
    with pytest.raises(FormulaSyntaxError):
        parse_formula(f"x = {text};")


@pytest.mark.parametrize(
    "text",
    [
        "x = $Unknown;",
        "x = 1 / 0;",
        "x = frobnicate(1);",
        "x = 1 + TimeInterval_Minute;",
        "x = $PendingTasks.Frobnicate();",
        "x = y.GetSample(1);",
        "$PendingTasks = 1;",
        "$TargetDedicatedNodes = requeue;",
        "$NodeDeallocationOption = 1;",
        "x = val($PendingTasks.GetSample(1), 9);",
    ],
)
def test_what_cannot_be_evaluated_says_so(text: str) -> None:
    """Unknown names and values that do not fit are errors of the evaluation."""
    with pytest.raises(EvaluationError):
        evaluate(parse_formula(text), GIVEN, 1, NOW)


@given(st.text("x$=;()+-*/<>!?:.,1 \n\"'a", max_size=40))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    """No text breaks the parser or the evaluation."""
    with contextlib.suppress(FormulaSyntaxError, EvaluationError):
        evaluate(parse_formula(text), GIVEN, 1, NOW)


def over(expression: str, samples: list[float | None]) -> int:
    """What an expression over samples of pending tasks comes to."""
    given = {"$PendingTasks": samples}
    return evaluate(parse_formula(f"$TargetDedicatedNodes = {expression};"), given, 1, NOW).target


@pytest.mark.parametrize(
    ("expression", "target"),
    [
        ("$PendingTasks", 40),
        ("$PendingTasks.GetSample(1)", 40),
        ("sum($PendingTasks.GetSample(2))", 60),
        ("len($PendingTasks.GetSample(TimeInterval_Minute))", 2),
        ("len($PendingTasks.GetSample(2 * TimeInterval_Minute))", 3),
        ("sum($PendingTasks.GetSample(2 * TimeInterval_Minute, TimeInterval_Minute))", 10),
        ("len($PendingTasks.GetSample(time() - TimeInterval_Minute))", 2),
        ("$PendingTasks.GetSamplePercent(2 * TimeInterval_Minute)", 75),
        ("$PendingTasks.GetSamplePercent(TimeInterval_Minute)", 100),
        ("$PendingTasks.GetSamplePercent(TimeInterval_Hour)", 3),
        ("len($PendingTasks.GetSample(TimeInterval_Minute, 90))", 2),
        ("$PendingTasks.Count()", 4),
    ],
)
def test_samples_are_those_of_the_time_asked_for(expression: str, target: int) -> None:
    """One each 30 seconds, the newest last; one of them did not come."""
    values = expression if expression.startswith(("len", "sum")) or "Percent" in expression else f"max({expression})"
    if expression.endswith("Count()"):
        values = expression
    assert over(values, [5, 10, None, 20, 40]) == target


def test_too_few_samples_are_an_error_where_a_formula_asks_for_more() -> None:
    """As in Azure, so that the pool stays as it is."""
    with pytest.raises(EvaluationError, match="90 %"):
        over("avg($PendingTasks.GetSample(TimeInterval_Hour, 90))", [1, 2])


def test_spot_nodes_are_told_apart() -> None:
    """Both targets come out of one formula."""
    text = "$TargetLowPriorityNodes = 8; $TargetDedicatedNodes = 2;"
    said = evaluate(parse_formula(text), GIVEN, 1, NOW, spot=3)
    assert (said.target, said.spot) == (2, 8)
    assert evaluate(parse_formula("n = 1;"), GIVEN, 1, NOW, spot=3).spot == 3
