"""Ids of runs sort by the start of the runs, whatever the clock says."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipeline.config.load import load_config
from pipeline.execution.driver import Job
from pipeline.execution.run_ids import new_run_id
from pipeline.output.activity import began
from pipeline.sources.selection import Selection


def test_an_id_is_the_time_and_sorts_after_those_of_earlier_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.5)
    assert new_run_id()[:-2] == "20231114-221320-8000"
    assert new_run_id(["20231114-221319-ffffff", "open", "2099", "99999999-999999-000000"])[:15] == "20231114-221320"
    ids = ["20261231-235959-ffff00"]
    for _ in range(20):
        ids.append(new_run_id(ids))
    assert ids == sorted(ids) and len(set(ids)) == len(ids)
    assert began(ids[1]) == "2027-01-01 00:00:00 UTC"


def test_a_run_beside_a_slow_clock_has_the_last_id(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"never read")
    out, last = tmp_path / "out", "20991231-000000-0000aa"
    job = Job([str(tmp_path / "in")], str(out), load_config(), Selection(), quiet=True)
    job._take()
    assert job.run_id < last
    job.store.write_file(f"runs/{last}/config.yaml", json.dumps({}).encode())
    job._take()
    assert job.run_id > last and job.run_id.startswith("20991231-0000")
