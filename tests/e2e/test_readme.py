"""The README tells the truth: every command in it runs as it stands, and every file it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Loop
from tests.unit.builders import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
BIN = Path(sys.executable).parent


def make_targets() -> set[str]:
    """What the Makefile can make."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.cloud
def test_every_command_runs_as_it_stands(loop: Loop, tmp_path: Path) -> None:
    """A newcomer who types them one after the other sees no error."""
    (tmp_path / ".venv").symlink_to(BIN.parent)
    script = "\n".join(["set -euo pipefail", *COMMANDS])
    environment = {**os.environ, "BATCHJSON_SETTINGS": str(loop.cloud.layout.settings)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(COMMANDS) >= 6
    assert (tmp_path / "local-result" / "report.json").exists()
    assert list((tmp_path / "results").rglob("report.json"))


@pytest.mark.cloud
@pytest.mark.timeout(300)
def test_demo_shows_what_the_readme_shows() -> None:
    """`make demo` ends well, prints the lines the README promises, and leaves nothing running."""
    command = ["make", "demo", f"PYTHON={sys.executable}", f"VENV={BIN.parent}"]
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = {_without_figures(line) for line in done.stdout.splitlines()}
    promised = README.split("```\nRuns, with")[1].split("```")[0].splitlines()[1:]
    missing = [line for line in promised if line.strip("…") and _without_figures(line) not in shown]
    assert missing == []


def _without_figures(line: str) -> str:
    """A line without what differs from run to run: seconds."""
    return re.sub(r"\s+\d+\.\d$", "", line).rstrip()


def test_every_make_command_of_the_docs_exists() -> None:
    """Nobody is sent to a target that is not there."""
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"`make ([a-z]+)", page.read_text()):
            assert target in make_targets(), f"{page.name}: make {target}"


def test_every_link_of_the_docs_leads_somewhere() -> None:
    """Links between our own pages are not broken."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
