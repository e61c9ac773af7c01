"""An output and its sources on object storage: pages, ranges, frames, a preview, an annotation."""

from __future__ import annotations

import time
from pathlib import Path

import fsspec
import pytest

from operators.core.storage import file_system
from operators.video.facts import probe
from operators.video.version import file_of_info, version_of
from pipeline.viewer.cache import Cache
from pipeline.viewer.reader import Reader
from pipeline.viewer.site import Site
from tests.pipeline.viewer.conftest import client_of
from tests.support import viewed
from tests.support.s3 import S3Server
from tests.support.video import read_jpeg


def test_it_works_on_s3(
    s3_server: S3Server, viewed_clips: Path, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    data = (viewed_clips / "stream.ts").read_bytes()
    uri = f"{s3_server.uri}/viewed/clips/stream.ts"
    files, path = file_system(uri)
    with fsspec.open(uri, "wb") as file:
        file.write(data)
    files.invalidate_cache()
    version = version_of(file_of_info(files.info(path)))
    video = {**viewed.video_row("ts", viewed_clips / "stream.ts"), **probe(uri), "uri": uri, "source_version": version}
    video.pop("failure", None)
    store = viewed.make(f"{s3_server.uri}/viewed/out", [{**video, "failure": None}])
    site = Site(readers=[Reader(store.uri, "out")], cache=cache, author="tester")
    for client in client_of(site):
        assert "stream.ts" in client.get("/").text
        part = client.get("/media?id=ts", headers={"range": "bytes=1000-1999"})
        assert (part.status_code, part.content) == (206, data[1000:2000])
        assert read_jpeg(client.get("/still?id=ts&t=10&size=large").content) == 100
        own = {"x-longcap": "1"}
        assert client.post("/preview?id=ts", json={}, headers=own).status_code == 200
        for _ in range(400):
            job = client.get("/preview?id=ts").json()
            if job["state"] not in ("waiting", "working"):
                break
            time.sleep(0.05)
        assert job["state"] == "done", job
        assert client.get("/preview.mp4?id=ts").headers["content-type"] == "video/mp4"
        assert client.post("/annotate?id=ts", json={"kind": "accept"}, headers=own).status_code == 200
        assert "accept" in client.get("/part/history?id=ts").text
    site.close()
