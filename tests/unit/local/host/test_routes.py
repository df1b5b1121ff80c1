"""Route templates."""

from __future__ import annotations

import pytest

from local.host.errors import AppRefused
from local.host.routes import Route, Router, compile_template


def router(*templates: str) -> Router[str]:
    """A router whose targets are the templates themselves."""
    return Router(Route(compile_template(template), frozenset({"GET"}), template) for template in templates)


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("api/runs", "api/runs", {}),
        ("api/runs", "API/Runs/", {}),
        ("api/runs/{id}", "api/runs/a b", {"id": "a b"}),
        ("api/runs/{id:int}", "api/runs/7", {"id": "7"}),
        ("api/{page?}", "api", {}),
        ("api/{page?}", "api/x", {"page": "x"}),
        ("api/{*rest}", "api/a/b/c", {"rest": "a/b/c"}),
        ("api/{*rest}", "api", {}),
        ("{*rest}", "x/y", {"rest": "x/y"}),
        ("api/{name}.{kind}", "api/report.json", {"name": "report", "kind": "json"}),
    ],
)
def test_path_is_matched(template: str, path: str, parameters: dict[str, str]) -> None:
    """Literals in any case, parameters, optional ones, the rest of a path."""
    assert router(template).find("GET", path) == (template, parameters)


@pytest.mark.parametrize(
    ("template", "path"),
    [("api/runs/{id}", "api/runs/"), ("api/runs/{id}", "api/runs/a/b"), ("api/{id:int}", "api/x"), ("api", "apix")],
)
def test_other_path_is_not_matched(template: str, path: str) -> None:
    """A parameter is one segment, and not empty."""
    assert router(template).find("GET", path) is None


def test_other_method_is_not_served() -> None:
    """Azure answers 404, not 405."""
    assert router("api/runs").find("POST", "api/runs") is None


def test_most_exact_template_wins() -> None:
    """Literals before parameters, those before the rest."""
    found = router("{*rest}", "api/{id}", "api/{id:int}", "api/runs")
    assert [found.find("GET", path) for path in ("api/runs", "api/7", "api/x", "api/x/y")] == [
        ("api/runs", {}),
        ("api/{id:int}", {"id": "7"}),
        ("api/{id}", {"id": "x"}),
        ("{*rest}", {"rest": "api/x/y"}),
    ]


@pytest.mark.parametrize("template", ["api/{id", "api/{id:regex(x)}", "api/}"])
def test_unreadable_template_is_refused(template: str) -> None:
    """Better than a function that nobody can call."""
    with pytest.raises(AppRefused):
        compile_template(template)
