"""`python -m tests.bench.small`: the whole worker process on a file of about 1 KB, against Azurite."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from statistics import median
from uuid import uuid4

from azure.storage.blob import BlobServiceClient

from shared.task import Limits, TaskParameters
from tests.bench import data
from tests.bench.contenders import ROOT
from tests.bench.measure import Measured, measure
from tests.parts import azurite

_ROUNDS = 7
_IMPORT = re.compile(rb"import time:\s+(\d+) \|")
_WORKER = (sys.executable, "-m", "worker")


def main() -> int:
    """Measure, and print the medians."""
    with tempfile.TemporaryDirectory() as scratch, azurite(Path(scratch)) as connection:
        os.environ.update(_task(connection, Path(scratch)).to_environment(), STORAGE=connection)
        runs = [measure(_WORKER, ROOT) for _ in range(_ROUNDS)]
        imports = [_seconds_of_imports() for _ in range(_ROUNDS)]
    print(f"whole process: {median(map(_wall, runs)):.2f} s, {median(run.cpu_seconds for run in runs):.2f} CPU seconds")
    print(f"of which imports: {median(imports):.2f} s")
    return 0


def _wall(run: Measured) -> float:
    return run.seconds


def _task(connection: str, scratch: Path) -> TaskParameters:
    file = scratch / "small.json"
    data.make(file, 1)
    with BlobServiceClient.from_connection_string(connection) as service:
        inputs, outputs = service.create_container("inputs"), service.create_container("outputs")
        etag = str(inputs.upload_blob(file.name, file.read_bytes()).get_blob_properties().etag).strip('"')
    run_id = uuid4().hex
    return TaskParameters(
        run_id=run_id,
        attempt=1,
        input_container=inputs.container_name,
        blob_name=file.name,
        etag=etag,
        size=file.stat().st_size,
        output_container=outputs.container_name,
        output_prefix=f"{file.name}/{run_id}/",
        limits=Limits(),
        traceparent="",
    )


def _seconds_of_imports() -> float:
    """What Python itself says that the imports of a run take; saying so takes some time, too."""
    text = measure((sys.executable, "-X", "importtime", *_WORKER[1:]), ROOT).stderr
    return sum(map(int, _IMPORT.findall(text))) / 1e6


if __name__ == "__main__":
    sys.exit(main())
