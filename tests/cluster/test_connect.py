from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from cluster.connect import connected
from longcap import paths
from tests.support.ports import dead_port


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """No Ray is connected, and none is started: what `ray.init` is called with."""
    import ray

    calls: list[dict[str, Any]] = []
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: calls.append(options))
    monkeypatch.setattr(ray, "shutdown", lambda: calls.append({"shutdown": True}))
    return calls


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_wrong_address_is_one_clear_error_at_once(no_ray: list[dict[str, Any]], scheme: str) -> None:
    address = f"{scheme}127.0.0.1:{dead_port()}"
    began = time.monotonic()
    with pytest.raises(ConnectionError) as error:
        with connected(address):
            pass
    assert time.monotonic() - began < 20.0  # Ray itself would try for minutes
    assert str(error.value).startswith(f"no Ray answers at {address} (")
    assert "\n" not in str(error.value)
    assert no_ray == []


def test_the_address_of_the_environment_counts_and_is_checked_the_same(
    no_ray: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{dead_port()}")
    with pytest.raises(ConnectionError, match="no Ray answers at 127"):
        with connected():
            pass


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Could not find any\nrunning Ray"),
        ValueError("Invalid address"),
        RuntimeError("x"),
        AssertionError(),
    ],
)
def test_whatever_ray_raises_is_a_connection_error(
    no_ray: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import ray

    def init(**options: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ConnectionError) as found:
        with connected("auto"):
            pass
    assert str(found.value).startswith("no Ray answers at auto (")
    assert "\n" not in str(found.value)


@pytest.mark.ray
def test_a_ray_that_listens_is_joined_and_left(no_ray: list[dict[str, Any]]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with connected(address, num_cpus=8):
            assert [c["address"] for c in no_ray] == [address]
            assert "num_cpus" not in no_ray[0]  # a cluster has its own
            assert no_ray[0]["job_config"]._py_driver_sys_path == [paths.HOME]
    assert no_ray[-1] == {"shutdown": True}


@pytest.mark.ray
def test_without_an_address_a_local_ray_is_started_and_stopped_also_after_an_error(
    no_ray: list[dict[str, Any]],
) -> None:
    with pytest.raises(KeyError), connected(num_cpus=3, object_store_bytes=10**8):
        raise KeyError
    assert (no_ray[0]["num_cpus"], no_ray[0]["object_store_memory"]) == (3, 10**8)
    assert no_ray[0]["address"] == "local"  # never a cluster that somebody else runs on this machine
    assert no_ray[-1] == {"shutdown": True}


@pytest.mark.parametrize("address", [None, "127.0.0.1:1", "nonsense"])
def test_a_process_that_is_connected_keeps_its_ray(
    no_ray: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    with connected(address):
        pass
    assert no_ray == []


def test_ray_cannot_add_the_current_folder_to_what_workers_search(
    no_ray: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    with connected():
        assert "PYTHONSAFEPATH" not in os.environ
    folders = no_ray[0]["job_config"]._py_driver_sys_path
    folders.extend(["/home/me"])  # as `ray.init` does
    assert folders == [paths.HOME]


def test_a_ray_that_somebody_else_started_beside_a_file_of_our_name_is_one_clear_error(
    no_ray: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr("cluster.connect._searched_first", lambda: [str(tmp_path)])
    with connected():
        pass
    (tmp_path / "pipeline.py").touch()
    with pytest.raises(ConnectionError, match=r"would import pipeline.py of .*: rename it, or call ray.shutdown"):
        with connected():
            pass


def test_which_folders_workers_search_first_is_known_of_any_ray(
    ray_session: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from cluster.connect import _searched_first

    started_in = Path.cwd()
    monkeypatch.chdir(tmp_path)
    assert str(started_in) in _searched_first()
