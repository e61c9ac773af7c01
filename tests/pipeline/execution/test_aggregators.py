"""Gather actors sharded by video id, on a real Ray: each video has one, and one that is killed comes back."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from operators.store.commit import CommitSegments
from operators.store.done import share_of
from operators.store.group_commit import Grouping
from operators.store.store import Store
from pipeline.execution.aggregators import AggregatorSpec, aggregator
from pipeline.execution.stage import Stage, StageSpec
from tests.support import rows
from tests.support.command import wait_until

VIDEOS = [f"v{k}" for k in range(8)]


def spec(out: str, shards: int, expected: tuple[int, ...] | None = None) -> AggregatorSpec:
    return AggregatorSpec(
        committer=CommitSegments,
        arguments={"store_uri": out, "run_id": "run", "writer": "gather all", "claim": Store(out).claim()},
        grouping=Grouping(size=100, callers=8, flush_s=1.0),
        shards=shards,
        expected=expected,
    )


def aggregators() -> set[int]:
    """Process ids of the shards."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ends while it is looked at
            if " ".join(process.cmdline()).startswith("ray::Aggregator"):
                found.add(process.pid)
    return found


@pytest.mark.timeout(600)
def test_shards_share_the_videos_and_survive_one_of_them(ray_session: None, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    shares = Counter(share_of(v, 2) for v in VIDEOS)
    commit = aggregator(spec(out, 2, (2 * shares[0], 2 * shares[1])))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda v: commit([rows.captioned(v, 0)]), VIDEOS[:4]))
    assert [[a["kind"] for a in some] for some in answers] == [["segment"]] * 4
    wait_until(lambda: len(aggregators()) == 2, "two shards", timeout_s=240)
    for pid in aggregators():
        psutil.Process(pid).kill()
    mixed = [rows.captioned(v, i) for v in VIDEOS for i in (0, 1)]
    hints = [a["video_id"] for a in commit(mixed) if a["kind"] == "whole"]
    assert sorted(hints) == VIDEOS, "a new life reads from the store what the old one had committed"
    found = Store(out).segments.read(["video_id", "segment_index"]).to_pylist()
    assert Counter((r["video_id"], r["segment_index"]) for r in found) == Counter(
        (v, i) for v in VIDEOS for i in (0, 1)
    )


def test_one_shard_is_no_actor_and_opens_its_tables_when_it_is_first_called(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    made = spec(out, 1, (2,))
    before = Store(out).segments._existing().version()
    commit = aggregator(made)
    assert Store(out).segments._existing().version() == before
    done = threading.Thread(target=commit, args=([rows.captioned("v", 0)],))
    done.start()
    commit([rows.captioned("v", 1)])
    done.join(240)
    assert Store(out).done_segments() == {"captions-v": {0, 1}}


def test_actors_see_the_storage_settings_of_their_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of this machine")
    from tests.pipeline.execution.test_stage import SCHEMA

    Stage(StageSpec(operators=(), output=SCHEMA, environment={"AWS_ENDPOINT_URL": "http://there", "AWS_REGION": "x"}))
    assert os.environ["AWS_ENDPOINT_URL"] == "http://there" and "AWS_PROFILE" not in os.environ
    Stage(StageSpec(operators=(), output=SCHEMA))
    assert os.environ["AWS_REGION"] == "x"
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION"):
        del os.environ[name]  # not monkeypatch: it would set them again at its end
