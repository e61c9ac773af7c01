"""Exports that are killed at any step end as if nothing had been, on disk and on object storage."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest

import pipeline as longcap
from operators.core.uploads import uploads
from pipeline.export.export import Settings, check, export
from pipeline.export.folder import Folder
from pipeline.export.interrupted import alone
from pipeline.output.annotations import Annotations
from pipeline.terminal.errors import RunFailed
from tests.support import s3
from tests.support.command import ROOT

SHORT = "video_id in ('forest', 'late')"
CLIPS = {"unit": "section", "spans": "cut"}
JOBS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("sharegpt", {}, CLIPS),
    ("webdataset", {}, {"spans": "text", "unit": "video"}),
    ("hub", {}, {}),
    ("hub", {"layout": "embedded"}, {}),
)


def contents(folder: str) -> dict[str, bytes]:
    """All files and what they hold, but for who wrote them last; places and numbers of parts are left out."""
    place = Folder(folder)
    found = {path: place.read(path) or b"" for path in place.files() if not path.startswith(".longcap/runs/")}
    return {path: data.replace(folder.encode(), b"") for path, data in found.items()}


def killed(out: str, folder: str, scratch: Path, killed_at: tuple[float, ...]) -> list[dict[str, Any]]:
    jobs = [
        {
            "out": out,
            "to": to,
            "folder": f"{folder}/{number}",
            "options": options,
            "settings": {"where": SHORT, "shard": 1, **settings},
            "scratch": str(scratch),
            "killed_at": killed_at,
        }
        for number, (to, options, settings) in enumerate(JOBS)
    ]
    command = [sys.executable, "-m", "tests.pipeline.export.dying", json.dumps(jobs)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, env=dict(os.environ))
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def same_after_kills(out: str, folder: str, scratch: Path, killed_at: tuple[float, ...]) -> None:
    for number, done in enumerate(killed(out, folder, scratch, killed_at)):
        assert done["codes"] == [0, *([-signal.SIGKILL] * 2), 0, *([-signal.SIGKILL, 0] * (len(killed_at) - 1))]
        expected = contents(f"{folder}/{number}/whole")
        assert len(expected) > 4
        for k in range(len(killed_at)):
            assert contents(f"{folder}/{number}/killed-{k}") == expected, (JOBS[number], k)


def test_killed_exports_are_equal_byte_for_byte(out: str, tmp_path: Path) -> None:
    same_after_kills(out, str(tmp_path), tmp_path, (0.3, 0.6, 0.9))


def test_killed_exports_to_object_storage_are_equal_byte_for_byte(
    out: str, tmp_path: Path, s3_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    same_after_kills(out, f"{s3_server.uri}/killed", tmp_path, (0.6,))
    assert check(f"{s3_server.uri}/killed/2/killed-0") == []


UPLOADING = """
import sys, time
from pipeline.export.folder import Folder
with Folder(sys.argv[1]).writing("videos/film.mp4") as file:
    file.write(bytes(11 * 2**20))
    print("sent", flush=True)
    time.sleep(600)
"""


def test_uploads_of_a_killed_export_are_aborted_and_those_of_others_stay(
    out: str, tmp_path: Path, s3_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FSSPEC_S3", json.dumps({"default_block_size": 5 * 2**20}))
    folder, files = f"{s3_server.uri}/uploading", fsspec.filesystem("s3", skip_instance_cache=True)
    theirs = ["uploading/notes.bin", "uploading/videos/film.mp4", "uploading2/videos/film.mp4"]
    for key in theirs:
        files.call_s3("create_multipart_upload", Bucket=s3.BUCKET, Key=key)
    child = subprocess.Popen([sys.executable, "-c", UPLOADING, folder], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"sent\n"
    child.kill()
    child.communicate()
    assert len(uploads(folder)) == 3 and [p.split("/")[1] for p in Folder(folder).files()] == ["uploads"]
    place, copied = Folder(folder), uploads(f"{folder}2")[0]
    kept = {
        ".longcap/uploads/copied.json": json.dumps({"key": copied.key, "upload_id": copied.upload_id}).encode(),
        ".longcap/uploads/mine.txt": b"somebody's own",
    }
    for path, data in kept.items():
        place.write(path, data)
    assert export(out, "jsonl", folder, settings=Settings(where=SHORT)).ok
    assert sorted(u.key for u in [*uploads(folder), *uploads(f"{folder}2")]) == theirs
    assert {path: place.read(path) for path in place.files(".longcap/uploads")} == kept


def test_a_large_file_is_one_object_and_leaves_no_upload_where_it_fails(
    s3_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "s3", {"default_block_size": 5 * 2**20})
    monkeypatch.setenv("FSSPEC_X", "so that the client is made anew")
    place, data = Folder(f"{s3_server.uri}/large"), os.urandom(11 * 2**20)
    place.write("a/whole.bin", data)
    with pytest.raises(ValueError, match="stop"), place.writing("a/half.bin") as file:
        file.write(data)
        assert len(uploads(place.uri)) == 1 and len(place.files(".longcap/uploads")) == 1
        raise ValueError("stop")
    assert place.read("a/whole.bin") == data and place.files() == ["a/whole.bin"] and uploads(place.uri) == []


def test_files_of_a_video_that_left_after_a_kill_are_removed(out: str, tmp_path: Path) -> None:
    """The folder of a killed export holds a video that is then rejected: `load_dataset` stops at a file without row."""
    shutil.copytree(out, tmp_path / "out")
    output = longcap.open(str(tmp_path / "out"))
    settings = Settings(where=SHORT, shard=1)
    job = {"out": output.uri, "to": "hub", "folder": str(tmp_path), "options": {}, "scratch": str(tmp_path)}
    jobs = [{**job, "settings": {"where": SHORT, "shard": 1}, "killed_at": []}]
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom tests.pipeline.export.dying import in_child\n"
        "job = json.loads(sys.argv[1])[0]\nprint(in_child(job, 'x', 19, Path(job['scratch'], 'n')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(jobs)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    assert int(done.stdout) == -signal.SIGKILL
    left = {p.stem for p in (tmp_path / "x").glob("train/*/*.m*")}
    assert left
    place, shard = tmp_path / "x" / "train", sorted((tmp_path / "x" / ".longcap").rglob("train-*.json"))[-1].stem
    mine = [place / "my-forest-notes.txt", place / f"{shard}.parquet.bak", tmp_path / "x" / "notes" / f"{shard}.md"]
    mine += [place / f"{next(iter(left))}.txt", tmp_path / "x" / "notes" / ".draft.0123456789ab.part"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    rows = {r["video_id"]: r for r in output.to_arrow().to_pylist()}
    victim = sorted(left)[0]
    Annotations(output.store).add(rows[victim], "reject", author="a")
    report = export(output.uri, "hub", str(tmp_path / "x"), settings=settings)
    assert report.ok and report.rows == {"train": 1}
    assert victim not in {p.stem for p in (tmp_path / "x").rglob("*") if p not in mine}
    assert [p.read_text() for p in mine] == ["mine"] * len(mine), "what is somebody else's stays"
    assert set((tmp_path / "x").rglob("*.part")) <= {*mine} and not list((tmp_path / "x" / ".longcap").glob("begun/*"))


def test_two_exports_to_one_folder_at_the_same_time_are_refused(out: str, tmp_path: Path) -> None:
    settings = Settings(where=SHORT)
    assert export(out, "jsonl", str(tmp_path / "x"), settings=settings).ok
    with alone(Folder(str(tmp_path / "x")), print), pytest.raises(RunFailed, match=r"is at work on .*run the same"):
        export(out, "jsonl", str(tmp_path / "x"), settings=settings)
    assert export(out, "jsonl", str(tmp_path / "x"), settings=settings).ok
