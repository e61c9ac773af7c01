"""Names of any kind, on disk and as keys of objects, and those that no file can have."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

import fsspec
import pytest

from operators.core.fingerprint import digest
from pipeline.sources.listing import list_sources
from tests.pipeline.sources.listed import OPTIONS, error_of, touch


def test_a_name_that_is_not_utf8_is_listed_with_its_subtitles_however_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"d\xff")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    touch(folder, os.fsdecode(b"caf\xe9.mp4"), os.fsdecode(b"caf\xe9.en.srt"), "a.mp4")
    touch(tmp_path, "b.mp4")
    root = f"file://{tmp_path}/d%FF"
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"uri\n{root}/caf%E9.mp4\nb.mp4\n{root}/a.mp4\n")
    nested = folder / "m.csv"
    nested.write_text(f"uri\na.mp4\n../b.mp4\n{root}/caf%E9.mp4\n")
    expected = list_sources([str(tmp_path)], OPTIONS).rows
    assert [row["uri"] for row in expected] == [f"{tmp_path}/b.mp4", f"{root}/a.mp4", f"{root}/caf%E9.mp4"]
    assert [row["size_bytes"] for row in expected] == [1, 1, 1]
    assert expected[2]["subtitles_uri"] == f"{root}/caf%E9.en.srt"
    ways = [
        [str(manifest)],
        [str(nested)],
        [str(folder), f"{tmp_path}/b.mp4"],
        [f"{folder}/*.mp4", f"{tmp_path}/b.mp4"],
    ]
    for way in [*ways, [f"{root}/caf%E9.mp4", f"{root}/*.mp4", f"{tmp_path}/b.mp4"]]:
        assert list_sources(way, OPTIONS).rows == expected, way


HARD = (
    *("a#1.mp4", "q?v=1.mp4", "pct%20x.mp4", "a b.mp4", "a+b.mp4", "a&b.mp4", "ünï.mp4", "[x].mp4", "st*r.mp4"),
    *("q'u\"o.mp4", "a::b.mp4", "zip::x.mp4", "file:x.mp4", "C:\\x.mp4", "-n.mp4", "~u.mp4", "{}.mp4", "new\nline.mp4"),
    *("http:/h.mp4", "s3:/b/k.mp4", "file:/a.mp4", "memory::zip::x.mp4", "%.mp4", "a%zz.mp4", "a..mp4", "x^y|z.mp4"),
)


@pytest.mark.parametrize("name", HARD)
def test_any_name_is_listed_by_its_folder_by_itself_and_by_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    touch(tmp_path, f"v/{name}", "other/x1.mp4")
    monkeypatch.chdir(tmp_path / "v")
    expected = list_sources([f"{tmp_path}/v"], OPTIONS).rows
    assert [(row["uri"], row["size_bytes"]) for row in expected] == [(f"{tmp_path}/v/{name}", 1)]
    assert expected[0]["video_id"] == digest(f"{tmp_path}/v/{name}")
    (tmp_path / "v" / "m.jsonl").write_text(json.dumps({"uri": f"./{name}"}))
    escaped = f"file://localhost{quote(f'{tmp_path}/v/{name}')}"
    for way in (f"./{name}", f"{tmp_path}/v/{name}", escaped, "m.jsonl"):
        assert list_sources([way], OPTIONS).rows == expected, way


@pytest.mark.parametrize("name", [n for n in HARD if "\\" not in n])
def test_any_key_is_listed_by_its_prefix_and_by_itself(name: str) -> None:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    fs.pipe_file(f"/bucket/v/{name}", b"12345")
    expected = list_sources(["memory://bucket/v"], OPTIONS).rows
    assert [(row["uri"], row["size_bytes"]) for row in expected] == [(f"memory://bucket/v/{name}", 5)]
    assert list_sources([f"memory://bucket/v/{name}"], OPTIONS).rows == expected


def test_the_name_of_the_current_folder_is_no_glob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "take[1]/a.mp4", "take1/a.mp4", "take1/b.mp4")
    monkeypatch.chdir(tmp_path / "take[1]")
    assert [row["uri"] for row in list_sources(["*.mp4"], OPTIONS).rows] == [f"{tmp_path}/take[1]/a.mp4"]
    assert error_of(["b.mp4"]).startswith("there is no b.mp4")


@pytest.mark.parametrize("uri", ["file://server/share/a.mp4", "file://a.mp4", "file://"])
def test_a_file_uri_of_another_host_is_refused_as_an_input_and_a_row_in_a_manifest(tmp_path: Path, uri: str) -> None:
    message = error_of([uri])
    assert message.startswith(f"{uri} cannot be opened: it names ") and message.endswith(
        "; give a path, or file:///PATH for a file of this machine"
    )
    (tmp_path / "m.jsonl").write_text(json.dumps({"uri": uri}))
    assert [(r["uri"], r["size_bytes"]) for r in list_sources([f"{tmp_path}/m.jsonl"], OPTIONS).rows] == [(uri, None)]


def test_names_that_no_file_can_have_are_rows_that_will_fail(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"uri": "a\\u0000b.mp4"}\n{"uri": "file:///a%00/b.mp4"}\n')
    assert [r["size_bytes"] for r in list_sources([str(manifest)], OPTIONS).rows] == [None, None]


def test_what_is_missing_in_a_ray_job_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Ray job" not in error_of(["videos"])
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"metadata": {"job_submission_id": "raysubmit_1"}}))
    for text in ("videos", "videos/*.mp4"):
        assert f"in a Ray job a relative path is relative to the job's own folder ({tmp_path})" in error_of([text])
    assert "Ray job" not in error_of([f"{tmp_path}/videos"])
