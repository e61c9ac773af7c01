from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from operators.store.store import Store
from pipeline.output.output import Output
from pipeline.output.windows import window_captions
from pipeline.retrieval.passages import stamps
from pipeline.viewer.reader import Reader
from tests.support import rows as made
from tests.support.outputs import CONFIG, commit_run, with_changes


def _segment(key: str, run_id: str, *windows: tuple[int, bool]) -> dict[str, Any]:
    found = [
        {"window_index": k, "start_s": 5.0 * k, "end_s": 5.0 * k + 5, "text": f"{key} {k}", "valid": valid}
        for k, valid in windows
    ]
    return {"video_id": "v", "segment_index": windows[0][0], "key": key, "run_id": run_id, "windows": found}


def test_only_valid_windows_of_the_newest_key_are_given_in_order_of_time() -> None:
    rows = [
        _segment("new", "2026-02", (2, True), (3, False)),
        _segment("old", "2026-01", (0, True), (1, True)),
        _segment("new", "2026-02", (0, True), (1, True)),
    ]
    segments = SimpleNamespace(lookup=lambda column, *values, columns: pa.Table.from_pylist(rows).select(columns))
    dataset = SimpleNamespace(lookup=lambda column, *values, columns: pa.table({name: [] for name in columns}))
    store = SimpleNamespace(segments=segments, dataset=dataset, filtered=dataset)
    output = cast(Output, SimpleNamespace(store=store))
    assert [w["text"] for w in window_captions(output, ["v"])["v"]] == ["new 0", "new 1", "new 2"]


OTHER = with_changes(caption={"tries": 7})


@pytest.mark.parametrize("plan", ["readable", "lost"])
def test_the_windows_of_a_long_caption_are_those_that_it_cites(tmp_path: Path, plan: str) -> None:
    """A run with other settings captioned the segments again and failed to narrate them: the long caption stays, and
    its citations are indices of the earlier windows."""
    store, video = Store(str(tmp_path / "out")), [made.video("a")]
    first, second = "20260101-000000-0000aa", "20260102-000000-0000bb"
    commit_run(store, video, run_id=first)
    output = Output(store.uri)
    before = stamps(output)
    commit_run(store, video, OTHER, run_id=second, narrated="")
    if plan == "lost":
        store.remove_files(f"runs/{first}/videos.parquet")
    cited = first if plan == "readable" else second
    assert {s["run_id"] for s in output.captioned("a")} == {cited}
    shown = Reader(store.uri, "out").find("a")
    assert shown is not None and set(shown.segments["run_id"].to_pylist()) == {cited}
    assert (stamps(output) == before) == (plan == "readable")
    assert len(window_captions(output, ["a"])["a"]) == sum(len(s["windows"]) for s in output.captioned("a"))

    commit_run(store, video, OTHER, run_id=second)
    assert {s["run_id"] for s in output.captioned("a")} == {second}


def test_without_a_long_caption_the_newest_captions_are_given(tmp_path: Path) -> None:
    store, video = Store(str(tmp_path / "out")), [made.video("a")]
    for run_id, config in (("20260101-000000-0000aa", OTHER), ("20260102-000000-0000bb", CONFIG)):
        commit_run(store, video, config, run_id=run_id, narrated="")
        assert {s["run_id"] for s in Output(store.uri).captioned("a")} == {run_id}
