from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.machines import Machines
from pipeline.config.types import Config, PoolResources, Resources
from pipeline.execution.pools import Pools, plan_pools, wishes
from pipeline.terminal.errors import UsageError
from tests.support.engines import Scripted


def cluster(cpus: float, gpus: float = 0.0) -> Machines:
    return Machines(nodes=1, cpus=cpus, gpus=gpus, object_store_bytes=2**30)


def cpus_of(pools: Pools) -> float:
    return sum(p.actors * p.num_cpus for p in (pools.decode, pools.caption, pools.narrate))


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 512), st.integers(0, 100_000))
def test_any_cluster_can_start_the_graph(cpus: int, tasks: int) -> None:
    pools = plan_pools(Resources(), cluster(cpus), tasks)
    reserve = 1.0 if cpus >= 2 else 0.5
    assert cpus_of(pools) <= cpus - reserve + 1e-9
    for pool in (pools.decode, pools.caption, pools.narrate):
        assert 1 <= pool.actors <= max(1, tasks)
        assert pool.num_cpus > 0
        # Ray counts in ten-thousandths; two digits are what a person can read
        assert round(pool.num_cpus, 2) == pool.num_cpus


@given(st.integers(2, 512))
def test_nearly_all_of_a_cluster_goes_to_decoding(cpus: int) -> None:
    pools = plan_pools(Resources(), cluster(cpus), 10**6)
    assert pools.decode.actors == cpus
    assert pools.decode.actors * pools.decode.num_cpus > 0.7 * (cpus - 1) - 0.3


@settings(deadline=None)
@given(st.integers(1, 256), st.sampled_from([0.1, 0.25, 0.5, 1.0, 1.5]), st.integers(1, 1000))
def test_a_wish_for_cpus_an_actor_decides_how_many_actors_fit(cpus: int, each: float, tasks: int) -> None:
    try:
        pools = plan_pools(Resources(decode=PoolResources(num_cpus=each)), cluster(cpus), tasks)
    except UsageError:
        assert each > cpus - (1.0 if cpus >= 2 else 0.5) - 0.2 * max(1, cpus // 4) - 1e-9
        return
    assert pools.decode.num_cpus == each
    assert cpus_of(pools) <= cpus - (1.0 if cpus >= 2 else 0.5) + 1e-6


def test_wishes_are_kept() -> None:
    wish = Resources(
        decode=PoolResources(actors=3, num_cpus=0.5, memory_bytes=2**30),
        caption=PoolResources(actors=2, num_gpus=0.5, num_cpus=1.0),
        narrate=PoolResources(actors=2, num_gpus=1.0),
    )
    pools = plan_pools(wish, cluster(16, gpus=4), 100)
    assert (pools.decode.actors, pools.decode.num_cpus, pools.decode.memory_bytes) == (3, 0.5, 2**30)
    assert (pools.caption.actors, pools.caption.num_cpus, pools.caption.num_gpus) == (2, 1.0, 0.5)
    with pytest.raises(UsageError):
        plan_pools(wish, cluster(16, gpus=2), 100)


def test_one_engine_for_each_share_of_a_gpu() -> None:
    pools = plan_pools(Resources(caption=PoolResources(num_gpus=0.5)), cluster(64, gpus=4), 1000)
    assert (pools.caption.actors, pools.narrate.actors) == (8, 16)


def test_no_pool_is_larger_than_the_work() -> None:
    pools = plan_pools(Resources(), cluster(64), 3)
    assert {pools.decode.actors, pools.caption.actors, pools.narrate.actors} == {3}


@pytest.mark.parametrize(
    ("wish", "have", "names"),
    [
        (
            Resources(decode=PoolResources(actors=8, num_cpus=1.0)),
            cluster(4),
            r"the pools ask for 8\.2 CPUs; of the cluster's 4 only 3 can be .*: lower resources\.decode\.actors or",
        ),
        (
            Resources(caption=PoolResources(num_cpus=4.0)),
            cluster(2),
            r"of the cluster's 2 only 1 .*resources\.\*\.num_cpus",
        ),
        (
            Resources(caption=PoolResources(num_gpus=1.0)),
            cluster(8),
            r"the pools ask for 1 GPUs and the cluster has 0: lower resources\.\*\.actors or num_gpus",
        ),
    ],
)
def test_wishes_that_do_not_fit_name_the_line_to_change(wish: Resources, have: Machines, names: str) -> None:
    with pytest.raises(UsageError, match=names):
        plan_pools(wish, have, 100)


@dataclass(frozen=True, kw_only=True)
class Big(Scripted):
    """An engine that takes two GPUs."""

    local_model: ClassVar[bool] = True

    @property
    def gpus(self) -> int:
        return 2


def big(**resources: PoolResources) -> Config:
    config = Config()
    engine = Big()
    return replace(
        config,
        caption=replace(config.caption, engine=engine),
        narrate=replace(config.narrate, engine=engine),
        resources=Resources(**resources),
    )


def test_an_engine_gets_its_gpus_where_there_are_some() -> None:
    pools = plan_pools(wishes(big(), cluster(64, gpus=8)), cluster(64, gpus=8), 1000)
    assert (pools.caption.num_gpus, pools.caption.actors, pools.narrate.actors, pools.gpus) == (2.0, 2, 2, 8.0)
    pools = plan_pools(wishes(big(), cluster(8)), cluster(8), 1000)
    assert pools.gpus == 0
    wished = wishes(big(caption=PoolResources(num_gpus=1.0)), cluster(64, gpus=8))
    assert (wished.caption.num_gpus, wished.narrate.num_gpus) == (1.0, 2.0)


def test_a_pool_that_is_not_used_holds_nothing() -> None:
    have = cluster(16, gpus=2)
    with pytest.raises(UsageError, match="ask for 4 GPUs and the cluster has 2"):
        plan_pools(wishes(big(), have), have, 100)
    for used in ({"decode", "caption"}, {"decode", "narrate"}):
        pools = plan_pools(wishes(big(), have, used), have, 100)
        assert pools.gpus == 2


@given(st.integers(1, 8), st.lists(st.sampled_from([0.1, 0.5, 1.0]), min_size=1, max_size=5))
def test_pools_whose_cpus_nobody_set_share_a_small_machine(cpus: int, needs: list[float]) -> None:
    others = {f"p{k}": PoolResources(num_cpus=each) for k, each in enumerate(needs)}
    have = cluster(cpus)
    unused = PoolResources(actors=1, num_cpus=0.0)
    pools = plan_pools(Resources(caption=unused, narrate=unused), have, 10, None, others, flexible=list(others))
    free = cpus - (1.0 if cpus >= 2 else 0.5)
    assert sum(p.actors * p.num_cpus for p in (pools.decode, *pools.others.values())) <= free + 1e-9
    assert all(0 < p.num_cpus <= each for p, each in zip(pools.others.values(), needs, strict=True))


def test_cpus_that_the_config_sets_are_kept_or_refused() -> None:
    others = {"ours": PoolResources(num_cpus=0.8), "theirs": PoolResources(num_cpus=1.0)}
    pools = plan_pools(Resources(), cluster(8), 10, None, others, flexible=["theirs"])
    assert pools.others["ours"].num_cpus == 0.8 and pools.others["theirs"].num_cpus == 1.0
    with pytest.raises(UsageError, match="the pools ask for"):
        plan_pools(Resources(), cluster(2), 10, None, {"ours": PoolResources(num_cpus=1.0)})
