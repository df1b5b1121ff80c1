"""The local Batch, with nodes that run nothing: each task leaves a fixed outcome at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import httpx

import local.batch.server
from local.batch.__main__ import main
from local.batch.blobupload import BlobUploader
from local.batch.runner import Outcome as Ended
from local.batch.runner import Program, Runner
from local.batch.runs import Run
from shared.outcome import Outcome, encode_outcome
from shared.task import TaskParameters

OUTPUT = "BENCH_OUTPUT_URL"
"""The environment variable with the URL of the output container, and a SAS that lets write."""
_SECONDS = 60


class StubRunner(Runner):
    """Writes the outcome in the worker's place."""

    def __init__(self, uploader: BlobUploader, note_process: Callable[[int, str | None], None], grace: float) -> None:
        super().__init__(uploader, note_process, grace)
        self._client = httpx.AsyncClient(trust_env=False, timeout=_SECONDS)
        self._container, _, self._sas = os.environ[OUTPUT].partition("?")

    async def execute(self, run: Run, program: Program) -> Ended:
        """Be done with a task."""
        task = TaskParameters.from_environment(program.environment)
        outcome = Outcome(status="succeeded", run_id=task.run_id, attempt=task.attempt, input_bytes=task.size)
        url = f"{self._container}/{task.output_prefix}outcome.json?{self._sas}"
        kind = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/json"}
        answer = await self._client.put(url, content=encode_outcome(outcome), headers=kind)
        answer.raise_for_status()
        return Ended(exit_code=0)


if __name__ == "__main__":
    vars(local.batch.server)["Runner"] = StubRunner
    sys.exit(main())
