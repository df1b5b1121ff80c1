"""One run of one task: its directory, its process, its time limit, and the upload of its output files."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

from local.batch import processes
from local.batch.blobupload import BlobUploader, UploadFailed
from local.batch.commands import CannotStart
from local.batch.durations import parse_duration
from local.batch.layout import TaskDirectory
from local.batch.models import FailureInfo, Task
from local.batch.outputfiles import Upload, due, uploads
from local.batch.runs import Run

ENDED = FailureInfo(category="usererror", code="TaskEnded", message="Task Was Ended by User Request")
"""Why a task that somebody ended has failed."""
_TIMED_OUT = FailureInfo(
    category="usererror", code="TaskEnded", message="Task exceeded its maximum wall clock time and was ended"
)
_FAILED = FailureInfo(
    category="usererror",
    code="FailureExitCode",
    message="The task exited with an exit code representing a failure",
)
_LONGEST_WAIT = timedelta(days=365)
"""Event loops cannot wait for the longest durations; a task that is given more than this is given no limit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; ``timed_out`` runs are not retried."""

    exit_code: int | None = None
    failure: FailureInfo | None = None
    timed_out: bool = False

    @property
    def retryable(self) -> bool:
        """Only a program's own failure is retried: REST reference, ``maxTaskRetryCount``."""
        return self.failure == _FAILED and not self.timed_out


@dataclass(frozen=True, slots=True)
class Program:
    """What one run executes, and where.

    Parameters
    ----------
    node_directories
        Further directories that must be there.
    """

    words: list[str]
    environment: Mapping[str, str]
    directory: TaskDirectory
    node_directories: tuple[Path, ...] = ()


class Runner:
    """Executes runs.

    Parameters
    ----------
    note_process
        Called with a task's key and its process's mark as soon as there is one, so that a later server finds it.
    """

    def __init__(self, uploader: BlobUploader, note_process: Callable[[int, str | None], None], grace: float) -> None:
        self._uploader = uploader
        self._note_process = note_process
        self._grace = grace

    async def execute(self, run: Run, program: Program) -> Outcome:
        """Run a task's program to its end, and upload what it left."""
        try:
            outcome = await self._in_directory(run, program)
        except CannotStart as problem:
            return Outcome(failure=problem.failure)
        if run.ending is not None:
            return Outcome(outcome.exit_code, ENDED)
        return await self._with_uploads(run, program, outcome)

    async def _in_directory(self, run: Run, program: Program) -> Outcome:
        directory = program.directory
        try:
            for needed in (directory.working, *program.node_directories):
                needed.mkdir(parents=True, exist_ok=True)
            with directory.stdout.open("wb") as out, directory.stderr.open("wb") as err:
                process = await self._start(program, out, err)
        except OSError as problem:
            raise CannotStart("CommandLaunchFailed", f"Failed to launch the command line: {problem}") from problem
        self._note_process(run.row.key, processes.mark(process.pid))
        timed_out = await self._until_end(process, run)
        code = process.returncode if process.returncode is not None else 0
        # As a shell and Docker report a signal: "exit code for a process terminated by a signal is 128 + n".
        exit_code = 128 - code if code < 0 else code
        if timed_out:
            return Outcome(exit_code, _TIMED_OUT, timed_out=True)
        return Outcome(exit_code, _FAILED if exit_code else None)

    async def _start(self, program: Program, out: IO[bytes], err: IO[bytes]) -> asyncio.subprocess.Process:
        words, directory = program.words, program.directory.working
        try:
            return await processes.spawn(words, program.environment, directory, out, err)
        except FileNotFoundError as missing:
            message = f"The specified command program is not found: {words[0]}"
            raise CannotStart("CommandProgramNotFound", message) from missing

    async def _until_end(self, process: asyncio.subprocess.Process, run: Run) -> bool:
        """Wait for the process, its time limit, or an order to stop; tell whether it was the limit."""
        exited = asyncio.ensure_future(process.wait())
        stopped = asyncio.ensure_future(run.stop.wait())
        done, _ = await asyncio.wait(
            {exited, stopped}, timeout=wall_clock(run.row.task), return_when=asyncio.FIRST_COMPLETED
        )
        stopped.cancel()
        if exited.done():
            # What the program left behind ends with it, as on a node.
            processes.signal_group(process.pid, signal.SIGKILL)
        else:
            await processes.end(process, self._grace)
            await exited
        return not done

    async def _with_uploads(self, run: Run, program: Program, outcome: Outcome) -> Outcome:
        outputs = due(run.row.task.output_files, succeeded=outcome.failure is None)
        if not outputs:
            return outcome
        try:
            await asyncio.to_thread(self._upload, run.row.task, program, succeeded=outcome.failure is None)
        except UploadFailed as problem:
            return Outcome(outcome.exit_code, outcome.failure or problem.failure, timed_out=outcome.timed_out)
        return outcome if run.ending is None else Outcome(outcome.exit_code, ENDED)

    def _upload(self, task: Task, program: Program, *, succeeded: bool) -> None:
        """Upload all that is due; the log files are those that Batch itself leaves on the node."""
        directory = program.directory
        with (directory.path / "fileuploadout.txt").open("w", encoding="utf-8") as log:
            for output in due(task.output_files, succeeded=succeeded):
                found = list(uploads(output, directory.working, program.environment))
                print(f"{output.file_pattern}: {len(found)} files", file=log)
                for upload in found:
                    self._upload_one(upload, directory, log)

    def _upload_one(self, upload: Upload, directory: TaskDirectory, log: IO[str]) -> None:
        try:
            self._uploader.put(upload)
        except UploadFailed as problem:
            (directory.path / "fileuploaderr.txt").write_text(f"{upload.file}: {problem}\n", encoding="utf-8")
            raise
        print(f"{upload.file} -> {upload.blob}", file=log)


def wall_clock(task: Task) -> float | None:
    """The seconds that a task may run; None without a limit."""
    text = task.constraints.max_wall_clock_time if task.constraints else None
    limit = parse_duration(text) if text else None
    return None if limit is None or limit > _LONGEST_WAIT else limit.total_seconds()
