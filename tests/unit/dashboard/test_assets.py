"""The page's files: checked before they are served, and described by what they are."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard import api
from dashboard.assets import FOLDER, LIST, PageIncomplete, load_assets
from dashboard.endpoints import ENDPOINTS
from dashboard.openapi import openapi
from local.vendor import WrongContent, copy_vendored
from tests.unit.builders import ROOT, World
from tests.unit.dashboard.conftest import Client


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page of two files, one of them installed."""
    (tmp_path / "static" / "vendor").mkdir(parents=True)
    (tmp_path / "static" / "index.html").write_text("<p>")
    (tmp_path / "static" / "vendor" / "part.js").write_bytes(b"good")
    checksum = hashlib.sha256(b"good").hexdigest()
    part = {"package": "part", "path": "part.js", "licence": "MIT", "sha256": checksum}
    (tmp_path / "vendor.json").write_text(json.dumps({"part.js": part}))
    (tmp_path / "packages" / "part").mkdir(parents=True)
    (tmp_path / "packages" / "part" / "part.js").write_bytes(b"good")
    return tmp_path


def test_page_loads_when_everything_is_there(page: Path) -> None:
    """Its version changes with any file."""
    first = load_assets(page / "static", page / "vendor.json")
    (page / "static" / "app.js").write_text("1")
    assert load_assets(page / "static", page / "vendor.json").version != first.version


def test_missing_part_is_named_with_the_fix(page: Path) -> None:
    """Nobody has to guess why there is no page."""
    (page / "static" / "vendor" / "part.js").unlink()
    with pytest.raises(PageIncomplete, match=r"part\.js.*make setup"):
        load_assets(page / "static", page / "vendor.json")


def test_changed_part_is_refused(page: Path) -> None:
    """What runs in an operator's browser is what was chosen."""
    (page / "static" / "vendor" / "part.js").write_bytes(b"evil")
    with pytest.raises(PageIncomplete, match="changed"):
        load_assets(page / "static", page / "vendor.json")


def test_app_without_its_page_says_so_and_serves_the_api(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 503 and the fix."""
    (page / "static" / "vendor" / "part.js").unlink()
    monkeypatch.setattr(api, "load_assets", lambda: load_assets(page / "static", page / "vendor.json"))
    client = Client(api.make_app(World().services))
    answer = client.get("runs")
    assert answer.status_code == 503
    assert "make setup" in answer.text
    assert client.get("api/session").status_code == 200


def test_set_up_copies_parts_and_takes_away_others(page: Path) -> None:
    """Copied by the list, and nothing beside it stays."""
    target = page / "target"
    target.mkdir()
    (target / "old.js").write_text("old")
    copy_vendored(page / "packages", target, page / "vendor.json")
    assert [path.name for path in target.iterdir()] == ["part.js"]


def test_set_up_refuses_what_has_another_checksum(page: Path) -> None:
    """Before it comes near the page."""
    (page / "packages" / "part" / "part.js").write_bytes(b"evil")
    with pytest.raises(WrongContent, match="checksum"):
        copy_vendored(page / "packages", page / "target", page / "vendor.json")


def test_every_part_comes_from_a_locked_package_with_its_licence() -> None:
    """The lock pins each by its integrity, and holds no address."""
    lock = json.loads((ROOT / "local" / "page" / "package-lock.json").read_text())["packages"]
    parts = json.loads(LIST.read_text())
    assert {f"node_modules/{part['package']}" for part in parts.values()} == {name for name in lock if name}
    assert all(lock[name]["integrity"].startswith("sha512-") for name in lock if name)
    assert not any("resolved" in package for package in lock.values())
    licensed = {part["package"] for part in parts.values() if part["path"].startswith("LICENSE")}
    assert licensed == {part["package"] for part in parts.values()}


def test_nothing_in_the_page_is_inline_or_from_elsewhere() -> None:
    """The policy would refuse it: scripts and styles are files of ours, and no address leaves this origin."""
    page = (FOLDER / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert not re.search(r"<style|\bstyle=|\bon\w+=|javascript:|https?://", page)
    for script in FOLDER.glob("*.js"):
        text = script.read_text()
        assert not re.search(r"innerHTML|InnerHTML|document\.write|\beval\(|new Function|https?://", text), script
        assert "style=" not in text, f"{script.name}: Preact would set it, but keep styles in style.css"


def test_api_is_described_whole() -> None:
    """Every route has its operation, and every reference leads to a schema."""
    described = openapi("/here")
    assert set(described["paths"]) == {each.path for each in ENDPOINTS}
    text = json.dumps(described)
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named <= set(described["components"]["schemas"])
    assert described["paths"]["/actions/sweep"]["post"]["requestBody"]


def test_only_the_dashboard_pays_for_its_framework() -> None:
    """Other triggers start without it."""
    found = subprocess.run(
        [sys.executable, "-c", "import sys, pipeline.services; print('starlette' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == "False"
