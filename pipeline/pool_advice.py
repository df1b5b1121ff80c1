"""What a person can do about a pool or a node that is not well: one piece of advice a code of Azure Batch.

Codes: "Azure Batch pool and node errors" and the enumerations PoolResizeErrorCodes, ComputeNodeErrorCodes and
TaskFailureInformationCodes of the Batch documentation.
"""

from __future__ import annotations

RESIZE: dict[str, str] = {
    "AccountCoreQuotaReached": "The Batch account's cores are used up. Ask for more quota, lower the formula's cap, or "
    "take a VM size with fewer cores.",
    "AccountLowPriorityCoreQuotaReached": "The account's Spot cores are used up. Ask for more quota, or lower the "
    "formula's cap.",
    "AccountVMSeriesCoreQuotaReached": "The account's cores of this VM family are used up. Ask for more quota, or take "
    "a VM size of another family.",
    "AllocationFailed": "The nodes could not be allocated: most often the region has no room for this VM size now, or "
    "a lock, a policy or a network rule forbids it. Read the message; take another VM size or region, or lift that.",
    "AllocationTimedOut": "The nodes were not allocated in time. Batch tries again with the next evaluation of the "
    "formula; lengthen the pool's resize timeout if it happens again.",
    "RemoveNodesFailed": "Batch could not take nodes out of the pool. It tries again with the next resize.",
    "ResizeStopped": "Somebody stopped the resize. The next evaluation of the formula begins another.",
}
"""For `resizeErrors` of a pool."""

NODE: dict[str, str] = {
    "ContainerInvalidImage": "The node could not fetch the worker image. Check that the image exists and that the "
    "pool's identity may pull it (AcrPull). An old node's token for the registry may have run out: remove the node.",
    "ContainerPoolNotSupported": "The pool's VM image cannot run containers. Make the pool of an image that can.",
    "DiskFull": "The node's disk is full. Remove the node; if it happens again, take a VM size with a larger disk or "
    "fewer task slots.",
    "NodeAgentUnhealthy": "Batch's agent on the node does not answer. Reboot the node, and remove it if that is in "
    "vain.",
}
"""For `errors` of a node, and failures of tasks that are the node's."""

START_TASK = (
    "The pool's start task failed: its output is in the node's startup folder. Put it right in the pool's definition, "
    "then remove the nodes: new ones run it again."
)
UNUSABLE = (
    "Batch cannot use the node, and does not say why. Reboot it, and remove it if that is in vain. In a virtual "
    "network: check that the rules let Batch in and the node out."
)
OFFLINE = "Tasks may not be scheduled on the node. Enable scheduling, reboot it, or remove it."
FORMULA = "Correct the pool's autoscale formula; `batchjson pool formula` shows and checks it."


def resize_advice(code: str) -> str:
    """Say what to do about a resize error; never empty."""
    return RESIZE.get(code, "Look the code up in Azure Batch's documentation of resize errors; Batch goes on trying.")


def node_advice(code: str) -> str:
    """Say what to do about an error of a node; never empty."""
    return NODE.get(code, UNUSABLE)
