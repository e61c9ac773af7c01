from __future__ import annotations

import pytest

from cluster.machines import Machines, machines


def test_what_the_connected_ray_has(ray_session: None) -> None:
    have = machines()
    assert (have.nodes, have.cpus, have.gpus) == (1, 2.0, have.gpus)
    assert have.object_store_bytes == pytest.approx(400 * 2**20, rel=0.01)


def test_dead_nodes_do_not_count_and_what_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 12.0})
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True}, {"Alive": False}, {"Alive": True}])
    assert machines() == Machines(nodes=2, cpus=12.0, gpus=0.0, object_store_bytes=0)
