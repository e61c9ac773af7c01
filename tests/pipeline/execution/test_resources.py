"""Sizes that are derived from machines of every kind, and the table that is shown before a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from cluster.machines import Machines, Node, grown
from pipeline.config.types import POOLS, Config, NodeType, PoolResources, Resources
from pipeline.execution.pools import Pool, Pools, plan_pools, rows_at_once, wishes
from pipeline.execution.resources import Asked, table
from pipeline.terminal.errors import UsageError
from tests.support.engines import Scripted

GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class OneGpu(Scripted):
    local_model: ClassVar[bool] = True

    @property
    def gpus(self) -> int:
        return 1


def cluster(*shapes: Node, grows: bool = False) -> Machines:
    return Machines(
        nodes=len(shapes),
        cpus=sum(n.cpus for n in shapes),
        gpus=sum(n.gpus for n in shapes),
        object_store_bytes=GIB,
        shapes=shapes,
        grows=grows,
    )


def with_models(**pools: PoolResources) -> Config:
    config = Config()
    return replace(
        config,
        caption=replace(config.caption, engine=OneGpu()),
        narrate=replace(config.narrate, engine=OneGpu()),
        resources=Resources(**pools),
    )


def fits(pools: Pools, have: Machines) -> bool:
    """Whether all actors find a place, decoders first, each on the node that is used least, as Ray places them; with
    room left for a task."""
    left = [[n.cpus, n.gpus, float(n.memory_bytes)] for n in have.each]
    for pool in (pools.decode, pools.caption, pools.narrate):
        need = (pool.num_cpus, pool.num_gpus, float(pool.memory_bytes or 0))
        for _ in range(pool.actors):
            places = [k for k, n in enumerate(left) if all(h + 1e-6 >= w for h, w in zip(n, need, strict=True))]
            if not places:
                return False
            place = left[max(places, key=lambda k: left[k][0] / max(1e-9, have.each[k].cpus))]
            for k, amount in enumerate(need):
                place[k] -= amount
    return any(n[0] >= 0.05 for n in left)


@pytest.mark.parametrize("tasks", [1, 7, 100_000])
@pytest.mark.parametrize(
    "have",
    [
        cluster(Node(cpus=1, memory_bytes=2 * GIB)),
        cluster(Node(cpus=2, memory_bytes=4 * GIB)),
        cluster(Node(cpus=4, memory_bytes=8 * GIB)),
        cluster(Node(cpus=8, gpus=1, memory_bytes=32 * GIB)),
        cluster(Node(cpus=128, gpus=8, memory_bytes=900 * GIB)),
        cluster(*[Node(cpus=2, memory_bytes=4 * GIB)] * 8),
        cluster(*[Node(cpus=4, memory_bytes=16 * GIB)] * 16),
        cluster(Node(cpus=0), *[Node(cpus=16, memory_bytes=64 * GIB)] * 4, Node(cpus=8, gpus=1, memory_bytes=32 * GIB)),
        cluster(*[Node(cpus=128, gpus=8, memory_bytes=900 * GIB)] * 4, Node(cpus=2, memory_bytes=4 * GIB)),
    ],
    ids=lambda m: f"{m.nodes}x{m.cpus:g}c{m.gpus:g}g" if isinstance(m, Machines) else None,
)
def test_every_actor_finds_a_place_on_any_machine(have: Machines, tasks: int) -> None:
    for config in (Config(), with_models()):
        for used in (set(POOLS), {"decode", "caption"}, {"decode", "narrate"}):
            if have.gpus == 1 and len(used) == 3 and config != Config():
                continue  # two models do not fit one GPU: then the schedule is phased
            pools = plan_pools(wishes(config, have, used), have, tasks, rows_at_once(config))
            assert fits(pools, have), (pools, have)
            assert pools.gpus <= have.gpus


def test_a_large_machine_is_used_and_not_oversubscribed() -> None:
    have = cluster(Node(cpus=128, gpus=8, memory_bytes=900 * GIB))
    pools = plan_pools(wishes(with_models(), have), have, 10**6)
    assert (pools.decode.actors, pools.caption.actors, pools.narrate.actors) == (128, 4, 4)
    assert 120 < pools.decode.actors * pools.decode.num_cpus <= 127
    assert pools.decode.memory_bytes == 512 * 2**20


def test_memory_bounds_the_decoders() -> None:
    pools = plan_pools(Resources(), cluster(Node(cpus=64, memory_bytes=8 * GIB)), 10**6)
    assert pools.decode.actors == 12 and pools.decode.memory_bytes == 512 * 2**20
    pools = plan_pools(Resources(), cluster(Node(cpus=2, memory_bytes=GIB // 4)), 10**6)
    assert pools.decode.actors == 1 and (pools.decode.memory_bytes or 0) < GIB // 4


def test_a_cluster_that_grows_is_planned_as_large_as_it_may_become() -> None:
    have = cluster(Node(cpus=0))
    most = grown(have, [(Node(cpus=16), 4), (Node(cpus=8, gpus=1), 2)])
    assert (most.nodes, most.cpus, most.gpus, most.grows) == (7, 80, 2, True)
    pools = plan_pools(wishes(with_models(), most), most, 10**6)
    assert (pools.decode.actors, pools.caption.actors, pools.narrate.actors) == (80, 1, 1)
    same = grown(cluster(Node(cpus=16), Node(cpus=4)), [(Node(cpus=16), 4)])
    assert (same.nodes, same.cpus) == (5, 68)  # the one that is there is one of the four
    assert grown(have, []) is have


def test_no_more_nodes_are_started_than_the_work_needs() -> None:
    most = grown(cluster(Node(cpus=0)), [(Node(cpus=16), 4), (Node(cpus=8, gpus=1), 8)])
    config = with_models()
    pools = plan_pools(wishes(config, most, {"decode", "caption"}), most, 6, rows_at_once(config))
    assert config.caption.concurrency == 4
    assert (pools.caption.actors, pools.decode.actors) == (2, 6)
    pools = plan_pools(wishes(config, most, {"decode", "caption"}), replace(most, grows=False), 6, rows_at_once(config))
    assert pools.caption.actors == 6  # they are there anyway


def test_floors() -> None:
    have = cluster(Node(cpus=16))
    pools = plan_pools(Resources(), have, 100)
    assert pools.decode.floor == pools.decode.actors == 16
    pools = plan_pools(Resources(decode=PoolResources(min_actors=2)), have, 100)
    assert (pools.decode.floor, pools.decode.actors) == (2, 16)
    pools = plan_pools(Resources(decode=PoolResources(min_actors=9)), have, 3)
    assert (pools.decode.floor, pools.decode.actors) == (3, 3)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (
            PoolResources(num_gpus=2),
            r"resources\.caption\.num_gpus is 2 and no node has more than 1: lower it, or say in resources\.node_types",
        ),
        (PoolResources(num_cpus=9), r"resources\.caption\.num_cpus is 9 and no node has more than 8: lower it"),
        (PoolResources(memory_bytes=99 * GIB), r"resources\.caption\.memory_bytes is .* no node has more than"),
        (
            PoolResources(custom={"spot": 1.0}),
            r"resources\.caption\.custom asks for 1 of spot and no node has more than 0: lower it",
        ),
        (
            PoolResources(num_gpus=1, custom={"disk": 1.0}),
            r"resources\.caption asks for .* that no node has together: lower one of them",
        ),
        (
            PoolResources(actors=2, min_actors=3),
            r"resources\.caption\.min_actors is 3, above resources\.caption\.actors",
        ),
    ],
)
def test_what_no_node_can_hold_names_the_line_to_change(wish: PoolResources, said: str) -> None:
    have = cluster(Node(cpus=8, gpus=1, memory_bytes=8 * GIB), Node(cpus=4, memory_bytes=8 * GIB, custom={"disk": 2.0}))
    with pytest.raises(UsageError, match=said):
        plan_pools(Resources(caption=wish), have, 10)


def test_a_head_without_cpus_asks_what_it_may_grow_to() -> None:
    with pytest.raises(UsageError, match=r"of the cluster's 0 only 0 .*, or say in resources\.node_types what it may"):
        plan_pools(Resources(), cluster(Node(cpus=0)), 10)


def test_decoders_go_only_where_their_custom_resource_is() -> None:
    have = cluster(Node(cpus=16, custom={"disk": 100.0}), Node(cpus=16))
    pools = plan_pools(Resources(decode=PoolResources(custom={"disk": 1.0})), have, 100)
    assert pools.decode.actors == 16 and pools.decode.custom == {"disk": 1.0}


def test_what_a_growing_cluster_cannot_hold_names_its_own_line() -> None:
    most = grown(cluster(Node(cpus=0)), [(Node(cpus=16), 1)])
    with pytest.raises(UsageError, match=r"lower .*, or raise resources\.node_types"):
        plan_pools(Resources(decode=PoolResources(actors=99, num_cpus=1.0)), most, 1000)


def test_the_table_lists_requested_and_available_resources() -> None:
    def pool(actors: int, cpus: float, gpus: float = 0.0, floor: int | None = None) -> Pool:
        return Pool(actors=actors, num_cpus=cpus, num_gpus=gpus, memory_bytes=None, floor=floor or actors)

    pools = Pools(
        decode=replace(pool(8, 0.5, floor=2), memory_bytes=GIB, custom={"disk": 0.1}),
        caption=pool(1, 0.1, 1.0),
        narrate=pool(1, 0.1),
    )
    have = cluster(Node(cpus=4, memory_bytes=8 * GIB))
    text = table(Asked(pools=pools, used=["decode", "caption"]), have, grown(have, [(Node(cpus=8, gpus=1), 1)]))
    assert text.splitlines() == [
        "pool       actors   CPUs          GPUs  memory   other",
        "decode     2 to 8   4 (0.5 each)  0     8.0 GiB  0.1 disk",
        "caption    1        0.1           1     -",
        "requested  9        4.1           1     8.0 GiB",
        "available  1 node   4             0     8.0 GiB",
        "at most    2 nodes  12            1     8.0 GiB",
    ]


def test_a_node_type_is_read_from_the_config() -> None:
    import pipeline as longcap

    config = longcap.load_config(None, ["resources.node_types=[{max: 2, num_cpus: 8, num_gpus: 1}]"])
    assert config.resources.node_types == (NodeType(max=2, num_cpus=8.0, num_gpus=1.0),)
    with pytest.raises(UsageError, match="each a mapping with max, num_cpus, num_gpus, memory_bytes, custom"):
        longcap.load_config(None, ["resources.node_types=[{num_cpus: 8}]"])
