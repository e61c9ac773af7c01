"""Exports to places that take no more: one line, nothing half-written counts as done, the rerun equals a clean one."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.export.export import Settings, export
from tests.pipeline.export.test_interrupted import SHORT, contents
from tests.support.command import ROOT

JOBS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "tar": ("webdataset", {}, {"spans": "text", "unit": "video"}),
    "parquet": ("hub", {"layout": "embedded"}, {}),
    "lines": ("jsonl", {}, {}),
    "clips": ("musubi", {}, {"unit": "section", "spans": "cut"}),
    "tracks": ("controls", {"kinds": ["flow"]}, {"unit": "section", "where": "video_id = 'forest'"}),
}
LIMITED = """
import json, os, resource, sys
import pandas
from pipeline.cli.main import main
codes = []
for job in json.loads(sys.argv[1]):
    pid = os.fork()
    if not pid:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["bytes"], resource.RLIM_INFINITY))
        os.dup2(os.open(job["stderr"], os.O_WRONLY | os.O_CREAT), 2)
        os._exit(main(job["command"]))
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(json.dumps(codes))
"""


def _settings(given: dict[str, Any]) -> Settings:
    return Settings(**{"where": SHORT, "shard": 1, **given})


def _run(out: str, name: str, folder: Path) -> None:
    to, options, given = JOBS[name]
    assert export(out, to, str(folder), options=options, settings=_settings(given)).ok


def _command(out: str, name: str, folder: Path) -> list[str]:
    to, options, given = JOBS[name]
    said = ["export", out, "--to", to, "-o", str(folder), "--where", given.get("where", SHORT), "--shard-videos", "1"]
    said += [f"--{key}={value}" for key, value in given.items() if key != "where"]
    return said + [part for key, value in options.items() for part in ("--set", f"{key}={json.dumps(value)}")]


def test_a_rerun_after_a_file_that_was_too_large_equals_a_clean_run(out: str, tmp_path: Path) -> None:
    jobs = []
    for name in JOBS:
        _run(out, name, tmp_path / f"{name}-clean")
        sizes = [p.stat().st_size for p in (tmp_path / f"{name}-clean").rglob("*") if p.is_file()]
        made = {"command": _command(out, name, tmp_path / name), "stderr": str(tmp_path / f"{name}.err")}
        jobs.append({**made, "bytes": max(sizes) // 2})
    command = [sys.executable, "-c", LIMITED, json.dumps(jobs)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, env=dict(os.environ))
    assert json.loads(done.stdout) == [1] * len(JOBS)
    for name in JOBS:
        folder, lines = tmp_path / name, (tmp_path / f"{name}.err").read_text().splitlines()
        assert [line for line in lines if not line.startswith("shard ")] == lines[-1:], name
        assert "a file is larger than may be written ([Errno 27]" in lines[-1] and "/" in lines[-1], name
        assert not list(folder.rglob("*.part")), name
        clean = tmp_path / f"{name}-clean"
        marks, planned = (len(list(f.glob(".longcap/shards/*.json"))) for f in (folder, clean))
        assert marks < planned, "a shard without all its samples counts as done"
        _run(out, name, folder)
        assert contents(str(folder)) == contents(str(clean)), name


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_clip_for_which_there_is_no_room_is_not_left_out(
    number: int, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:999])
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    settings = Settings(where="video_id = 'forest'", unit="section", spans="cut")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "move", half)
        with pytest.raises(OSError, match=r"videos/forest-s000\d-[\d-]+\.mp4'$") as failed:
            export(out, "musubi", str(tmp_path / "x"), settings=settings)
    assert failed.value.errno == number and not list(tmp_path.rglob("*.part"))
    report = export(out, "musubi", str(tmp_path / "x"), settings=settings)
    assert report.ok and report.rows == {"train": 2} and not report.left_out
