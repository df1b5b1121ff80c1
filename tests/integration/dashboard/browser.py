"""A real browser for the pages' tests: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

from tests.parts import ROOT

SCREENSHOTS = ROOT / "artifacts" / "screenshots"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
_READ = "Boolean(document.querySelector('h1')) && !document.querySelector('.spinner')"
_STILL = "document.getAnimations().every((each) => each.playState !== 'running')"
_STICKING_OUT = """
[...document.querySelectorAll("form input, form select, form button")]
  .filter(field => field.getBoundingClientRect().right > field.form.getBoundingClientRect().right)
  .map(field => field.name || field.textContent)
"""
_TOO_WIDE = (
    "[...document.querySelectorAll('main *')].filter((each) => each.getBoundingClientRect().right > innerWidth + 1)"
    ".slice(0, 5).map((each) => `${each.tagName}.${each.className} ${each.textContent.slice(0, 40)}`)"
)
_STEP_MS = 30
WAIT_MS = 60_000


def chromium() -> str:
    """The browser's program; installed with CI=true, and the test skipped elsewhere, where there is none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI"):
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *command], check=True, capture_output=True, timeout=300)
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("There is no chromium: apt-get install chromium")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A running browser that fetches nothing by itself."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(_QUIET))
        try:
            yield running
        finally:
            running.close()


class Pages:
    """Pages of one dashboard; collects what goes wrong in them."""

    def __init__(self, running: Browser, base: str) -> None:
        self.base = base
        self.complaints: list[str] = []
        self._context = running.new_context(accept_downloads=True)
        self._context.set_default_timeout(WAIT_MS)
        self.page = self._context.new_page()
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self._hear("error", str(error)))
        self.page.on("dialog", lambda dialog: self._hear("error", f"a dialog: {dialog.message}"))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, path: str) -> Page:
        """Open a view, and wait until it has read what it shows."""
        self.page.goto(self.base + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing is being read."""
        self.until(_READ)

    def until(self, true: str) -> None:
        """Wait until an expression holds. The page's policy forbids what Playwright's own waiting does: eval."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while not self.page.evaluate(true):
            assert time.monotonic() < deadline, f"waited in vain for {true}"
            self.page.wait_for_timeout(_STEP_MS)

    def look(self, name: str, scheme: Any, width: int, *, whole: bool = True) -> list[str]:
        """Keep a screenshot; tell what axe finds, and whether anything sticks out sideways.

        A scheme changes colours only: with `whole` false nothing but the contrast is looked at.
        """
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.until(_STILL)  # Pico fades colours: the look is taken when they have come to rest
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}-{width}.png", full_page=True)
        options: dict[str, Any] = {"resultTypes": ["violations"]} | ({} if whole else {"runOnly": ["color-contrast"]})
        found = Axe().run(self.page, options=options).response["violations"]
        problems = [f"{each['id']}: {[node['target'] for node in each['nodes']][:4]}" for each in found]
        if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            problems.append(f"wider than the window: {self.page.evaluate(_TOO_WIDE)}")
        if out := self.page.evaluate(_STICKING_OUT):
            problems.append(f"sticks out of its form: {out}")
        return problems

    def close(self) -> None:
        """Close them."""
        self._context.close()


def save_download(page: Page, click: str, folder: Path) -> Path:
    """Click on what downloads something; tells where it was saved."""
    with page.expect_download() as download:
        page.get_by_role("link", name=click).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def focused(page: Page) -> str:
    """What the keyboard is on."""
    text: str = page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")
    return text


def tab_to(page: Page, wanted: str, most: int = 60) -> None:
    """Press Tab until the keyboard is on something."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page) == wanted:
            return
    raise AssertionError(f"{wanted} was not reached by keyboard; the last was {focused(page)}")
