"""What leases tell somebody who holds none."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.output.activity import began, sightings
from pipeline.output.lease import Lease

HOLDER = {"host": "there", "machine": "another", "pid": 7, "started": 0.0, "beat": 1, "ended": False, "retired": False}
RUN_ID = "20261128-231819-2a3f7c"


def write(out: Path, share: str = "all", **changes: object) -> None:
    file = out / "runs" / "lease" / share / "00000001.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**HOLDER, "run_id": RUN_ID, **changes}))


def test_an_output_that_nobody_works_on(tmp_path: Path) -> None:
    assert sightings(str(tmp_path)) == []
    write(tmp_path, ended=True)
    assert sightings(str(tmp_path)) == []


def test_a_run_of_this_machine_is_known_at_once_by_its_process(tmp_path: Path) -> None:
    with Lease(str(tmp_path), "1-of-4", RUN_ID).held():
        start = time.monotonic()
        [seen] = sightings(str(tmp_path))
        assert time.monotonic() - start < 2.0
        assert (seen.state, seen.run_id, seen.share) == ("at work", RUN_ID, "1-of-4")
        assert str(seen).endswith(", share 1/4), which began 2026-11-28 23:18:19 UTC, is at work")
        file = next((tmp_path / "runs" / "lease" / "1-of-4").iterdir())
        write(tmp_path, "2-of-4", **{**json.loads(file.read_text()), "start_ticks": 1})  # the process id was given away
        assert {s.share: s.state for s in sightings(str(tmp_path))} == {"1-of-4": "at work", "2-of-4": "died"}
    assert [s.share for s in sightings(str(tmp_path))] == ["2-of-4"]


def test_a_run_of_another_machine_is_known_by_its_heartbeat(tmp_path: Path) -> None:
    write(tmp_path)
    said: list[str] = []
    [seen] = sightings(str(tmp_path), said.append, ttl_s=0.5)
    assert seen.state == "died" and str(seen).startswith(f"run {RUN_ID} on there (process 7), which began")
    assert said == ["waiting up to 0.5 s for a heartbeat from there"]
    for changes, states in (({"beat": 2}, ["at work"]), ({"ended": True}, [])):
        write(tmp_path)
        later = threading.Timer(0.3, lambda c=changes: write(tmp_path, **c))
        later.start()
        assert [s.state for s in sightings(str(tmp_path), ttl_s=20.0)] == states
        later.join()


def test_status_of_an_output_that_has_no_table_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Lease(str(tmp_path), "all", RUN_ID).held():
        assert main(["status", str(tmp_path)]) == 0
        assert capsys.readouterr().out.endswith("which began 2026-11-28 23:18:19 UTC, is at work\n")
        assert main(["status", str(tmp_path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["at_work"][0]["run_id"] == RUN_ID
    assert main(["status", str(tmp_path)]) == 2


def test_when_a_run_began_is_in_its_id() -> None:
    assert began(RUN_ID) == "2026-11-28 23:18:19 UTC"
    assert began("nightly") == "nightly"
