"""What a run would replace, for any state that an output can be in: found from columns, never asked without need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from operators.analysis.filter import Bounds, Filter
from operators.core.keys import narrator_key
from operators.narrate.narrate import Narrate
from operators.store.commit import CommitDataset
from operators.store.store import Store
from pipeline.config.tables import captioner, video_operators
from pipeline.planning.diff import compare
from pipeline.planning.replacement import Replacement
from pipeline.planning.superseded import find
from tests.support import rows
from tests.support.outputs import CONFIG, commit_run, plan_of, with_changes

WINDOW = with_changes(plan={"window_s": 8.0}, caption={"window_s": 8.0})
SECTION = with_changes(narrate={"section_s": 30.0})
NOTHING = Replacement()
A, B, C = (rows.video(v) for v in "abc")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """`a` and `b` are told, `c` is captioned only."""
    store = Store(str(tmp_path_factory.mktemp("made") / "out"))
    commit_run(store, [A, B, C], narrated="ab")
    return store


def test_the_same_config_replaces_nothing_also_with_more_videos_and_other_sizes(made: Store) -> None:
    faster = with_changes(
        decode={"no_progress_s": 5.0}, caption={"concurrency": 2}, run={"flush_s": 1.0}, resources={"num_cpus": 3}
    )
    for config in (CONFIG, faster):
        plan = plan_of(config, [A, B, C, rows.video("d")])
        assert find(plan, made) == NOTHING == find(plan, made, compare(plan, made))


def test_another_captioner_replaces_captions_and_long_captions_and_says_their_price(made: Store) -> None:
    found = find(plan_of(WINDOW, [A, B, C, rows.video("d")]), made)
    assert (found.captioned, found.narrated, found.partial, found.removed) == (("a", "b"), (), ("c",), ())
    assert found.asks and found.segments == 6 and found.windows == 2 * 19
    assert found.hours == pytest.approx(300 / 3600)
    assert found.tokens == 6 * 15 + 2 * 15 and found.cost_usd == pytest.approx(8 * 0.25)
    assert found.runs == {"20260101-000000-0000aa": 3}
    assert found.settings["20260101-000000-0000aa"] == ("plan.window_s 10 -> 8",)
    assert found.text == (
        "2 finished long captions and the captions of 1 unfinished video (0.08 h: 2 captioned and narrated again), "
        "made by run 20260101-000000-0000aa (3 videos; plan.window_s 10 -> 8); spent on them: 6 segments, "
        "38 window captions, 120 tokens, 2.00 USD"
    )
    assert "--replace" in found.refusal("/out") and "-o /out-2" in found.refusal("/out")


def test_another_narrator_replaces_long_captions_only(made: Store) -> None:
    found = find(plan_of(SECTION, [A, B, C]), made)
    assert (found.captioned, found.narrated, found.partial) == ((), ("a", "b"), ())
    assert (found.segments, found.windows, found.tokens) == (0, 0, 30)
    assert "2 narrated again" in found.text and "narrate.section_s 60 -> 30" in found.text


def test_only_videos_of_the_plan_count_and_those_that_were_named_do_not(made: Store) -> None:
    assert find(plan_of(WINDOW, [B]), made).captioned == ("b",)
    assert find(plan_of(WINDOW, [A, B]), made, explicit={"a"}).captioned == ("b",)
    assert not find(plan_of(WINDOW, [A, C]), made, explicit={"a", "c"}).asks
    assert not find(plan_of(WINDOW, [rows.video("d")]), made).asks
    assert find(plan_of(WINDOW, []), made) == NOTHING


def test_a_changed_source_is_an_update_and_no_question(made: Store) -> None:
    newer = [rows.video(v, source_version="2") for v in "abc"]
    for config in (CONFIG, WINDOW, SECTION):
        plan = plan_of(config, newer[:2])
        found = find(plan, made, compare(plan, made))
        assert found.updated == ("a", "b") and not found.asks
        assert found.notes == ["2 finished videos whose source has changed: captioned again"]
    assert not find(plan_of(CONFIG, newer), made).asks, "the captions of c are of an older file"
    mixed = find(plan_of(WINDOW, [newer[0], B]), made)
    assert (mixed.updated, mixed.captioned) == (("a",), ("b",))


def test_nothing_finished_is_nothing_to_ask_about(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    assert find(plan_of(WINDOW, [A]), store) == NOTHING
    commit_run(store, [A, B], failed="ab")
    assert not find(plan_of(WINDOW, [A, B]), store).asks


def test_a_long_caption_of_fewer_segments_is_told_again_without_a_question(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    plan = commit_run(store, [A], narrated="")
    partial = rows.narrated("a", key=plan.videos[0].key, captioned_indices=(0,), segments_captioned=1)
    narrator = narrator_key(video_operators(CONFIG))
    CommitDataset(store.uri, "run", "here", narrator, captioner=captioner(CONFIG)).commit([partial])
    assert len(compare(plan, store).whole) == 1
    assert not find(plan, store).asks


def without_column(store: Store, name: str) -> None:
    """As if the column had not been there yet."""

    def change(found: pa.Table) -> pa.Table:
        return pa.Table.from_pylist([{**row, name: None} for row in found.to_pylist()], schema=found.schema)

    for table in (store.dataset, store.segments):
        table.fence()
        table.rewrite(change)


def test_rows_from_before_the_column_are_told_by_the_plans_of_their_runs(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    commit_run(store, [A, B, C], narrated="ab")
    without_column(store, "config")
    assert find(plan_of(CONFIG, [A, B, C]), store) == NOTHING
    assert find(plan_of(WINDOW, [A, B, C]), store).captioned == ("a", "b")
    assert find(plan_of(WINDOW, [A, B, C]), store).partial == ("c",)
    assert find(plan_of(SECTION, [A, B, C]), store).narrated == ("a", "b")
    store.remove_files("runs/20260101-000000-0000aa/videos.parquet", "runs/20260101-000000-0000aa/config.yaml")
    found = find(plan_of(WINDOW, [A]), store)
    assert found.captioned == ("a",) and "its config.yaml is not readable" in found.text


def test_a_filter_moves_rows_and_that_is_said_and_not_asked(made: Store) -> None:
    wanted = with_changes(filter={"motion": Bounds(min=0.1)})
    plan = plan_of(wanted, [A, B])
    found = find(plan, made, compare(plan, made))
    assert not found.asks
    brief = plan_of(with_changes(filter={"duration_s": Bounds(max=10.0)}), [A, B])
    found = find(brief, made, compare(brief, made))
    assert not found.asks and found.moved_out == 2
    assert found.notes[0].startswith("filter: 2 finished long captions move to filtered/")


def test_a_long_caption_that_would_only_go_is_asked_about(made: Store) -> None:
    """The filter leaves the video out by its length, and its caption is another narrator's: none would be made."""
    config = with_changes(SECTION, filter={"duration_s": Bounds(max=10.0)})
    assert config.filter == Filter(duration_s=Bounds(max=10.0))
    found = find(plan_of(config, [A, B]), made)
    assert found.removed == ("a", "b") and found.asks and "2 removed" in found.text


def test_a_newer_version_of_the_code_is_named_where_no_setting_differs(made: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(Narrate, "version", Narrate.version + 1)
    found = find(plan_of(CONFIG, [A]), made)
    assert (
        found.narrated == ("a",) and "the same settings; other versions of prompts, operators or engines" in found.text
    )


def test_captions_that_are_there_are_only_narrated_again(tmp_path: Path) -> None:
    """A run with other settings was stopped before it removed the earlier captions, which are used again."""
    store = Store(str(tmp_path / "out"))
    commit_run(store, [A])
    commit_run(store, [A], WINDOW, run_id="20260102-000000-0000bb")
    found = find(plan_of(CONFIG, [A]), store)
    assert (found.captioned, found.narrated, found.segments, found.windows) == ((), ("a",), 2, 19)
    assert "(0.03 h: 1 narrated again)" in found.text
