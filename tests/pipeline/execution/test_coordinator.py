from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.execution.coordinator import Coordinator, Remote, Reporter, start_coordinator
from pipeline.monitoring.utilization import Utilization
from tests.support.command import wait_until


def test_the_coordinator_knows_who_came_up_and_who_did_not() -> None:
    coordinator = Coordinator()
    coordinator.booted("caption", "n1", "a1", None)
    coordinator.booted("caption", "n1", "a1", None)  # started anew
    coordinator.booted("caption", "n2", "a2", "RuntimeError: no room")
    coordinator.booted("narrate", "n2", "a3", "ValueError: no model")
    assert coordinator.boots() == {
        "caption": (1, [("n2", "RuntimeError: no room")]),
        "narrate": (0, [("n2", "ValueError: no model")]),
    }
    coordinator.clear()
    assert coordinator.boots() == {} and coordinator.work() == []


def test_a_reporter_tells_what_its_actor_is_at(ray_session: None) -> None:
    import ray

    coordinator = Remote(ray.remote(num_cpus=0)(Coordinator).remote())
    reporter = Reporter(coordinator, "decode", "here")
    reporter.booted()
    number = reporter.begin("v1 segment 3")
    assert not reporter.stopped() and reporter.under_way == 1
    (report,) = coordinator.work()
    assert (report["pool"], report["host"], report["under_way"], report["what"]) == (
        "decode",
        "here",
        1,
        "v1 segment 3",
    )
    assert 0 <= time.time() - report["since"] < 30
    assert coordinator.boots()["decode"] == (1, [])
    reporter.end(number)
    wait_until(lambda: coordinator.work()[0]["under_way"] == 0, "that it is idle")
    coordinator.stop()
    wait_until(reporter.stopped, "the stop")
    coordinator.end()


def test_an_actor_whose_coordinator_is_gone_begins_nothing_new(ray_session: None) -> None:
    import ray

    coordinator = Remote(ray.remote(num_cpus=0)(Coordinator).remote())
    assert coordinator.stopped() is False
    reporter = Reporter(coordinator, "decode", "here")
    coordinator.end()
    wait_until(reporter.stopped, "the stop")


def test_a_coordinator_whose_process_dies_over_a_call_comes_back_and_stops_nobody(
    ray_session: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    dead = tmp_path / "dead"

    class Dying(Coordinator):
        def stopped(self, report: dict[str, Any] | None = None) -> bool:
            if not dead.exists():
                dead.touch()
                os._exit(1)
            return super().stopped(report)

    monkeypatch.setattr("pipeline.execution.coordinator.Coordinator", Dying)
    coordinator = start_coordinator()
    reporter = Reporter(coordinator, "decode", "here")
    assert not reporter.stopped() and dead.exists()
    coordinator.stop()
    wait_until(reporter.stopped, "the stop, from its next life")
    coordinator.end()


def test_a_coordinator_that_is_slow_to_answer_stops_nobody(ray_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    class Slow(Coordinator):
        def stopped(self, report: dict[str, Any] | None = None) -> bool:
            time.sleep(60)
            return super().stopped(report)

    monkeypatch.setattr("pipeline.execution.coordinator._ANSWER_S", 0.3)
    actor = ray.remote(num_cpus=0)(Slow).remote()
    ray.get(actor.boots.remote())  # it is up
    coordinator = Remote(actor)
    reporter = Reporter(coordinator, "decode", "here")
    began = time.monotonic()
    assert not reporter.stopped()
    assert time.monotonic() - began < 30
    coordinator.end()


def test_without_a_coordinator_nothing_stops() -> None:
    reporter = Reporter(None, "decode", "here")
    reporter.booted("bad")
    reporter.end(reporter.begin("row"))
    assert not reporter.stopped()


def test_the_busy_share_follows_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pipeline.monitoring.utilization.time.monotonic", lambda: now[0])
    busy = Utilization()
    assert busy.share() == 0.0
    with busy:
        now[0] += 30.0
        assert busy.share() == pytest.approx(0.5)
        with busy:  # of another thread
            now[0] += 300.0
        assert busy.share() > 0.99
    now[0] += 30.0
    assert busy.share() == pytest.approx(0.5, abs=0.01)
