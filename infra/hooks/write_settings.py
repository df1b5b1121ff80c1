"""Writes the settings of a deployment for `batchjson` on the operator's machine, in the form of local.settings.json.

What the deployment put out comes from azd's environment; everything else is as in infra/app-settings.json, so that a
replay by hand goes by the same limits as the function app. It holds no secret. Standard library only: a hook runs it.

    python3 infra/hooks/write_settings.py
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = (
    "STORAGE__blobServiceUri",
    "STORAGE__queueServiceUri",
    "STORAGE__tableServiceUri",
    "SERVICEBUS__fullyQualifiedNamespace",
    "BATCH__accountEndpoint",
    "BATCH_POOL_ID",
    "WORKER_IMAGE",
    "WORKER_IDENTITY_CLIENT_ID",
    "WORKER_IDENTITY_RESOURCE_ID",
)
"""Outputs of infra/main.bicep that are settings."""


def main() -> int:
    """Write the file of the environment that azd works with, and print where."""
    missing = [name for name in ("AZURE_ENV_NAME", *OUTPUTS) if not os.environ.get(name)]
    if missing:
        print(
            f"Not set: {', '.join(missing)}. Run azd provision first; azd hooks run postdeploy sets them.",
            file=sys.stderr,
        )
        return 1
    file = ROOT / ".azure" / os.environ["AZURE_ENV_NAME"] / "batchjson.settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    editable = json.loads((ROOT / "infra" / "app-settings.json").read_text(encoding="utf-8"))
    file.write_text(json.dumps(document(editable, os.environ), indent=2) + "\n", encoding="utf-8")
    print(file)
    return 0


def document(editable: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, object]:
    """The settings file. References to secrets are the function app's: they mean nothing elsewhere."""
    own = {name: value for name, value in editable.items() if not value.startswith("@Microsoft.KeyVault(")}
    return {"IsEncrypted": False, "Values": own | {name: environment[name] for name in OUTPUTS}}


if __name__ == "__main__":
    sys.exit(main())
