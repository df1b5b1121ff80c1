"""The pages in a real browser, on a local cloud with runs of every kind."""

from __future__ import annotations

import csv
import os
import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from shared.runs import RunState
from tests.integration.dashboard.browser import WAIT_MS, Pages, focused, save_download, tab_to
from tests.integration.dashboard.world import EVIL, World

pytestmark = [
    pytest.mark.cloud,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        bool(os.environ.get("CI")) and sys.version_info >= (3, 12),
        reason="CI looks at the pages once, under Python 3.11: they are the same under each",
    ),
]
WIDTHS = (360, 1600)
SCHEMES = ("dark", "light")


VIEWS = {
    "now": "/",
    "runs": "/runs",
    "runs-filtered": "/runs?state=failed&prefix=orders/&since=7d",
    "runs-none": "/runs?prefix=nowhere/",
    "run-succeeded": "succeeded",
    "run-rejected": "rejected",
    "run-failed": "failed",
    "run-open": "submitted",
    "run-evil": "evil",
    "why": "/why?of=orders/good.json",
    "why-empty": "/why",
    "cost": "/cost",
    "cost-long": "/cost?days=30",
    "actions": "/actions",
    "reference": "/reference",
}


@pytest.mark.parametrize("name", VIEWS)
def test_view_is_whole_for_everyone(world: World, pages: Pages, name: str) -> None:
    """In dark and light, narrow and wide: axe finds nothing, nothing sticks out, nothing is complained of."""
    path = VIEWS[name] if VIEWS[name].startswith("/") else world.path_of(VIEWS[name])
    pages.open(path)
    problems = {}
    for width in WIDTHS:
        for scheme in SCHEMES:
            problems[width, scheme] = pages.look(name, scheme, width, whole=scheme == SCHEMES[0])
    assert not any(problems.values()), problems


def test_dialog_is_whole_for_everyone(world: World, pages: Pages) -> None:
    """The question before an action, too."""
    page = pages.open(world.path_of("failed"))
    page.get_by_role("button", name="Replay …").click()
    pages.settle()
    assert [pages.look("replay", scheme, 1280) for scheme in SCHEMES] == [[], []]
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_now_tells_what_is_so(world: World, pages: Pages) -> None:
    """What waits, what failed and why, and how the pool stands."""
    page = pages.open("/")
    main = page.get_by_role("main")
    expect(main).to_contain_text("1 claimed, 1 submitted")
    expect(main).to_contain_text("orders/claimed.json")
    expect(main).to_contain_text("The node <b>went away</b> while the task ran.")
    expect(main).to_contain_text("1 of 1 wanted")
    expect(main).to_contain_text("0 of 2")
    expect(page.get_by_role("img", name=re.compile("files by hour of upload"))).to_be_visible()


def test_cost_tells_how_budgets_stand(world: World, pages: Pages) -> None:
    """In words as well as by colour."""
    page = pages.open("/cost")
    table = page.get_by_role("table", name="Budget: limits")
    expect(table).to_contain_text("within")
    expect(table).to_contain_text("spent: files wait")
    expect(table).to_contain_text("folder closed")


def test_now_can_be_paused_and_marks_what_is_stale(world: World, pages: Pages) -> None:
    """Nothing moves while it is paused; when reading fails, the figures stay and are marked."""
    page = pages.open("/")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    page.route("**/api/now", lambda route: route.abort())
    page.get_by_role("button", name="Read now").click()
    expect(page.get_by_text("The last reading failed.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_role("main")).to_contain_text("1 claimed, 1 submitted")
    page.unroute("**/api/now")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    pages.complaints.clear()  # the browser itself complains of the reading that failed


def test_filter_stands_in_the_address(world: World, pages: Pages) -> None:
    """What is applied can be shared and gone back from."""
    page = pages.open("/runs")
    page.get_by_label("Name begins with").fill("orders/")
    page.get_by_label("Name begins with").press("Enter")
    page.get_by_label("State").select_option("rejected")
    pages.settle()
    expect(page).to_have_url(re.compile(r"/runs\?state=rejected&prefix=orders%2F$"))
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("malformed_json")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/runs\?prefix=orders%2F$"))
    expect(page.get_by_label("State")).to_have_value("")


def test_export_holds_what_is_shown(world: World, pages: Pages, tmp_path: Path) -> None:
    """The same filter, as a file."""
    page = pages.open("/runs?prefix=orders/")
    shown = page.locator("tbody tr").count()
    saved = save_download(page, "Export as CSV", tmp_path)
    rows = list(csv.DictReader(saved.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == shown
    assert {row["state"] for row in rows} == {state.value for state in RunState}


def test_run_shows_its_report_its_log_and_its_files(world: World, pages: Pages, tmp_path: Path) -> None:
    """Everything of it, without another tool."""
    page = pages.open(world.path_of("succeeded"))
    run = world.runs["succeeded"]
    main = page.get_by_role("main")
    assert run.outcome
    expect(main).to_contain_text(f"{run.outcome.total_revenue:,.2f}")
    expect(main).to_contain_text("running on the node")
    expect(page.get_by_role("img", name=re.compile("Revenue on"))).to_be_visible()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("region", name="stderr.txt")).to_contain_text(run.run_id)
    link = page.get_by_role("link", name="report.json").first
    with page.expect_download() as download:
        link.click()
    assert b'"total_revenue"' in Path(download.value.path()).read_bytes()


def test_failed_run_says_why_and_what_to_do(world: World, pages: Pages) -> None:
    """In words, with the code."""
    page = pages.open(world.path_of("failed"))
    expect(page.get_by_role("main")).to_contain_text("NodeGone")
    expect(page.get_by_role("main")).to_contain_text("What to do.")


def test_open_run_says_what_is_missing(world: World, pages: Pages) -> None:
    """Its page explains itself."""
    page = pages.open(world.path_of("submitted"))
    expect(page.get_by_role("main")).to_contain_text("Missing:")


RUNNABLE = "img, script, iframe, [onmouseover], [onload], [onerror], a[href^='javascript']"


def test_held_run_says_why_and_until_when(world: World, pages: Pages) -> None:
    """As the ledger tells it of a run that its budget holds back."""
    path = world.path_of("claimed")

    def hold(route: Route) -> None:
        view = route.fetch().json()
        view["run"]["hold"] = {"reason": "budget", "detail": "It is <i>spent</i>.", "until": "2030-01-01T00:00:00Z"}
        route.fulfill(json=view)

    pages.page.route(f"**/api{path}", hold)
    page = pages.open(path)
    expect(page.get_by_role("main")).to_contain_text("Held back by its budget. It is <i>spent</i>.")
    expect(page.get_by_role("main")).to_contain_text("2030-01-01 00:00:00 UTC")
    page.unroute(f"**/api{path}")


@pytest.mark.parametrize("path", ["/", "/runs", "evil", "/why?of=evil/fields.json"])
def test_nothing_that_strangers_wrote_is_run(world: World, pages: Pages, path: str) -> None:
    """Names of blobs and fields of records are text, and are seen as what they are."""
    page = pages.open(path if path.startswith("/") else world.path_of(path))
    assert page.evaluate("window.hacked") is None
    assert page.locator(f"main :is({RUNNABLE})").count() == 0
    if path in ("/runs", "evil"):
        for text in EVIL:
            expect(page.get_by_role("main")).to_contain_text(text.replace("\u202e", "\\u202e"))


def test_evil_names_lead_to_their_own_runs(world: World, pages: Pages) -> None:
    """Each is a link like any other."""
    for text in EVIL[:3]:
        page = pages.open("/runs?prefix=evil/")
        page.get_by_role("link", name=f"evil/{text}.json").click()
        pages.settle()
        expect(page).to_have_url(re.compile(world.runs[f"evil/{text}.json"].run_id))


def test_everything_is_reached_by_keyboard(world: World, pages: Pages) -> None:
    """From the front to a filter, a run, a dialog and back, without a pointer."""
    page = pages.open("/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    tab_to(page, "Runs")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Runs")).to_be_focused()
    pages.settle()
    tab_to(page, "prefix")
    page.keyboard.type("orders/failed")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    tab_to(page, "orders/failed.json")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("orders/failed.json")
    pages.settle()
    tab_to(page, "Replay …")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    pages.settle()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "Replay …"


def test_rejected_run_is_replayed_after_a_question(world: World, pages: Pages) -> None:
    """The plan first, then the deed: the run comes back as attempt 2, seen without a reload."""
    page = pages.open(world.path_of("rejected"))
    page.get_by_role("button", name="Replay …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("orders/broken.json")
    dialog.get_by_role("button", name="Replay 1 run").click()
    expect(dialog).to_contain_text("Replayed 1 run.")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("link", name="attempt 2")).to_be_visible()
    world.wait(lambda: world.services.ledger.get(world.runs["rejected"].run_id).notified_at, "attempt 2 to be settled")
    expect(page.get_by_role("main")).to_contain_text("malformed_json", timeout=WAIT_MS)


def test_sweep_can_be_looked_at_first(world: World, pages: Pages) -> None:
    """A dry run from the page."""
    page = pages.open("/actions")
    page.get_by_role("button", name="Sweep …").click()
    page.get_by_role("button", name="Look only").click()
    expect(page.get_by_role("dialog")).to_contain_text("Looked, changed nothing.")


def test_doctor_looks_at_everything(world: World, pages: Pages) -> None:
    """Its lines stand in the page, as whole as the rest of it."""
    page = pages.open("/actions")
    page.get_by_role("button", name="Look at everything").click()
    expect(page.get_by_role("table", name="What the doctor saw")).to_contain_text("settings")
    pages.settle()
    assert pages.look("doctor", "dark", 360) == []


def test_theme_is_chosen_and_kept(world: World, pages: Pages) -> None:
    """Whatever the system says, from then on."""
    page = pages.open("/")
    page.emulate_media(color_scheme="light")
    page.reload()
    pages.settle()
    page.get_by_role("button", name="Show in dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.evaluate("localStorage.clear()")


WRITTEN = {
    "duration(0.02)": "20 ms",
    "duration(59.94)": "59.9 s",
    "duration(59.96)": "1 min 00 s",
    "duration(3599.9)": "1 h 00 min",
    "duration(90061)": "1 d 1 h",
    "amount('0.000063889')": "0.000064",
    "amount('1234.5')": "1,234.50",
    "amount('0.000000000')": "0.00",
    "bytes(999)": "999 B",
    "bytes(1234567)": "1.2 MB",
    "money('3769188.06')": "3,769,188.06",
    "shown('a\\u202eb\\u0007c')": "a\\u202eb\\u0007c",
}
"""What the page's own module makes of figures and names."""


def test_figures_are_written_as_people_read_them(world: World, pages: Pages) -> None:
    """Times, amounts, sizes and hostile names, at the edges, too."""
    page = pages.open("/why")
    module = page.locator("script[type=module]").get_attribute("src") or ""
    read = f"import('{module.replace('app.js', 'format.js')}')"
    calls = ", ".join(f"format.{call}" for call in WRITTEN)
    assert page.evaluate(f"{read}.then((format) => [{calls}])") == list(WRITTEN.values())


def test_page_names_where_it_is_not(world: World, pages: Pages) -> None:
    """A wrong address says so."""
    page = pages.open("/runs/0")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing here")
