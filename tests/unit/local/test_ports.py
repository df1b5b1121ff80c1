"""Ports."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from local.errors import PortsTaken
from local.ports import Ports, check_free, free_ports, is_free


def test_taken_port_names_port_part_and_what_to_do() -> None:
    """One message, for all ports that are taken."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        batch, smtp = one.getsockname()[1], other.getsockname()[1]
        rest = iter(port for port in range(20_000, 30_000) if is_free(port))
        ports = Ports(*(next(rest) for _ in Ports.__struct_fields__))
        with pytest.raises(PortsTaken) as refusal:
            check_free(msgspec.structs.replace(ports, batch=batch, smtp=smtp))
    assert f"Ports {batch} (Batch), {smtp} (mail, SMTP) in use" in str(refusal.value)
    assert "make up PORTS=free" in str(refusal.value)


def test_free_ports_are_free_and_different(tmp_path: Path) -> None:
    """One for each service."""
    ports = [port for _, port in free_ports(tmp_path / "ports.json").items()]
    assert len(set(ports)) == len(Ports.__struct_fields__)
    assert all(is_free(port) for port in ports)


def test_free_ports_of_the_last_run_are_taken_again(tmp_path: Path) -> None:
    """Addresses in the state stay true."""
    remembered = tmp_path / "ports.json"
    assert free_ports(remembered) == free_ports(remembered)


def test_taken_port_of_the_last_run_is_given_up(tmp_path: Path) -> None:
    """All are chosen anew then."""
    remembered = tmp_path / "ports.json"
    first = free_ports(remembered)
    with socket.create_server(("127.0.0.1", first.batch)):
        assert free_ports(remembered).batch != first.batch


def test_broken_memory_of_ports_is_begun_anew(tmp_path: Path) -> None:
    """It is only a convenience."""
    remembered = tmp_path / "ports.json"
    remembered.write_text("{")
    assert is_free(free_ports(remembered).batch)
