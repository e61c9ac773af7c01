from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operators.core.base import ItemError, Row
from operators.store import patience, reader
from operators.store.commit import CommitSegments, CommitVideos
from operators.store.load import Load
from tests.support import rows as sample


@pytest.fixture
def out(tmp_path: Path) -> str:
    out = str(tmp_path / "out")
    CommitVideos(out, "run", "here").commit([sample.video("v", metadata='{"licence": "by"}'), sample.video("w")])
    gather = CommitSegments(out, "run", "here")
    gather.commit([sample.captioned("v", 1), sample.captioned("w", 0), sample.captioned("v", 0)])
    return out


def hint(video_id: str = "v", key: str = "captions-v") -> Row:
    return {"kind": "whole", "video_id": video_id, "key": key, "segment_count": 3, "run_id": "mine"}


def test_the_durable_captions_and_facts_of_one_video_are_added(out: str) -> None:
    with Load(store=out, window_s=10.0, stride_s=5.0).open() as apply:
        row = apply(hint())
        other = apply(hint("w", "captions-w"))
    assert [s["segment_index"] for s in row["captioned"]] == row["captioned_indices"] == [0, 1]
    assert {s["video_id"] for s in row["captioned"]} == {"v"}
    assert (row["segments"], row["window_s"], row["stride_s"]) == (3, 10.0, 5.0)
    assert (row["duration_s"], row["metadata"], row["uri"]) == (100.0, '{"licence": "by"}', "/videos/v.mp4")
    assert row["run_id"] == "mine"  # of this run, not of the one that probed
    assert set(row) >= Load.writes
    assert other["captioned_indices"] == [0]


@pytest.mark.parametrize(("video_id", "key"), [("unknown", "captions-v"), ("v", "captions of another config")])
def test_a_hint_that_leads_nowhere_fails_its_video_alone(out: str, video_id: str, key: str) -> None:
    with Load(store=out, window_s=10.0, stride_s=5.0).open() as apply:
        with pytest.raises(ItemError, match="the store has no captions of it"):
            apply(hint(video_id, key))


def test_storage_that_does_not_answer_is_storages_error(out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any, **kwargs: Any) -> None:
        raise OSError("connection\n\x1b[31m↳\x1b[0m refused")

    monkeypatch.setattr(reader, "DeltaTable", gone)
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    with Load(store=out, window_s=10.0, stride_s=5.0).open() as apply:
        with pytest.raises(ItemError, match=r"^storage: .*/videos: OSError: connection ↳ refused$") as error:
            apply(hint())
    assert error.value.failure_class == "storage"
