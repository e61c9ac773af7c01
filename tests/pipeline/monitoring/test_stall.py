from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.monitoring.metrics import queues
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.stall import held_by
from tests.pipeline.monitoring.conftest import Clock
from tests.support import video

UP: dict[str, Any] = {"decode": (2, []), "caption": (1, []), "narrate": (1, [])}
WANTED = {"decode": 2, "caption": 1, "narrate": 1}


def at(pool: str, since: float, rows: int = 1) -> dict[str, Any]:
    return {
        "actor": f"{pool}{since}",
        "pool": pool,
        "host": "h",
        "under_way": rows,
        "since": since,
        "what": "v",
        "rows": 9,
    }


@pytest.mark.parametrize(
    ("boots", "work", "stage", "why"),
    [
        ({"decode": (2, [])}, [], "caption", "no actor of caption is up yet, of 1: they wait for a node or still load"),
        (
            {"decode": (2, []), "caption": (0, [("n", "RuntimeError: full")])},
            [at("decode", 5.0)],
            "caption",
            "no actor of caption is up and 1 boots failed, the last one with RuntimeError: full",
        ),
        (
            UP,
            [at("decode", 40.0), at("caption", 70.0, 3), at("caption", 60.0)],
            "caption",
            "caption has 4 rows under way, the oldest (v) for 40 s on h",
        ),
        (
            UP,
            [at("decode", 40.0), at("commit", 90.0), at("caption", 20.0, 0)],
            "commit",
            "commit has 1 rows under way, the oldest (v) for 10 s on h",
        ),
        (UP, [at("decode", 0.0, 0)], "ray", "no actor has a row under way"),
    ],
)
def test_who_holds_a_run(boots: Any, work: Any, stage: str, why: str) -> None:
    found, said = held_by(WANTED, boots, work, now=100.0)
    assert found == stage and said.startswith(why)


def test_a_stall_is_said_out_loud_even_where_nothing_else_is(hands: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=0.05, stall_s=300.0, quiet=True)
    progress.holding = lambda: ("caption", "it hangs")
    for _ in range(70):
        progress._look_for_a_stall()
        hands.now += 10.0
    said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert said == [f"STALLED for {at}, held by caption: it hangs" for at in ("5:00", "10:00")]  # each stall_s once


def test_a_receipt_ends_a_stall(hands: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=0.05, stall_s=300.0, quiet=True)
    progress.holding = lambda: ("caption", "it hangs")
    for _ in range(2):
        hands.now += 299.0
        progress._look_for_a_stall()
        progress._came = hands.now
    assert capsys.readouterr().err == ""


def test_the_thread_of_the_display_looks_for_stalls() -> None:
    progress = Progress(every_s=0.01, stall_s=0.0, quiet=True)
    asked = threading.Event()

    def holding() -> tuple[str, str]:
        asked.set()
        return "caption", "it hangs"

    progress.holding = holding
    progress.start()
    assert asked.wait(60.0)
    progress.close()


def test_without_a_graph_there_is_no_stall(hands: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=0.05, stall_s=300.0, quiet=True)
    hands.now += 1000.0
    progress._look_for_a_stall()
    assert capsys.readouterr().err == ""


def test_a_queue_is_what_one_pool_finished_and_the_next_has_not_begun() -> None:
    assert queues({"decode": 10, "caption": 4}, {"decode": 2, "caption": 1}) == {"caption": 4}
    assert queues({"decode": 4, "caption": 4}, {"decode": 1, "caption": 1}) == {"caption": 0}
    assert queues({"narrate": 4}, {"narrate": 1}) == {}


def test_a_run_whose_engine_hangs_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    video.render(tmp_path / "in" / "a.mp4", count=100, fps=10.0)
    hangs = json.dumps([{"kind": "window", "window": 0, "do": "sleep", "sleep_s": 12.0}])
    engine = f"caption.engine={{kind: 'tests.support.engines:Scripted', script: '{hangs}'}}"
    config = longcap.load_config(None, ["plan.segment_s=10", "run.stall_s=3", engine])
    assert longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True).ok
    said = [line for line in capsys.readouterr().err.splitlines() if "STALLED" in line]
    assert any("held by caption: caption has 1 rows under way, the oldest (" in line for line in said), said
