from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.board import Board, Desk, start_board
from pipeline.busy import Busy
from tests.support.command import wait_until


def test_the_board_knows_who_came_up_and_who_did_not() -> None:
    board = Board()
    board.booted("caption", "n1", "a1", None)
    board.booted("caption", "n1", "a1", None)  # started anew
    board.booted("caption", "n2", "a2", "RuntimeError: no room")
    board.booted("narrate", "n2", "a3", "ValueError: no model")
    assert board.boots() == {
        "caption": (1, [("n2", "RuntimeError: no room")]),
        "narrate": (0, [("n2", "ValueError: no model")]),
    }
    board.clear()
    assert board.boots() == {} and board.work() == []


def test_a_desk_tells_what_its_actor_is_at(ray_session: None) -> None:
    import ray

    board = ray.remote(num_cpus=0)(Board).remote()
    desk = Desk(board, "decode", "here")
    desk.booted()
    number = desk.begin("v1 segment 3")
    assert not desk.stopped() and desk.under_way == 1
    (report,) = ray.get(board.work.remote())
    assert (report["pool"], report["host"], report["under_way"], report["what"]) == (
        "decode",
        "here",
        1,
        "v1 segment 3",
    )
    assert 0 <= time.time() - report["since"] < 30
    assert ray.get(board.boots.remote())["decode"] == (1, [])
    desk.end(number)
    wait_until(lambda: ray.get(board.work.remote())[0]["under_way"] == 0, "that it is idle", 10)
    ray.get(board.stop.remote())
    wait_until(desk.stopped, "the stop", 10)
    ray.kill(board)


def test_an_actor_whose_board_is_gone_begins_nothing_new(ray_session: None) -> None:
    import ray

    board = ray.remote(num_cpus=0)(Board).remote()
    ray.get(board.stopped.remote())
    desk = Desk(board, "decode", "here")
    ray.kill(board)
    wait_until(desk.stopped, "the stop", 20)


def test_a_board_whose_process_dies_over_a_call_comes_back_and_stops_nobody(
    ray_session: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    dead = tmp_path / "dead"

    class Dying(Board):
        def stopped(self, report: dict[str, Any] | None = None) -> bool:
            if not dead.exists():
                dead.touch()
                os._exit(1)
            return super().stopped(report)

    monkeypatch.setattr("pipeline.board.Board", Dying)
    board = start_board()
    desk = Desk(board, "decode", "here")
    assert not desk.stopped() and dead.exists()
    ray.get(board.stop.remote())
    wait_until(desk.stopped, "the stop, from its next life", 30)
    ray.kill(board)


def test_a_board_that_is_slow_to_answer_stops_nobody(ray_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    class Slow(Board):
        def stopped(self, report: dict[str, Any] | None = None) -> bool:
            time.sleep(2)
            return super().stopped(report)

    monkeypatch.setattr("pipeline.board._ANSWER_S", 0.3)
    board = ray.remote(num_cpus=0)(Slow).remote()
    desk = Desk(board, "decode", "here")
    began = time.monotonic()
    assert not desk.stopped()
    assert time.monotonic() - began < 2
    ray.kill(board)


def test_without_a_board_nothing_stops() -> None:
    desk = Desk(None, "decode", "here")
    desk.booted("bad")
    desk.end(desk.begin("row"))
    assert not desk.stopped()


def test_the_busy_share_follows_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pipeline.busy.time.monotonic", lambda: now[0])
    busy = Busy()
    assert busy.share() == 0.0
    with busy:
        now[0] += 30.0
        assert busy.share() == pytest.approx(0.5)
        with busy:  # of another thread
            now[0] += 300.0
        assert busy.share() > 0.99
    now[0] += 30.0
    assert busy.share() == pytest.approx(0.5, abs=0.01)
