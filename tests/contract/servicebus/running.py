"""The broker as a process of its own, for tests that drive it over the real SDK."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from azure.servicebus import ServiceBusClient

ROOT: Final = Path(__file__).resolve().parents[3]
DEADLINE: Final = 30.0
QUEUE_COUNT: Final = 40

ENTITIES: Final[dict[str, Any]] = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "local",
                "Queues": [
                    *(
                        {"Name": f"queue-{number}", "Properties": {"MaxDeliveryCount": 3}}
                        for number in range(QUEUE_COUNT)
                    ),
                    {"Name": "hasty", "Properties": {"LockDuration": "PT1S"}},
                    {
                        "Name": "expiring",
                        "Properties": {"DefaultMessageTimeToLive": "PT0.2S", "DeadLetteringOnMessageExpiration": True},
                    },
                    {"Name": "unique", "Properties": {"RequiresDuplicateDetection": True}},
                ],
                "Topics": [
                    {
                        "Name": "events",
                        "Properties": {"RequiresDuplicateDetection": True},
                        "Subscriptions": [
                            {"Name": "all"},
                            {
                                "Name": "failed",
                                "Rules": [
                                    {
                                        "Name": "failed",
                                        "Properties": {
                                            "FilterType": "Sql",
                                            "SqlFilter": {"SqlExpression": "state IN ('failed', 'lost')"},
                                        },
                                    }
                                ],
                            },
                            {
                                "Name": "labelled",
                                "Rules": [
                                    {
                                        "Name": "labelled",
                                        "Properties": {
                                            "FilterType": "Correlation",
                                            "CorrelationFilter": {"Label": "run", "Properties": {"state": "failed"}},
                                        },
                                    }
                                ],
                            },
                        ],
                    }
                ],
            }
        ]
    }
}


class RunningBroker:
    """One broker over one folder, which may be killed and started again."""

    def __init__(self, folder: Path, entities: dict[str, Any] = ENTITIES) -> None:
        self.config = folder / "entities.json"
        self.state = folder / "state"
        self.log = folder / "broker.log"
        self.config.write_text(json.dumps(entities))
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def client(self) -> ServiceBusClient:
        """A client that does not try again by itself, so that what the broker answers is what a test sees."""
        return ServiceBusClient.from_connection_string(self.connection_string, socket_timeout=0.02, retry_total=0)

    @property
    def connection_string(self) -> str:
        """What a developer puts into the settings, in the form of Microsoft's emulator."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
        )

    def command(self, port: int = 0) -> list[str]:
        """The command line that starts the broker."""
        files = ["--config", str(self.config), "--state", str(self.state)]
        return [sys.executable, "-m", "local.servicebus", *files, "--port", str(port)]

    def start(self) -> None:
        """Starts the broker, on the port of before if there was one, and waits until it listens."""
        with self.log.open("a") as log:
            process = subprocess.Popen(
                self.command(self.port), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._process = process
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], DEADLINE)
        line = process.stdout.readline() if ready else ""
        assert line.startswith("listening on amqp://127.0.0.1:"), self.log.read_text()
        self.port = int(line.rsplit(":", 1)[1])

    def kill(self) -> None:
        """Ends the broker without a chance to say good-bye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ends the broker as a user does; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        assert process is not None
        self._process = None
        process.send_signal(number)
        code = process.wait(DEADLINE)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def close(self) -> None:
        """Ends the broker if it still runs."""
        if self._process is not None:
            self.kill()


def environment() -> dict[str, str]:
    """The environment of a broker, in which the project can be imported."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def deadline() -> float:
    """The moment at which a test gives up waiting."""
    return time.monotonic() + DEADLINE
