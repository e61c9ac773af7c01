"""The end of a run, on real tables: what goes, what stays, and that videos of other runs are left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.core import rows as rows_
from operators.core.keys import narrator_key, source_key
from operators.store.commit import CommitDataset, CommitSegments, CommitVideos
from operators.store.store import Store
from pipeline.config.tables import video_operators
from pipeline.config.types import Config, PlanOptions
from pipeline.output import finalize
from pipeline.output.known import WANTED, opened
from pipeline.output.output import Output
from pipeline.output.verification import verify
from pipeline.planning.diff import compare
from pipeline.planning.plan import Plan, make_plan
from pipeline.sources.listing import Listing
from pipeline.sources.selection import Selection
from tests.support import rows
from tests.support.outputs import commit_run, with_changes

NOTHING = Listing(rows=[], ignored={})
CONFIG = replace(Config(), plan=PlanOptions(segment_s=rows.SEGMENT_S))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"))


def plan_of(*videos: dict[str, object]) -> Plan:
    return make_plan(CONFIG, list(videos), Selection(), {})


def caption(store: Store, plan: Plan, *, narrate: bool = True) -> None:
    """All of a plan's segments and long captions, as the actors commit them."""
    segments = CommitSegments(store.uri, "run", "here")
    dataset = CommitDataset(store.uri, "run", "here", narrator_key(video_operators(CONFIG)))
    for video in plan.videos:
        made = [rows.captioned(video.video_id, i, key=video.key) for i in range(video.segment_count)]
        segments.commit(made)
        if narrate:
            dataset.commit([rows.narrated(video.video_id, key=video.key)])


def test_superseded_captions_go_and_those_of_other_videos_stay(store: Store) -> None:
    other = plan_of(rows.video("other"))
    old, new = plan_of(rows.video("a")), plan_of(rows.video("a", source_version="2"))
    for plan in (other, old, new):
        caption(store, plan)
    assert len(store.done_segments()) == 3
    finalize.clean(store, new)
    assert set(store.done_segments()) == {other.videos[0].key, new.videos[0].key}
    assert set(store.done_videos()) == {"a", "other"}


def test_a_long_caption_of_a_source_that_broke_goes(store: Store) -> None:
    caption(store, plan_of(rows.video("a")))
    broken = rows.video("a", source_version="2", failure=rows.failure())
    broken["key"] = source_key("a", "2")
    CommitVideos(store.uri, "run", "here").commit([broken])
    finalize.clean(store, plan_of(broken))
    finalize.settle(store, plan_of(broken), NOTHING)
    assert store.done_videos() == {}
    assert [f["video_id"] for f in store.failures.read().to_pylist()] == ["a"]


def test_cured_and_outdated_failures_go_and_standing_ones_stay_once(store: Store) -> None:
    plan = plan_of(rows.video("a"), rows.video("b"))
    a, b = plan.videos
    gather = CommitSegments(store.uri, "run", "here")
    gather.commit(
        [rows.failed_segment("a", 0, "timeout", key=a.key), rows.failed_segment("b", 0, "timeout", key=b.key)]
    )
    gather.commit([rows.failed_segment("b", 0, "timeout", key=b.key, passes=1)])
    gather.commit([rows.failed_segment("a", 1, "crash", key="of an older config")])
    gather.commit([rows.failed_segment("elsewhere", 0, "crash", key="of another run")])
    gather.commit([rows.captioned("a", 0, key=a.key)])
    finalize.settle(store, plan, NOTHING)
    left = {(f["video_id"], f["segment_index"], f["passes"]) for f in store.failures.read().to_pylist()}
    assert left == {("b", 0, 2), ("elsewhere", 0, 1)}


def test_what_a_retry_asked_for_stands_until_it_is_done_or_has_failed_again(store: Store) -> None:
    plan = plan_of(*(rows.video(name, duration_s=30.0) for name in "abc"))
    keys = {video.video_id: video.key for video in plan.videos}

    def fail(name: str) -> None:
        CommitSegments(store.uri, "run", "here").commit([rows.failed_segment(name, 0, "crash", key=keys[name])])

    for name in "abc":
        fail(name)
    assert not compare(plan, store).segments
    finalize.reopen(store, lambda event: event["video_id"] != "c")
    assert {row["video_id"] for row in compare(plan, store).segments} == {"a", "b"}
    assert {(f["video_id"], f["passes"]) for f in Output(store.uri).retries()} == {("a", 0), ("b", 0)}
    fail("a")
    finalize.settle(store, plan, NOTHING)
    assert {(f["video_id"], f["passes"]) for f in store.failures.read().to_pylist()} == {("a", 1), ("b", 0), ("c", 1)}
    CommitSegments(store.uri, "run", "here").commit([rows.captioned("b", 0, key=keys["b"])])
    finalize.settle(store, plan, NOTHING)
    assert {f["video_id"] for f in store.failures.read().to_pylist()} == {"a", "c"}


def test_a_row_that_a_manifest_had_is_no_failure_once_it_is_corrected(store: Store) -> None:
    places = {"of the manifest": "/m.csv row 2", "still in it": "/m.csv row 3", "of another": "/m.csv.old.csv row 2"}
    refused = [
        rows.video(video_id, failure=rows.failure("invalid", f"{where}: the id is empty", stage="list"))
        for video_id, where in places.items()
    ]
    commit_run(store, [*refused, rows.video("a")])
    plan = commit_run(store, [rows.video("a")], run_id="20260102-b")
    finalize.settle(store, plan, Listing(rows=[rows.video("still in it")], ignored={}, manifests=["/m.csv"]))
    assert {f["video_id"] for f in store.failures.read().to_pylist()} == {"still in it", "of another"}
    assert set(store.videos.read()["video_id"].to_pylist()) == {"a", "still in it", "of another"}
    assert "missing" not in {found.kind for found in verify(Output(store.uri)).findings}


def test_plain_files_are_the_tables(store: Store) -> None:
    plan = plan_of(*(rows.video(f"v{k}") for k in range(5)))
    caption(store, plan)
    caption(store, plan)
    finalize.clean(store, plan)
    for table in (store.segments, store.dataset):
        assert table.sweep() > 0
        files = list(Path(table.uri).glob("*.parquet"))
        assert len(files) == 1 and pq.read_table(files[0]).num_rows == table.read().num_rows


def test_captions_of_another_config_stay_where_the_new_one_fails(store: Store) -> None:
    """A replacement that fails costs no caption: `a` is replaced, `b` keeps what it had, and verify says so."""
    videos = [rows.video(v) for v in "ab"]
    old = commit_run(store, videos, run_id="20260101-a")
    new = commit_run(store, videos, with_changes(caption={"warm_up_windows": 0}), run_id="20260102-b", failed="b")
    finalize.clean(store, new)
    assert set(store.done_segments()) == {new.videos[0].key, old.videos[1].key}
    made = {r["video_id"]: r["run_id"] for r in store.dataset.read().to_pylist()}
    assert made == {"a": "20260102-b", "b": "20260101-a"}
    found = verify(Output(store.uri))
    assert not [f for f in found.findings if f.kind != "stray" or f.what.startswith("segments of")], found.findings
    assert sorted((n.kind, n.what) for n in found.notes) == [("kept", "long caption of b"), ("mixed", "dataset")]
    assert compare(old, store).undone == {"a"}, "the old config finds what it made of b"


def test_a_partial_caption_goes_where_on_incomplete_allows_it_no_longer(store: Store) -> None:
    plan = commit_run(store, [rows.video("a")], narrated="")
    b = commit_run(store, [rows.video("b")], run_id="20260102-b")
    store.segments.fence()
    gather = CommitSegments(store.uri, "run", "here")
    store.segments.delete("key", [b.videos[0].key])
    gather.commit([rows.captioned("b", 0, key=b.videos[0].key), rows.failed_segment("b", 1, key=b.videos[0].key)])
    strict = with_changes(run={"on_incomplete": "fail"})
    finalize.clean(store, commit_plan(strict, "b"))
    assert store.done_videos() == {} and plan.videos[0].key in store.done_segments()


def commit_plan(config: Config, *names: str) -> Plan:
    return make_plan(config, [rows.video(v) for v in names], Selection(), {})


def test_failures_in_a_table_that_a_run_does_not_make_stay(store: Store) -> None:
    plan = commit_run(store, [rows.video("a")])
    run_id, columns = "20260101-000000-0000aa", ("video_id", "segment_index", "key", "content_hash", "run_id")
    Store(store.uri, tables={"marks": pa.schema([rows_.CAPTIONED_SEGMENT.field(n) for n in columns])}).claim()
    said = {"run_id": run_id, "tables": {"marks": {"level": "segment", "from": ["videos"]}}}
    store.write_file(f"runs/{run_id}/tables.json", json.dumps(said).encode())
    wanted = pa.Table.from_pylist([{"video_id": "a", "key": "of marks", "rows": 2}], schema=WANTED)
    store.write_table(f"runs/{run_id}/tables/marks.parquet", wanted)
    failed = rows.failed_segment("a", 0, key="of marks")
    CommitSegments(store.uri, run_id, "here", captioner="").commit([failed, rows.failed_segment("a", 0, key="older")])
    for passes in (1, 0):
        finalize.settle(opened(store.uri), plan, NOTHING)
        assert [f["key"] for f in Output(store.uri).failures()] == ["of marks"], passes
        finalize.reopen(store, lambda _: True)
