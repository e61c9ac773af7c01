from __future__ import annotations

import time
from typing import Any

import pytest

from pipeline.meters import queues
from pipeline.progress import Progress
from pipeline.stall import held_by

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
