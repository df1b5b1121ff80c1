"""`batchjson generate` and `batchjson process`, together: what one makes, the other reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cloud


def test_clean_files_are_found_valid_by_the_engine(cloud: Cloud, folder: Path) -> None:
    """Every record of a clean file passes the worker's own rules, and the report shows what was planted."""
    cloud.invoke("generate", "--count", "2000", "--seed", "5", "--anomalies", "0.01", "-o", "a.json")
    result = cloud.invoke("process", "a.json", "-o", "out", "--json")
    assert result.code == 0
    assert result.document["outcome"]["counts"] == {
        "total_transactions": 2_000, "valid_transactions": 2_000, "invalid_transactions": 0,
    }  # fmt: skip
    report = json.loads((folder / "out" / "report.json").read_bytes())
    assert report["validation"]["count_matches"] is True
    assert report["anomalies"]["inconsistent_amounts_count"] == 4
    concerns = {pattern["concern"] for pattern in report["anomalies"]["suspicious_patterns"]}
    assert len(concerns) == 3


@pytest.mark.parametrize("options", [("--shape", "ndjson"), ("--shape", "array", "--gzip"), ("--pretty",)])
def test_broken_records_are_found_by_the_engine(cloud: Cloud, folder: Path, options: tuple[str, ...]) -> None:
    """In every shape the worker counts exactly the codes that the generator says it planted."""
    common = ("--count", "450", "--seed", "5", "--broken", "0.2", "--json", *options)
    made = cloud.invoke("generate", *common).document["files"][0]
    outcome = cloud.invoke("process", made["path"], "--json").document["outcome"]
    assert outcome["errors_by_code"] == made["broken"]
    assert len(made["broken"]) == 9
    assert outcome["counts"]["invalid_transactions"] == 90


def test_process_shows_the_figures(cloud: Cloud, folder: Path) -> None:
    """A person sees totals, customers, categories and what stands out, in sixty columns."""
    cloud.invoke("generate", "--seed", "5", "-o", "a.json")
    result = cloud.invoke("process", "a.json", width=60)
    for expected in ("✓ succeeded", "1 000 of 1 000 transactions valid", "Top customers", "Electronics"):
        assert expected in result.out
    assert max(map(len, result.out.splitlines())) <= 60
    assert (folder / "results" / "a.json" / "report.json").is_file()


def test_a_rejected_file_has_its_own_exit_code(cloud: Cloud, folder: Path) -> None:
    """Scripts tell bad input from a command that failed."""
    (folder / "-bad.json").write_text("{nonsense")
    result = cloud.invoke("process", "--", "-bad.json")
    assert result.code == 3
    assert "malformed_json" in result.out


def test_several_files_are_numbered(cloud: Cloud, folder: Path) -> None:
    """Files of one data set stand side by side, each with its own records."""
    result = cloud.invoke("generate", "--files", "3", "--count", "10", "--seed", "1", "--shape", "ndjson", "--json")
    paths = [Path(file["path"]) for file in result.document["files"]]
    assert [path.as_posix() for path in paths] == [f"samples/transactions-000{n}.ndjson" for n in (1, 2, 3)]
    assert len({path.read_bytes() for path in paths}) == 3


def test_a_chosen_seed_is_told_and_makes_the_same_again(cloud: Cloud, folder: Path) -> None:
    """Without --seed, a file can still be made again."""
    first = cloud.invoke("generate", "-o", "a.json", "--json").document
    cloud.invoke("generate", "-o", "b.json", "--seed", str(first["seed"]))
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_nothing_is_overwritten_unasked(cloud: Cloud, folder: Path) -> None:
    """Off a terminal nobody can be asked: the command fails, and --force overwrites."""
    (folder / "a.json").write_text("mine")
    result = cloud.invoke("generate", "-o", "a.json")
    assert (result.code, (folder / "a.json").read_text()) == (1, "mine")
    assert "--force" in result.err
    assert cloud.invoke("generate", "-o", "a.json", "--force").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--count", "0"),
        ("--broken", "1.5"),
        ("--shape", "xml"),
        ("--pretty", "--shape", "ndjson"),
        ("--files", "2", "-o", "a.json"),
        ("--start", "soon"),
    ],
)
def test_wrong_usage_has_its_own_exit_code(cloud: Cloud, folder: Path, arguments: tuple[str, ...]) -> None:
    """Nothing is made when the question makes no sense."""
    result = cloud.invoke("generate", *arguments)
    assert result.code == 2
    assert not list(folder.iterdir())


def test_quiet_says_nothing_but_results(cloud: Cloud, folder: Path) -> None:
    """With --quiet, stderr stays empty."""
    assert cloud.invoke("generate", "--quiet").err == ""


def test_a_folder_that_cannot_be_written_is_one_line(cloud: Cloud, folder: Path) -> None:
    """The reason and the name, no traceback."""
    (folder / "file").write_text("")
    result = cloud.invoke("generate", "-o", "file/below")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert "file" in result.err
