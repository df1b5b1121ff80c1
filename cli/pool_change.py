"""`batchjson pool create`, `resize`, `recycle`: for who deploys by hand; `azd up` makes the pool by itself."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.text import Text

from cli.common import ROOT, Invocation, cloud_command
from cli.errors import CommandFailed
from cli.pool import POOL_NEEDS, no_pool
from cli.text import counted, shown
from cli.tools import find_tool, run_tool
from shared.settings import FUNCTION_APP_NEEDS

if TYPE_CHECKING:
    from pipeline.pool import Node, PoolState
    from pipeline.services import Services

TEMPLATE = ROOT / "infra" / "modules" / "pool.bicep"
CREATE_NEEDS = FUNCTION_APP_NEEDS - {"SERVICEBUS", "BATCH_POOL_ID"}
_MOST_REMOVED = 100
"""By one call, and while it is at work the pool takes no other ("Pool - Remove Nodes", Batch REST API)."""
_BY_DIGEST = re.compile(r"(?P<registry>[^/@:]+(?::\d+)?)/[^@]+@sha256:[0-9a-f]{64}")
_AZ = "Install the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli"


class How(StrEnum):
    """How a node is recycled."""

    REMOVE = "remove"
    REBOOT = "reboot"


@cloud_command
def create(
    invocation: Invocation,
    *,
    resource_group: Annotated[str, typer.Option("--resource-group", "-g", help="Of the Batch account.")],
    vm_size: Annotated[str, typer.Option(help="VM size.")] = "Standard_D4ads_v5",
    slots: Annotated[int, typer.Option(min=1, max=64, help="Tasks that a node runs at once.")] = 4,
    max_nodes: Annotated[int, typer.Option(min=1, max=100, help="Most nodes: what bounds the bill.")] = 10,
    spot: Annotated[int, typer.Option(min=0, max=100, metavar="PERCENT", help="Share of Spot nodes.")] = 80,
    subnet: Annotated[str, typer.Option(metavar="ID", help="Subnet of the nodes.")] = "",
    what_if: Annotated[bool, typer.Option("--what-if", help="Show what would change; change nothing.")] = False,
) -> None:
    """Make the pool for WORKER_IMAGE (infra/modules/pool.bicep), and print its id.

    It goes through the Azure CLI: what Batch itself offers to make a pool with cannot give it an identity. A pool for
    another image, size or subnet gets another id; the old one stays until you delete it.
    """
    services, output = invocation.services(CREATE_NEEDS), invocation.output
    parameters = _parameters(services) | {
        "vmSize": vm_size,
        "taskSlotsPerNode": str(slots),
        "maxNodes": str(max_nodes),
        "spotPercent": str(spot),
        "subnetId": subnet,
    }
    find_tool("az", fix=_AZ)
    place = ["--resource-group", resource_group, "--name", "batchjson-pool", "--template-file", str(TEMPLATE)]
    given = ["--parameters", *(f"{name}={value}" for name, value in parameters.items())]
    if what_if:
        output.show(Text(run_tool(["az", "deployment", "group", "what-if", *place, *given])))
        return
    asked = ["--query", "values(properties.outputs)[0].value", "--output", "tsv"]
    output.say("Making the pool")
    pool_id = run_tool(["az", "deployment", "group", "create", *place, *given, *asked])
    output.document({"pool": pool_id})
    output.show(Text(shown(pool_id)))
    output.say("Name it in the app's settings: BATCH_POOL_ID. Tasks of the old pool's jobs end there.")


def _parameters(services: Services) -> dict[str, str]:
    """What the settings say about a pool."""
    settings = services.settings
    connection = settings.connection("BATCH")
    if connection.on_this_machine:
        raise CommandFailed("This is the local cloud: its pool is made when it starts.", next_command="make up")
    image = _BY_DIGEST.fullmatch(settings.worker_image)
    if image is None:
        raise CommandFailed(
            f"WORKER_IMAGE is not named by its digest: {shown(settings.worker_image)}",
            fix="A pool fetches its image once, and a tag may mean another one tomorrow.",
            next_command="batchjson image push REGISTRY/NAME:TAG",
        )
    if not settings.worker_identity_resource_id:
        raise CommandFailed("WORKER_IDENTITY_RESOURCE_ID is missing: the identity that the nodes are to have.")
    host = urlsplit(connection.require("accountEndpoint")).hostname or ""
    return {
        "batchName": host.partition(".")[0],
        "image": settings.worker_image,
        "registryServer": image["registry"],
        "identityId": settings.worker_identity_resource_id,
    }


@cloud_command
def resize(
    invocation: Invocation,
    dedicated: Annotated[int, typer.Argument(min=0, max=1_000, metavar="NODES", help="Dedicated nodes.")],
    *,
    spot: Annotated[int, typer.Option(min=0, max=1_000, help="Spot nodes that it is to have.")] = 0,
    by_hand: Annotated[bool, typer.Option("--by-hand", help="Turn its autoscale formula off first.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Take tasks off nodes that leave; they run again.")] = False,
) -> None:
    """Give the pool so many nodes. Those that leave end their tasks first."""
    services, output = invocation.services(POOL_NEEDS), invocation.output
    pool = _present(services)
    if pool.formula is not None:
        _by_hand(services, allowed=by_hand)
    services.pool.resize(dedicated, spot, drain=not now)
    output.document({"pool": pool.pool_id, "target_dedicated": dedicated, "target_spot": spot})
    output.show(Text(f"{shown(pool.pool_id)} is to have {counted(dedicated, 'dedicated node')} and {spot} Spot."))
    if pool.formula is not None:
        output.say("Its formula is off: the pool stays at that size until it is deployed again (azd provision).")
    output.say("Nodes take minutes to come: batchjson pool show")


def _by_hand(services: Services, *, allowed: bool) -> None:
    if not allowed:
        raise CommandFailed(
            "The pool's size is set by its autoscale formula.",
            fix="Its cap is BATCHJSON_MAX_NODES (docs/deployment.md). To set the size yourself, turn the formula off: "
            "--by-hand. Nobody turns it on again but a deployment.",
        )
    services.pool.stop_scaling()


@cloud_command
def recycle(
    invocation: Invocation,
    nodes: Annotated[list[str] | None, typer.Argument(metavar="[NODE]...", help="Which nodes; all by default.")] = None,
    *,
    how: Annotated[How, typer.Option("--how", help="Remove them, or reboot them.")] = How.REMOVE,
    now: Annotated[bool, typer.Option("--now", help="Take their tasks off them; they run again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put new nodes in place of old ones: with new tokens, a new OS image, the start task run again.

    They end their tasks first, unless --now is given. Removed nodes are replaced by the pool's formula.
    """
    services, output = invocation.services(POOL_NEEDS), invocation.output
    pool = _present(services)
    chosen = _chosen(services.pool.nodes(), nodes or [])
    verb = how.value.title()
    if chosen and not yes:
        output.confirm(f"{verb} {counted(len(chosen), 'node')} of {shown(pool.pool_id)}?", "Say --yes to be not asked.")
    left = _recycle(services, chosen, how, drain=not now)
    chosen = chosen[: len(chosen) - left]
    output.document({"pool": pool.pool_id, "how": how.value, "nodes": chosen, "left": left})
    done = "Rebooting" if how is How.REBOOT else "Removing"
    output.show(Text(f"{done} {counted(len(chosen), 'node')}." if chosen else "The pool has no nodes."))
    if left:
        output.say(f"Batch removes {_MOST_REMOVED} at a time: {left} are left. Run this again when these are gone.")
    if chosen and how is How.REMOVE and pool.formula is None:
        output.say(f"It scales by hand, and is smaller now: batchjson pool resize {pool.target_dedicated}")


def _recycle(services: Services, nodes: list[str], how: How, *, drain: bool) -> int:
    """Recycle as many as Batch takes; return how many are left."""
    if how is How.REBOOT:
        for node in nodes:
            services.pool.reboot(node, drain=drain)
        return 0
    if nodes:
        services.pool.remove(nodes[:_MOST_REMOVED], drain=drain)
    return max(len(nodes) - _MOST_REMOVED, 0)


def _chosen(present: list[Node], named: list[str]) -> list[str]:
    names = [node.node_id for node in present]
    unknown = [name for name in named if name not in names]
    if unknown:
        raise CommandFailed(f"The pool has no node {shown(unknown[0])}.", next_command="batchjson pool show")
    return named or names


def _present(services: Services) -> PoolState:
    pool = services.pool.state()
    if pool is None:
        raise no_pool(services)
    return pool
