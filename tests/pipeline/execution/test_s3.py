"""Videos on S3, the dataset on S3, a real server between."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import fsspec
import pytest
from deltalake import DeltaTable

import pipeline as longcap
from tests.support import s3
from tests.support.command import run


@pytest.mark.slow
def test_the_job_from_a_prefix_to_a_prefix(
    clips: Path, s3_server: s3.S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    place, log = f"{s3_server.uri}/{uuid.uuid4().hex}", tmp_path / "log"
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    for name in ("late.mkv", "short.mp4", "truncated.mp4", "text.mp4"):
        files.put(str(clips / name), f"{place}/in/{name}")
    files.pipe(
        f"{place}/in/list.jsonl",
        b"\n".join(
            json.dumps({"uri": f"{name}", "video_id": f"it's {name}", "license": "CC0"}).encode()
            for name in ("late.mkv", "short.mp4", "truncated.mp4", "text.mp4", "gone.mp4")
        ),
    )
    arguments = ["--set", "plan.segment_s=10", "--max-failed", "0.5"]
    assert run("run", f"{place}/in/list.jsonl", "-o", f"{place}/out", *arguments, log=log) == 0, log.read_text()[-2000:]

    output = longcap.open(f"{place}/out")
    rows = {r["video_id"]: r for r in output.to_arrow().to_pylist()}
    assert sorted(rows) == ["it's late.mkv", "it's short.mp4", "it's truncated.mp4"]
    assert all(json.loads(r["metadata"]) == {"license": "CC0"} for r in rows.values())
    failed = {f["video_id"]: f["class"] for f in output.failures() if f["segment_index"] is None}
    assert failed == {"it's text.mp4": "undecodable", "it's gone.mp4": "unreadable"}
    files.invalidate_cache()
    plain = [f for f in files.glob(f"{place}/out/dataset/*.parquet") if "_delta_log" not in f]
    table = DeltaTable(f"{place}/out/dataset", storage_options={"AWS_ALLOW_HTTP": "true"})
    assert sorted(f.rsplit("/", 1)[-1] for f in plain) == sorted(u.rsplit("/", 1)[-1] for u in table.file_uris())
    assert b"CC0: 3" in files.cat_file(f"{place}/out/README.md")
    secrets = [f for f in files.find(f"{place}/out") if s3.SECRET.encode() in files.cat_file(f)]
    assert not secrets, "credentials were written to the output"

    assert run("run", f"{place}/in/list.jsonl", "-o", f"{place}/out", *arguments, log=log) == 0
    assert longcap.open(f"{place}/out").runs()[-1]["segments_captioned"] == 0
