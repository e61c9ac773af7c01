from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.monitoring.metrics import queues
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.stall import held_by
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


def test_a_stall_is_said_out_loud_even_where_nothing_else_is(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=0.05, stall_s=0.3, quiet=True)
    progress.holding = lambda: ("caption", "it hangs")
    progress.start()
    time.sleep(0.8)
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 2  # each stall_s once
    assert all(line.endswith("STALLED for 0:00, held by caption: it hangs") for line in lines)


def test_without_a_graph_there_is_no_stall(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=0.05, stall_s=0.1, quiet=True)
    progress.start()
    time.sleep(0.4)
    progress.close()
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
