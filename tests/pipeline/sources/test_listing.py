"""What a listing holds: the videos of folders, globs and manifests, with their ids, versions and subtitles."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core import rows
from operators.core.fingerprint import digest
from pipeline.config.types import SourceOptions
from pipeline.sources.listing import list_sources
from tests.pipeline.sources.listed import OPTIONS, error_of, touch


def names_of(inputs: list[str], options: SourceOptions = OPTIONS) -> list[str]:
    return [Path(row["uri"]).name for row in list_sources(inputs, options).rows]


def test_a_folder_gives_its_videos_at_any_depth_and_counts_the_rest(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "sub/deep/a.MOV", "c.txt", "d.txt", "README", ".hidden.mp4", ".git/e.mp4")
    listing = list_sources([str(tmp_path)], OPTIONS)
    assert [row["uri"] for row in listing.rows] == [f"{tmp_path}/b.mp4", f"{tmp_path}/sub/deep/a.MOV"]
    assert listing.ignored == {".txt": 2, "no suffix": 1, "hidden": 1}
    assert names_of([str(tmp_path)], SourceOptions(recursive=False)) == ["b.mp4"]
    assert names_of([str(tmp_path)], SourceOptions(suffixes=("",))) == ["README"]


@pytest.mark.parametrize("suffix", [".mp4", ".MP4", "mp4", "Mp4"])
def test_suffixes_are_written_in_any_case_with_or_without_a_dot(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, "a.mp4", "b.MP4", "c.mkv", "d")
    assert names_of([str(tmp_path)], SourceOptions(suffixes=(suffix, ""))) == ["a.mp4", "b.MP4", "d"]


def test_rows_have_exactly_the_columns_of_a_source(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", content=b"12345")
    (row,) = list_sources([str(tmp_path)], OPTIONS).rows
    assert set(row) == {*rows.VIDEO.names[:6], "access_uri"}
    assert row["size_bytes"] == 5
    assert row["metadata"] == "{}"
    assert row["subtitles_uri"] is None
    assert row["video_id"] == digest(f"{tmp_path}/a.mp4")


def test_one_file_has_one_id_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "sub/a.mp4")
    monkeypatch.chdir(tmp_path)
    ways = ["sub/a.mp4", "./sub/../sub/a.mp4", f"file://{tmp_path}/sub/a.mp4", "sub", "s*/*.mp4", str(tmp_path)]
    listings = [list_sources([way], OPTIONS).rows for way in ways]
    assert all(listing == listings[0] for listing in listings)
    assert list_sources(ways, OPTIONS).rows == listings[0]


def test_a_version_changes_with_size_and_time_and_with_nothing_else(tmp_path: Path) -> None:
    def version() -> str:
        (row,) = list_sources([str(tmp_path)], OPTIONS).rows
        return str(row["source_version"])

    touch(tmp_path, "a.mp4")
    os.utime(tmp_path / "a.mp4", ns=(0, 1_700_000_000_000_000_000))
    first = version()
    assert version() == first
    os.utime(tmp_path / "a.mp4", ns=(0, 1_700_000_000_000_000_001))
    second = version()
    touch(tmp_path, "a.mp4", content=b"xy")
    os.utime(tmp_path / "a.mp4", ns=(0, 1_700_000_000_000_000_001))
    third = version()
    touch(tmp_path, "a.srt")
    with_subtitles = version()
    assert len({first, second, third, with_subtitles}) == 4


@pytest.mark.parametrize(
    ("beside", "chosen"),
    [
        (["a.srt", "a.en.srt", "a.vtt"], "a.srt"),
        (["a.ass", "a.vtt", "a.de.srt"], "a.vtt"),
        (["a.pt-BR.srt", "a.en.vtt"], "a.en.vtt"),
        (["a.zh-Hans.ass"], "a.zh-Hans.ass"),
        (["a.part2.srt", "ab.srt", "b.srt", "a.en.txt"], None),
    ],
)
def test_subtitles_lie_beside_the_video(tmp_path: Path, beside: list[str], chosen: str | None) -> None:
    touch(tmp_path, "a.mp4", *beside)
    manifest = tmp_path / "m.csv"
    manifest.write_text("uri\na.mp4\n")
    expected = None if chosen is None else str(tmp_path / chosen)
    for named in (str(tmp_path), f"{tmp_path}/a.mp4", f"{tmp_path}/*.mp4", str(manifest)):
        (row,) = list_sources([named], OPTIONS).rows
        assert row["subtitles_uri"] == expected, named


def test_subtitles_that_are_used_are_not_counted_as_ignored(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "a.srt", "other.srt")
    assert list_sources([str(tmp_path)], OPTIONS).ignored == {".srt": 1}


def test_links_are_followed_and_a_circle_of_them_ends(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.mp4", "root/b.mp4")
    root = tmp_path / "root"
    (root / "up").symlink_to(root)
    (root / "other").symlink_to(tmp_path / "elsewhere")
    (root / "c.mp4").symlink_to(tmp_path / "elsewhere" / "a.mp4")
    (root / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    listing = list_sources([str(root)], OPTIONS)
    sizes = {Path(row["uri"]).name: row["size_bytes"] for row in listing.rows}
    assert sizes == {"a.mp4": 1, "b.mp4": 1, "c.mp4": 1, "gone.mp4": None}


def test_a_glob_names_files_and_a_literal_name_wins_over_its_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "a1.mp4", "a2.mp4", "a[1].mp4", "x.txt", "sub/b.mp4")
    assert names_of([f"{tmp_path}/a?.mp4"]) == ["a1.mp4", "a2.mp4"]
    assert names_of([f"{tmp_path}/**/*.mp4"]) == ["a1.mp4", "a2.mp4", "a[1].mp4", "b.mp4"]
    assert names_of([f"{tmp_path}/a[1].mp4"]) == ["a[1].mp4"]
    assert list_sources([f"{tmp_path}/*"], OPTIONS).ignored == {".txt": 1}


def test_a_manifest_brings_ids_and_metadata_and_its_uris_are_relative_to_it(tmp_path: Path) -> None:
    touch(tmp_path, "clips/a.mp4")
    (tmp_path / "lists").mkdir()
    manifest = tmp_path / "lists" / "m.jsonl"
    manifest.write_text('{"uri": "../clips/a.mp4", "video_id": 7, "z": 1, "a": "é"}\n')
    (row,) = list_sources([str(manifest)], OPTIONS).rows
    assert row["uri"] == str(tmp_path / "clips" / "a.mp4")
    assert row["video_id"] == "7"
    assert row["metadata"] == '{"a": "é", "z": 1}'
    assert row["size_bytes"] == 1


def test_a_glob_of_manifests_is_all_of_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.mp4").write_bytes(b"x")
        (tmp_path / f"{name}.csv").write_text(f"uri,video_id\n{name}.mp4,id-{name}\n")
    listing = list_sources([f"{tmp_path}/*.csv"], SourceOptions())
    assert [r["video_id"] for r in listing.rows] == ["id-a", "id-b"]
    assert listing.ignored == {}


def test_what_a_manifest_names_and_is_not_there_is_a_row(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "m.csv").write_text("uri\na.mp4\ngone.mp4\nno/such/folder/b.mp4\n")
    sizes = {Path(r["uri"]).name: r["size_bytes"] for r in list_sources([str(tmp_path / "m.csv")], OPTIONS).rows}
    assert sizes == {"a.mp4": 1, "gone.mp4": None, "b.mp4": None}


def test_a_manifest_and_the_folder_it_is_about_are_one_listing(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "m.csv").write_text("uri,video_id,title\na.mp4,mine,A\n")
    for inputs in ([str(tmp_path), str(tmp_path / "m.csv")], [str(tmp_path / "m.csv"), str(tmp_path)]):
        listed = list_sources(inputs, OPTIONS).rows
        assert [(Path(r["uri"]).name, json.loads(r["metadata"])) for r in listed] == [
            ("a.mp4", {"title": "A"}),
            ("b.mp4", {}),
        ]
        assert listed[0]["video_id"] == "mine"


@given(st.permutations(["z.mp4", "a.mp4", "m/b.mp4", "m/a.mp4", "m.mp4"]))
def test_the_order_of_the_inputs_does_not_matter(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("order")
    touch(folder, *names)
    uris = [r["uri"] for r in list_sources([f"{folder}/{name}" for name in names], OPTIONS).rows]
    assert uris == sorted(f"{folder}/{name}" for name in names)


def test_two_sources_with_one_id_are_both_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "m.csv").write_text("uri,video_id\na.mp4,same\nb.mp4,same\n")
    message = error_of([str(tmp_path / "m.csv")])
    assert "'same'" in message
    assert f"{tmp_path}/a.mp4 and {tmp_path}/b.mp4" in message
    (tmp_path / "m.csv").write_text("uri,video_id,t\na.mp4,same,1\na.mp4,same,2\n")
    assert "with other metadata" in error_of([str(tmp_path / "m.csv")])


@pytest.mark.parametrize(
    ("video_id", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a\nb", "control character"),
        ("\ud83d", "control character"),
        ("x" * 201, "201 characters"),
        (1.5, "video_id is 1.5"),
    ],
)
def test_an_id_that_is_no_id_is_the_failure_of_its_row(tmp_path: Path, video_id: Any, says: str) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(
        f"{json.dumps({'uri': 'a.mp4', 'video_id': 'ok'})}\n{json.dumps({'uri': 'b', 'video_id': video_id})}"
    )
    good, bad = list_sources([str(manifest)], OPTIONS).rows
    assert (good["video_id"], "failure" in good) == ("ok", False)
    assert (bad["uri"], bad["size_bytes"], bad["failure"]["class"]) == (f"{tmp_path}/b", None, "invalid")
    assert bad["failure"]["message"].startswith(f"{manifest} row 2: ") and says in bad["failure"]["message"]
    manifest.write_text(json.dumps({"uri": "b", "video_id": video_id}))
    assert says in error_of([str(manifest)])  # no row can be used: the manifest is at fault


def test_a_corrected_row_of_a_manifest_is_another_source(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    good = json.dumps({"uri": "a.mp4"})
    manifest.write_text(f"{good}\n{json.dumps({'uri': 'b.mp4', 'x': 'y'})[:-1]}")
    (_, bad) = list_sources([str(manifest)], OPTIONS).rows
    assert bad["uri"] == f"{manifest} row 2" and "line 2 is not valid JSON" in bad["failure"]["message"]
    manifest.write_text(good)
    assert [row["uri"] for row in list_sources([str(manifest)], OPTIONS).rows] == [f"{tmp_path}/a.mp4"]


def test_an_address_that_cannot_be_asked_is_left_to_probing_beside_good_ones(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    manifest = tmp_path / "m.csv"
    manifest.write_text("uri\na.mp4\nno-such-protocol://x/b.mp4\n")
    assert [row["size_bytes"] is None for row in list_sources([str(manifest)], OPTIONS).rows] == [False, True]
    manifest.write_text("uri\nno-such-protocol://x/b.mp4\n")
    assert "cannot list no-such-protocol://x" in error_of([str(manifest)])


def test_an_empty_listing_says_what_was_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt", "b.txt", "c.jpg")
    message = error_of([str(tmp_path)])
    assert "3 other files" in message
    assert "2 .txt, 1 .jpg" in message
    assert ".mp4" in message
    (tmp_path / "empty").mkdir()
    assert error_of([" "]).startswith("an input is an empty name")
    assert error_of([f"{tmp_path}/empty"]) == f"no video in {tmp_path}/empty: there are no files"
    manifest = tmp_path / "m.csv"
    manifest.write_text("uri,title\n")
    assert error_of([str(manifest)]) == f"the manifest {manifest} has no rows: add one row per video"
    both = error_of([str(manifest), f"{tmp_path}/empty"])
    assert (
        both == f"the manifest {manifest} has no rows: add one row per video; no video in {tmp_path}/empty: "
        "there are no files"
    )
    assert error_of([f"{tmp_path}/*.mkv"]) == f"no file matches {tmp_path}/*.mkv"


def test_a_path_that_is_not_there_names_what_is(tmp_path: Path, remote: str) -> None:
    touch(tmp_path, "videos/a.mp4")
    assert f"did you mean {tmp_path}/videos?" in error_of([f"{tmp_path}/vidoes/a.mp4"])
    assert f"did you mean {tmp_path}/videos?" in error_of([f"{tmp_path}/vidoes"])
    assert f"did you mean {tmp_path}/videos/a.mp4?" in error_of([f"{tmp_path}/videos/a.mp3"])
    assert f"there is no {remote}/b.mp4" in error_of([f"{remote}/b.mp4"])
    assert error_of(["memory://nothing"]) == "there is no memory://nothing"
    assert error_of([f"{remote}/*.avi"]) == f"no file matches {remote}/*.avi"


def test_a_file_that_is_neither_video_nor_manifest_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "list.txt")
    message = error_of([f"{tmp_path}/list.txt"])
    assert "neither a video" in message
    assert ".parquet .csv .jsonl" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "closed/b.mp4")
    (tmp_path / "closed").chmod(0)
    try:
        assert f"cannot list {tmp_path}/closed: Permission denied" in error_of([str(tmp_path)])
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_a_file_system_that_is_not_known_is_an_error() -> None:
    assert "cannot list nosuch://bucket" in error_of(["nosuch://bucket"])
