"""Test the limits of the chaos tests: a time-out is not a wrong output, and a loaded machine gets more time."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.chaos import Outcome, disaster
from tests.support.chaos.__main__ import _record, _recorded, report
from tests.support.chaos.patience import NotFinished, Patience


def test_a_second_counts_for_less_where_ten_want_each_core() -> None:
    times, load = iter([0.0, 10.0, 110.0]), 10.0 * len(os.sched_getaffinity(0))
    limit = Patience(10.5, load=lambda: load, clock=lambda: next(times))
    assert [limit.passed(), limit.passed()] == [False, True], "1 s, then 11 s of a quiet machine"
    quiet = iter([0.0, 10.0, 11.0])
    limit = Patience(10.5, load=lambda: 0.5, clock=lambda: next(quiet))
    assert [limit.passed(), limit.passed()] == [False, True]
    with pytest.raises(NotFinished, match="the command: not in 0 s"):
        Patience(0.0).wait(lambda: False, "the command")


def test_what_was_not_judged_is_counted_apart_and_run_again(tmp_path: Path) -> None:
    late = Outcome(disaster(1, remote=False), codes=[], unfinished="the command")
    wrong = Outcome(disaster(1, remote=False), codes=[0], problems=["lost: a"])
    assert (late.verdict, wrong.verdict) == ("not finished in time", "WRONG")
    assert "| local | decode child | 2 | 0 | 0 | 1 | 1 |" in report([("local", late), ("local", wrong)])
    record = tmp_path / "record.jsonl"
    for outcome in (late, wrong):
        _record(record, "local", outcome)
    assert [json.loads(line)["unfinished"] for line in record.read_text().splitlines()] == ["the command", ""]
    assert [o.verdict for _, o in _recorded(record)] == ["WRONG"]
