from __future__ import annotations

import socket

import pytest

from tests.support.ports import dead_port, free_port, free_ports


def test_free_ports_are_distinct_and_not_those_of_outgoing_connections() -> None:
    found = free_ports(20, neighbours=(10_000,))
    assert len(set(found)) == 20
    assert all(port >= 20_000 and port + 10_000 < 32_768 for port in found)


def test_a_port_that_is_taken_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr("tests.support.ports._FIRST", port)
    monkeypatch.setattr("tests.support.ports._END", port + 1)
    assert free_port() == port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RuntimeError, match="no 1 free ports"):
        free_port()


def test_a_dead_port_refuses_and_nobody_gets_it() -> None:
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", dead_port()), timeout=30)
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("127.0.0.1", dead_port()))
