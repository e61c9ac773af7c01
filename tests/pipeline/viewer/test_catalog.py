"""The list of videos: states, search, conditions, order, pages; and that it follows a run and annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from operators.store.store import Store
from pipeline.output.annotations import Annotations
from pipeline.terminal.errors import UsageError
from pipeline.viewer import catalog as module
from pipeline.viewer.catalog import Catalog
from pipeline.viewer.query import Query, condition, parse
from tests.support import rows, viewed


def video(video_id: str, duration_s: float, **changes: Any) -> dict[str, Any]:
    return rows.video(video_id, duration_s=duration_s, uri=f"/clips/{video_id}.mp4", **changes)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four videos with long captions, one that could not be read, one that is not done yet."""
    videos = [video(v, 30.0 + k) for k, v in enumerate("abcd")]
    videos[1]["codec"], videos[2]["metadata"] = "hevc", '{"license": "CC0", "rank": 3}'
    lost = rows.video("lost", failure=rows.failure("unreadable", "it is no video", stage="probe"), duration_s=None)
    told = {
        "a": {"words": 500, "coverage": 0.5, "integrity": False, "title": "The weir", "state": 3, "spans": [1.0]},
        "b": {"words": 40, "incomplete": "cut short", "damaged_packets": 3},
        "c": {"words": 300, "metadata": '{"license": "CC0", "rank": 3}'},
        "d": {"words": 7, "title": "A heron", "state": 5, "caption": "Only here a Heron stands.\n\nIt waits."},
    }
    added = [pa.field("title", pa.string()), pa.field("state", pa.int32()), pa.field("spans", pa.list_(pa.float64()))]
    store = viewed.make(str(tmp_path / "out"), [*videos, lost], told=told, added=added)
    from operators.store.commit import CommitVideos

    CommitVideos(store.uri, "later", "here").commit([video("waiting", 12.0)])
    return store


@pytest.fixture
def listed(store: Store, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setattr(module, "_LOOK_S", 0.0)
    monkeypatch.setattr(module, "_REBUILD", 0.0)
    return Catalog(store.uri, Annotations(store))


def ids(listed: Catalog, url: str = "", **changes: Any) -> list[str]:
    query = parse([tuple(pair.split("=", 1)) for pair in url.split("&") if pair], listed.columns())  # type: ignore[misc]
    return [row["video_id"] for row in listed.page(query).rows]


def test_every_video_that_the_output_knows_is_listed_with_its_state(listed: Catalog) -> None:
    found = {row["video_id"]: row for row in listed.page(Query()).rows}
    assert {k: row["state"] for k, row in found.items()} == {
        **dict.fromkeys("abcd", "captioned"),
        "lost": "failed",
        "waiting": "waiting",
    }
    assert found["a"]["name"] == "a.mp4" and found["a"]["duration_s"] == 30.0
    assert found["lost"]["failure_message"] == "it is no video"
    assert found["a"]["flags"] == "not whole, gaps"
    assert found["b"]["flags"] == "damaged, incomplete file"
    assert found["c"]["flags"] == "" and found["waiting"]["flags"] == ""
    counts = listed.counts()
    assert [counts[n] for n in ("videos", "captioned", "failed", "filtered", "waiting")] == [6, 4, 1, 0, 1]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sort=-words&state=captioned", ["a", "c", "b", "d"]),
        ("sort=words", ["d", "b", "c", "a", "lost", "waiting"]),
        ("where=words>=40&sort=words", ["b", "c", "a"]),
        ("where=words>=40&where=words<500", ["b", "c"]),
        ("where=codec=hevc", ["b"]),
        ("where=codec!=hevc&state=captioned", ["a", "c", "d"]),
        ("where=integrity=false", ["a"]),
        ("where=incomplete!=", ["b"]),
        ("where=incomplete=&state=captioned", ["a", "c", "d"]),
        ("where=uri~/CLIPS/c", ["c"]),
        ("where=metadata.license=CC0", ["c"]),
        ("where=title~weir", ["a"]),
        ("where=title!=&sort=title", ["d", "a"]),
        ("where=dataset.state>3", ["d"]),
        ("where=state=captioned&sort=-dataset.state", ["d", "a", "b", "c"]),
        ("where=metadata.rank>2.5", ["c"]),
        ("state=failed", ["lost"]),
        ("q=heron", ["d"]),
        ("q=only heron", ["d"]),
        ("q=b.mp4", ["b"]),
        ("q=RIVER&sort=-words", ["a", "c", "b"]),
        ("q=nothing of this", []),
        ("q=%_*", []),
    ],
)
def test_search_conditions_and_order(listed: Catalog, url: str, expected: list[str]) -> None:
    assert ids(listed, url) == expected


def test_pages_and_neighbours(listed: Catalog) -> None:
    query = Query(sort="-words", state="captioned", size=3)
    first, second = listed.page(query), listed.page(Query(sort="-words", state="captioned", size=3, page=2))
    assert ([r["video_id"] for r in first.rows], first.total, first.pages) == (["a", "c", "b"], 4, 2)
    assert [r["video_id"] for r in second.rows] == ["d"]
    assert listed.page(Query(page=99)).page == 1, "past the last page there is the last one"
    assert listed.beside(query, "c") == ("a", "b")
    assert listed.beside(query, "a") == (None, "c")
    assert listed.beside(query, "lost") == (None, None)
    assert listed.ids(query) == ["a", "c", "b", "d"]


def test_a_value_that_does_not_fit_is_said(listed: Catalog) -> None:
    for text, told in (("words>many", "compares numbers with 'many'"), ("integrity=perhaps", "write true or false")):
        with pytest.raises(UsageError, match=told):
            listed.page(Query(where=(condition(text, listed.columns()),)))


def test_columns_of_a_manifest_can_be_shown(listed: Catalog) -> None:
    assert {"metadata.license", "metadata.rank", "title", "dataset.state"} <= set(listed.columns())
    assert not {"spans", "dataset.spans", "content_hash"} & set(listed.columns())
    shown = listed.page(Query(columns=("metadata.rank",))).rows
    assert {r["video_id"]: r["metadata.rank"] for r in shown}["c"] == 3.0


ODD = {"huge": 10**400, "list": [1, "a"], "object": {"k": 1}, "yes": True, 'a"b': "q", "site/name": "é", "void": None}


def test_all_offered_columns_can_be_sorted_compared_and_shown(tmp_path: Path) -> None:
    kinds = {"when": pa.timestamp("us", tz="UTC"), "raw": pa.binary(), "spans": pa.list_(pa.float64())}
    kinds |= {"inner": pa.struct([("x", pa.int32())]), "share": pa.float32(), "title": pa.string()}
    added = [pa.field(name, kind) for name, kind in kinds.items()]
    told = {"a": {"metadata": json.dumps(ODD, ensure_ascii=False), "title": "t", "share": 0.5}}
    videos = [video("a", 30.0, metadata=told["a"]["metadata"]), video("b", 20.0)]
    store = viewed.make(str(tmp_path / "out"), videos, told=told, added=added)
    listed = Catalog(store.uri, Annotations(store))
    columns = listed.columns()
    assert not {"opening", "sections", "usage", "provenance", "caption", "inner", "raw", "when"} & set(columns)
    assert {"title", "share", "words", *(f"metadata.{name}" for name in ODD)} <= set(columns)
    for name in columns:
        for sort in (name, f"-{name}"):
            shown = listed.page(parse([("sort", sort), ("columns", name)], columns)).rows
            assert [set(row) >= {name} for row in shown] == [True, True]
            assert not any(isinstance(value, list | dict) for row in shown for value in row.values())
        for written in ("~a", "=", "!="):
            assert set(ids(listed, f"where={name}{written}")) <= {"a", "b"}
    for written in ('metadata.a"b=q', "metadata.site/name=é", "metadata.huge~000", "share>0.4"):
        assert ids(listed, f"where={written}") == ["a"], written


def test_it_follows_a_run_and_annotations(listed: Catalog, store: Store) -> None:
    before = listed.counts()["stamp"]
    viewed.make(store.uri, [video("e", 40.0)], run_id="20260102-000000-0000bb")
    assert "e" in ids(listed) and listed.counts()["stamp"] != before
    said, caption = Annotations(store), store.dataset.lookup("video_id", "a").to_pylist()[0]
    row = said.add(caption, "reject", author="ann")
    assert ids(listed, "verdict=reject") == ["a"]
    assert "a" not in ids(listed, "verdict=none")
    said.undo(caption, row["annotation_id"], author="ann")
    assert ids(listed, "verdict=reject") == []


def test_an_output_without_videos_is_an_empty_list(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    store.videos.fence()
    listed = Catalog(store.uri, Annotations(store))
    assert listed.page(Query(q="x")).rows == [] and listed.counts()["videos"] == 0
