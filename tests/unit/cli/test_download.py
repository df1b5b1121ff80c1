"""`batchjson download`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.locations import prefix_of
from shared.runs import RunState
from tests.unit.cli.conftest import Cloud


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_run_is_downloaded_into_a_folder_of_its_own(cloud: Cloud, folder: Path) -> None:
    """Report and outcome arrive under the blob's name and the run's id, by run id or by blob name."""
    run = cloud.run("sales/june.json")
    result = cloud.invoke("download", "sales/june.json", "--json")
    home = f"results/sales_june.json-{run.run_id[:12]}"
    assert files_below(folder) == [f"{home}/outcome.json", f"{home}/report.json"]
    assert sorted(result.document["runs"][0]["files"]) == files_below(folder)
    assert json.loads((folder / home / "outcome.json").read_bytes())["order_count"] == 871


@pytest.mark.parametrize(
    "name", ["../../x.json", "/etc/cron.d/x.json", "C:\\x.json", "a/../../../b.json", "n" * 900 + ".json", "..\\x.json"]
)
def test_hostile_names_stay_inside_the_folder(cloud: Cloud, folder: Path, name: str) -> None:
    """Whatever a blob is called, nothing is written beside the output folder."""
    run = cloud.run(name)
    (folder / "in" / "side").mkdir(parents=True)
    assert cloud.invoke("download", run.run_id, "--output", "in/side/results").code == 0
    assert len(files_below(folder)) == 2
    assert all(path.startswith("in/side/results/") for path in files_below(folder))


def test_outputs_with_other_names_are_left_where_they_are(cloud: Cloud, folder: Path) -> None:
    """Only what a worker writes is downloaded, even when somebody put more beside it."""
    run = cloud.run("a.json")
    cloud.blobs.put("batch-output", prefix_of(run) + "../../evil.json", b"x")
    cloud.blobs.put("batch-output", prefix_of(run) + "sub/report.json", b"x")
    cloud.invoke("download", run.run_id)
    assert [Path(path).name for path in files_below(folder)] == ["outcome.json", "report.json"]


def test_names_that_differ_in_case_do_not_meet(cloud: Cloud, folder: Path) -> None:
    """On systems that ignore case, two blobs still have two folders."""
    cloud.run("a.json")
    cloud.run("A.json")
    cloud.run("a/b.json")
    cloud.run("a_b.json")
    assert cloud.invoke("download", "--all").code == 0
    assert len({path.lower() for path in files_below(folder)}) == 8


def test_logs_come_along_when_asked_for(cloud: Cloud, folder: Path) -> None:
    """A failed run has no report; its task's output is what there is."""
    run = cloud.run("a.json", RunState.FAILED)
    cloud.blobs.put("batch-logs", prefix_of(run) + "stderr.txt", b"Killed")
    assert cloud.invoke("download", run.run_id, "--logs").code == 0
    assert [Path(path).name for path in files_below(folder)] == ["stderr.txt"]


def test_a_run_that_left_nothing_is_a_failure(cloud: Cloud, folder: Path) -> None:
    """The others are downloaded all the same; the message has the run's id and the next command."""
    good, open_run = cloud.run("a.json"), cloud.run("b.json", RunState.SUBMITTED)
    result = cloud.invoke("download", good.run_id, open_run.run_id)
    assert result.code == 1
    assert f"batchjson show {open_run.run_id}" in result.err
    assert len(files_below(folder)) == 2


def test_runs_must_be_named_or_all_asked_for(cloud: Cloud, folder: Path) -> None:
    """Neither or both is wrong usage."""
    assert cloud.invoke("download").code == 2
    assert cloud.invoke("download", "a.json", "--all").code == 2


def test_all_of_nothing_is_nothing(cloud: Cloud, folder: Path) -> None:
    """With no runs there is nothing to do, and that is told."""
    result = cloud.invoke("download", "--all")
    assert (result.code, result.out) == (0, "")
    assert "No run has an outcome yet." in result.err
