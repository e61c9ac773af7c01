"""Listings of object storage, and of signed URLs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import fsspec
import pytest

from operators.core.base import ItemError
from operators.core.fingerprint import digest
from operators.video.version import check_subtitles, check_video
from pipeline.sources.files import File
from pipeline.sources.listing import list_sources
from pipeline.terminal.errors import UsageError
from tests.pipeline.sources.listed import OPTIONS, touch
from tests.support import web


def test_a_remote_prefix_lists_as_a_folder_does(remote: str) -> None:
    listing = list_sources([remote], OPTIONS)
    assert [row["uri"] for row in listing.rows] == [f"{remote}/a.mp4", f"{remote}/deep/b.MKV"]
    assert [row["subtitles_uri"] for row in listing.rows] == [None, f"{remote}/deep/b.en.srt"]
    assert listing.rows[0]["size_bytes"] == 5
    assert listing.ignored == {".txt": 1}


def test_a_remote_file_glob_and_manifest_give_the_rows_of_the_prefix(remote: str) -> None:
    of_prefix = list_sources([remote], OPTIONS).rows
    assert list_sources([f"{remote}/a.mp4"], OPTIONS).rows == of_prefix[:1]
    assert list_sources([f"{remote}/*.mp4"], OPTIONS).rows == of_prefix[:1]
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/bucket/lists/m.jsonl", b'{"uri": "../a.mp4"}\n{"uri": "memory://bucket/deep/b.MKV"}\n')
    assert list_sources([f"{remote}/lists/m.jsonl"], OPTIONS).rows == of_prefix


def test_a_remote_version_changes_when_the_object_is_written_again(remote: str) -> None:
    before = list_sources([remote], OPTIONS).rows[0]["source_version"]
    assert list_sources([remote], OPTIONS).rows[0]["source_version"] == before
    fsspec.filesystem("memory").pipe_file("/bucket/a.mp4", b"54321")
    assert list_sources([remote], OPTIONS).rows[0]["source_version"] != before


def test_signed_urls_are_videos_whatever_their_query_and_keep_their_ids(tmp_path: Path) -> None:
    touch(tmp_path, "v.mp4", "w.mp4", content=b"12345")
    with web.serve(tmp_path) as server:
        (row,) = list_sources([server.signed("v.mp4", 1)], OPTIONS).rows
        (later,) = list_sources([server.signed("v.mp4", 2)], OPTIONS).rows
        assert row["uri"] == f"{server.url}/v.mp4" and row["access_uri"] == server.signed("v.mp4", 1)
        assert row["video_id"] == digest(row["uri"]) and row["size_bytes"] == 5
        assert {**later, "access_uri": None} == {**row, "access_uri": None}
        manifest = tmp_path / "m.csv"
        manifest.write_text(f"uri,thumb\n{server.signed('v.mp4', 3)},{server.signed('t.jpg')}\n")
        (named,) = list_sources([str(manifest)], OPTIONS).rows
        assert named["video_id"] == row["video_id"] and named["source_version"] == row["source_version"]
        assert named["metadata"] == json.dumps({"thumb": f"{server.url}/t.jpg"})
        remote = list_sources([server.signed("m.csv")], OPTIONS).rows
        assert [r["access_uri"] for r in remote] == [server.signed("v.mp4", 3)]


def test_two_signatures_of_one_file_are_one_video_and_two_files_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "v.mp4", content=b"12345")
    with web.serve(tmp_path) as server:
        expired = f"{server.url}/v.mp4?sig=expired"
        (tmp_path / "m.csv").write_text(f"uri\n{server.signed('v.mp4')}\n{expired}\n{server.signed('v.mp4', 2)}\n")
        (row,) = list_sources([str(tmp_path / "m.csv")], OPTIONS).rows
        assert row["size_bytes"] == 5
        with pytest.raises(UsageError, match=r"may not be read: access denied .HTTP 403") as caught:
            list_sources([expired], OPTIONS)
        assert "sig=" not in str(caught.value)
        (tmp_path / "m.csv").write_text(f"uri\n{server.url}/a?id=5\n{server.url}/a?id=6\n")
        assert len(list_sources([str(tmp_path / "m.csv")], OPTIONS).rows) == 2


def test_urls_that_differ_in_a_token_and_in_their_files_need_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"https://h/get.mp4?token=a": 1, "https://h/get.mp4?token=b": 2}
    monkeypatch.setattr("pipeline.sources.listing.look", lambda uris, **_: {uri: File(sizes[uri], "t") for uri in uris})
    with pytest.raises(UsageError, match=r"https://h/get.mp4 names two files.*column video_id"):
        list_sources(list(sizes), OPTIONS)


def test_a_name_that_only_the_query_ends_in_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.listing.look", lambda uris, **_: {uri: File(1, "t") for uri in uris})
    (row,) = list_sources(["https://host/get?file=a.mp4"], OPTIONS).rows
    assert row["video_id"] == digest("https://host/get?file=a.mp4") and row["access_uri"] is None


def test_a_web_folder_gives_the_versions_of_its_files_and_notices_changes(tmp_path: Path) -> None:
    touch(tmp_path, "v/a.mp4", "v/a.srt", "v/sub/b.mp4", content=b"12345")
    with web.serve_openly(tmp_path) as url:
        rows = list_sources([f"{url}v/"], OPTIONS).rows
        assert [(row["uri"], row["size_bytes"]) for row in rows] == [(f"{url}v/a.mp4", 5), (f"{url}v/sub/b.mp4", 5)]
        named = [list_sources([row["uri"]], OPTIONS).rows[0] for row in rows]
        assert rows[1] == named[1]
        assert rows[0]["subtitles_uri"] == f"{url}v/a.srt" and named[0]["subtitles_uri"] is None
        assert rows[0]["source_version"].startswith(f"{named[0]['source_version']}-")
        for check, changed in ((check_video, "b.mp4"), (check_subtitles, "a.srt")):
            row, key = (rows[1], "uri") if check is check_video else (rows[0], "subtitles_uri")
            check(row[key], row["source_version"])
            os.utime(next(tmp_path.rglob(changed)), (1e9, 1e9))
            with pytest.raises(ItemError, match="has changed"):
                check(row[key], row["source_version"])
        assert all(
            x["source_version"] != y["source_version"]
            for x, y in zip(list_sources([f"{url}v/"], OPTIONS).rows, rows, strict=True)
        )


def test_hidden_folders_of_a_prefix_are_skipped_unless_they_are_named(remote: str) -> None:
    before = list_sources([remote], OPTIONS)
    fs = fsspec.filesystem("memory")
    for name in (".tmp/z.mp4", "deep/.cache/z.mp4", ".hidden.mp4"):
        fs.pipe_file(f"/bucket/{name}", b"12345")
    after = list_sources([remote], OPTIONS)
    assert after.rows == before.rows and after.ignored == {**before.ignored, "hidden": 1}
    assert list_sources([f"{remote}/**/*.mp4"], OPTIONS).rows == before.rows[:1]
    for named in (f"{remote}/.tmp", f"{remote}/.tmp/*.mp4", f"{remote}/.t*/*.mp4"):
        assert [row["uri"] for row in list_sources([named], OPTIONS).rows] == [f"{remote}/.tmp/z.mp4"]


@pytest.mark.parametrize("uri", ["zip://in/v.mp4::memory://bucket/z.zip", "simplecache::memory://bucket/a.mp4"])
def test_a_chained_uri_is_refused(remote: str, uri: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a chained URI, which cannot be read"):
        list_sources([uri], OPTIONS)
    (tmp_path / "m.csv").write_text(f"uri,video_id\n{uri},chain\n{remote}/a.mp4,a\n")
    a, chain = sorted(list_sources([str(tmp_path / "m.csv")], OPTIONS).rows, key=lambda row: "failure" in row)
    assert a["size_bytes"] == 5 and "uri is a chained URI" in chain["failure"]["message"]
