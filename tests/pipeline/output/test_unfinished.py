"""Which runs left work to do, as `status` and `verify` say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.output.output import Output
from pipeline.output.unfinished import unfinished_runs
from pipeline.output.verification import verify
from tests.support import rows
from tests.support.outputs import commit_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"))


def run(
    store: Store,
    number: int,
    captioned: str,
    missing: str = "",
    *,
    share: str = "all",
    part: bool = False,
    inputs: str = "/v",
    status: str | None = "done",
) -> str:
    """Record a run that captioned the videos of `captioned` and planned those of `missing` as well."""
    run_id = f"2026010{number}-000000-0000aa"
    videos = [rows.video(name) for name in captioned + missing]
    commit_run(store, videos, run_id=run_id, narrated=captioned)
    asked = {"run_id": run_id, "inputs": [inputs], "share": share, "part": part}
    store.write_file(f"runs/{run_id}/asked.json", json.dumps(asked).encode())
    if status is None:
        store.remove_files(f"runs/{run_id}/report.json")
    else:
        report = {"run_id": run_id, "status": status, "unaccounted": list(missing)}
        store.write_file(f"runs/{run_id}/report.json", json.dumps(report).encode())
    return run_id


def left(store: Store) -> list[str]:
    return [found.run_id for found in unfinished_runs(store)]


def test_a_shard_that_was_interrupted_is_named_after_another_one_is_done(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    second = run(store, 1, "a", "b", share="2-of-2", status="interrupted")
    run(store, 2, "c", share="1-of-2")
    assert left(store) == [second]
    assert main(["status", store.uri]) == 0
    assert f"run {second}, share 2/2 left 1 video to do: run the same" in capsys.readouterr().out.splitlines()[-1]
    assert [f.what for f in verify(Output(store.uri)).findings if f.kind == "unfinished"] == [f"run {second}"]
    run(store, 3, "ab", share="2-of-2")
    assert left(store) == []


@pytest.mark.parametrize("status", ["interrupted", None])
def test_a_run_of_some_videos_takes_over_from_no_run_of_all(
    store: Store, status: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run(store, 1, "a", "bc", status=status)
    run(store, 2, "b", part=True)
    assert left(store) == [whole]
    assert main(["status", store.uri, "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)["unfinished"]
    assert line.startswith(f"run {whole}")
    run(store, 3, "abc")
    assert left(store) == []


def test_of_runs_of_some_videos_those_are_named_whose_videos_are_not_done(store: Store) -> None:
    first = run(store, 1, "a", "b", part=True, status="interrupted")
    run(store, 2, "c", part=True)
    assert left(store) == [first]
    run(store, 3, "b", part=True)
    assert left(store) == []


def test_a_run_over_other_inputs_takes_over_nothing(store: Store) -> None:
    first = run(store, 1, "a", "b", status=None)
    run(store, 2, "c", inputs="/w")
    assert left(store) == [first]
    assert unfinished_runs(store, at_work=True) == [], "the run at work may be doing it"
    run(store, 3, "a")
    assert left(store) == [], "of a video that its inputs do not contain any more"
