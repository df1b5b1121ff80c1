"""`batchjson doctor`."""

from __future__ import annotations

from pipeline.pool import Node, NodeState
from shared.errors import AccessDenied
from tests.unit.cli.conftest import NOW, Cloud


def a_working(cloud: Cloud) -> Cloud:
    """A cloud in which all is well."""
    cloud.blobs.clock = lambda: NOW
    cloud.pool.add(Node("n1", NodeState.IDLE))
    return cloud


def test_doctor_tells_line_by_line_within_80_columns(cloud: Cloud) -> None:
    """Exit code 0 when nothing failed."""
    result = a_working(cloud).invoke("doctor")
    assert result.code == 0
    assert "✓ ok" in result.out
    assert "All is well" in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_failure_has_its_fix_and_an_exit_code(cloud: Cloud) -> None:
    """In JSON as well."""
    a_working(cloud).bus.fail_next.append(AccessDenied("Service Bus refused\x1b[31m this identity."))
    result = cloud.invoke("doctor")
    assert result.code == 3
    assert "→ Give this identity the role" in result.out
    assert "\x1b" not in result.out
    cloud.bus.fail_next.append(AccessDenied("Service Bus refused this identity."))
    document = cloud.invoke("doctor", "--json").document
    assert document["counts"]["fail"] == 1
    [line] = [line for line in document["lines"] if line["health"] == "fail"]
    assert (line["area"], line["said"]) == ("bus", "Service Bus refused this identity.")
