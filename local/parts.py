"""What the local cloud consists of, and how each part is started."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping

from local.errors import CloudFailed
from local.keyless import Keyless
from local.layout import Layout
from local.ports import Ports
from local.processes import ROOT, PartSpec
from local.storage import READY, SERVICES, azurite_command

FUNCTIONS = "functions"
IDENTITY = "identity"
STORAGE = "storage"
DASHBOARD_PATH = "/api/dashboard/"
ENTITIES = ROOT / "local" / "entities.json"
_SAVE_SECONDS = 15.0
"""Azurite writes its index to disk when it is asked to end; killed before that, it forgets its last containers."""
_DRAIN_SECONDS = 13.0
"""The Functions host waits ten seconds for calls that run."""


def identity_part(keyless: Keyless) -> PartSpec:
    """The endpoint that hands out tokens."""
    ports, state = keyless.ports, keyless.layout.state_of(IDENTITY)
    return PartSpec(
        IDENTITY,
        "Identity endpoint",
        f"http://127.0.0.1:{ports.identity}",
        _python("local.identity", "--port", ports.identity, "--state", state),
        environment={"IDENTITY_HEADER": keyless.header},
    )


def basic_parts(
    ports: Ports, layout: Layout, settings: Mapping[str, str], keyless: Keyless | None = None
) -> list[PartSpec]:
    """All parts but the Functions host and the identity endpoint."""
    access = keyless.access if keyless else None
    http, amqp = ("https", "amqps") if access else ("http", "amqp")
    tokens = access.options() if access else []
    return [
        PartSpec(
            STORAGE,
            "Storage (Azurite)",
            f"{http}://127.0.0.1:{ports.blob}",
            azurite_command(ports, layout.state_of("azurite"), access),
            ready=READY,
            times=SERVICES,
            grace=_SAVE_SECONDS,
        ),
        PartSpec(
            "servicebus",
            "Service Bus",
            f"{amqp}://127.0.0.1:{ports.servicebus}",
            _python(
                "local.servicebus",
                "--config",
                ENTITIES,
                "--port",
                ports.servicebus,
                "--state",
                layout.state_of("servicebus"),
                *tokens,
            ),
            ready=re.compile(r"^listening on amqp", re.MULTILINE),
        ),
        PartSpec(
            "batch",
            "Batch",
            f"{http}://127.0.0.1:{ports.batch}",
            _python(
                "local.batch",
                "--port",
                ports.batch,
                "--state",
                layout.state_of("batch"),
                "--pools",
                layout.pools,
                *tokens,
            ),
            environment=keyless.node if keyless else {},
            grace=10.0,
        ),
        PartSpec(
            "mail",
            "Mail",
            f"http://127.0.0.1:{ports.mail}",
            _python(
                "local.mail",
                "--smtp-port",
                ports.smtp,
                "--http-port",
                ports.mail,
                "--acs-port",
                ports.acs,
                "--state",
                layout.state_of("mail"),
                *tokens,
            ),
            times=2 if tokens else 1,
        ),
        PartSpec(
            "webhooks",
            "Webhooks",
            f"http://127.0.0.1:{ports.webhooks}",
            _python("local.webhooks", "--port", ports.webhooks, "--state", layout.state_of("webhooks")),
            environment={"WEBHOOK_SECRET": settings.get("WEBHOOK_SECRETS", "").partition(",")[0]},
        ),
    ]


def host_part(ports: Ports, layout: Layout, keyless: Keyless | None = None) -> PartSpec:
    """The local Functions host."""
    state = layout.state_of("host")
    command = _python(
        "local.host", "--app", ROOT, "--settings", layout.settings, "--port", ports.functions, "--state", state
    )
    return PartSpec(
        FUNCTIONS,
        "Functions host",
        f"http://127.0.0.1:{ports.functions}",
        command,
        environment=keyless.app if keyless else {},
        grace=_DRAIN_SECONDS,
    )


def core_tools_part(ports: Ports) -> PartSpec:
    """Azure Functions Core Tools instead of our host; they read local.settings.json in the project's root.

    Raises
    ------
    CloudFailed
        When they are not installed.
    """
    tool = shutil.which("func")
    if tool is None:
        raise CloudFailed("Core Tools (func) are not on the path: install them, or leave --func out.")
    return PartSpec(
        FUNCTIONS,
        "Functions (Core Tools)",
        f"http://127.0.0.1:{ports.functions}",
        [tool, "start", "--port", str(ports.functions)],
        ready=re.compile(r"Worker process started and initialized|Host lock lease acquired"),
        environment={"languageWorkers__python__defaultExecutablePath": sys.executable},
        grace=_DRAIN_SECONDS,
    )


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *(os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments)]
