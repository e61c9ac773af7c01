"""Ranged reads: the right bytes, few of them, against a real S3 server."""

from __future__ import annotations

import os
import random
import uuid
from itertools import pairwise
from pathlib import Path

import aiohttp
import fsspec
import pytest

from operators.core.base import ItemError
from operators.video.decode import Decode
from operators.video.facts import probe
from operators.video.ranged import FIRST_BYTES, LARGEST_BYTES, RangedFile, _node_folder
from operators.video.source import WatchedFile
from tests.support import s3, web
from tests.support.video import join, read_jpeg, render


@pytest.fixture(autouse=True)
def _own_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept on this node's disk is kept here for the test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def on_s3(s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{s3_server.uri}/{uuid.uuid4().hex}"


def _put(uri: str, data: bytes) -> None:
    fs, path = fsspec.core.url_to_fs(uri, skip_instance_cache=True)
    fs.pipe(path, data)


@pytest.mark.parametrize("scheme", ["memory", "s3"])
def test_any_reads_give_the_bytes_of_the_file(scheme: str, request: pytest.FixtureRequest) -> None:
    draw = random.Random(4)
    data = draw.randbytes(3_000_000)
    place = request.getfixturevalue("on_s3") if scheme == "s3" else "memory://ranged"
    _put(f"{place}/any.bin", data)
    file = RangedFile(f"{place}/any.bin")
    assert file.size_bytes == len(data)
    for _ in range(60):
        at, size = draw.randrange(len(data) + 10), draw.choice([1, 100, 40_000, 300_000, 2_500_000])
        assert file.seek(at) == at
        assert file.read(size) == data[at : at + size]
        assert file.tell() == max(at, min(len(data), at + size))
    assert file.seek(-5, 2) == len(data) - 5
    assert file.read() == data[-5:]
    file.close()


def test_reading_on_grows_the_requests_and_a_jump_starts_small() -> None:
    _put("memory://ranged/order.bin", bytes(20 * LARGEST_BYTES))
    file = RangedFile("memory://ranged/order.bin")
    file.read(1000)
    assert file.bytes_fetched == FIRST_BYTES
    file.read(8 * LARGEST_BYTES)
    assert file.bytes_fetched < 8 * LARGEST_BYTES + 1000 + LARGEST_BYTES
    before = file.bytes_fetched
    file.seek(15 * LARGEST_BYTES)
    file.read(1000)
    assert file.bytes_fetched == before + FIRST_BYTES


def test_requests_stay_within_a_few_seconds_of_a_video_of_low_rate() -> None:
    _put("memory://ranged/talk.bin", bytes(20 * LARGEST_BYTES))
    for duration_s, largest in ((800.0, 20 * LARGEST_BYTES / 200), (8000.0, FIRST_BYTES), (8.0, LARGEST_BYTES)):
        file = RangedFile("memory://ranged/talk.bin")
        file.opened(duration_s)
        fetched = []
        for _ in range(800):
            file.read(10_000)
            fetched.append(file.bytes_fetched)
        assert max(b - a for a, b in pairwise(fetched)) == pytest.approx(largest, abs=1)


def test_an_opening_is_fetched_once_a_node_and_again_when_the_file_changes() -> None:
    _put("memory://ranged/kept.bin", bytes(range(256)) * 4000)
    first = RangedFile("memory://ranged/kept.bin")
    first.read(500_000)
    first.opened()
    assert first.bytes_fetched >= 500_000
    second = RangedFile("memory://ranged/kept.bin")
    assert second.read(500_000) == (bytes(range(256)) * 4000)[:500_000]
    assert second.bytes_fetched == 0
    _put("memory://ranged/kept.bin", bytes(1_000_000))
    third = RangedFile("memory://ranged/kept.bin")
    assert third.read(500_000) == bytes(500_000)


def test_a_damaged_keeping_is_fetched_anew(tmp_path: Path) -> None:
    _put("memory://ranged/kept.bin", b"x" * 200_000)
    file = RangedFile("memory://ranged/kept.bin")
    file.read(100)
    file.opened()
    (kept,) = (p for folder in tmp_path.glob("longcap-index-*") for p in folder.iterdir())
    for damage in (b"", b"\xff" * 40, kept.read_bytes()[:-7]):
        kept.write_bytes(damage)
        assert RangedFile("memory://ranged/kept.bin").read(100) == b"x" * 100


def test_what_is_not_there_or_not_ours_is_unreadable(on_s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ItemError, match="does not exist") as caught:
        WatchedFile(f"{on_s3}/none.mp4")
    assert caught.value.failure_class == "unreadable"
    _put(f"{on_s3}/ours.bin", b"x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ItemError, match="permission denied") as caught:
        WatchedFile(f"{on_s3}/ours.bin")
    assert caught.value.failure_class == "unreadable"


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_segments_of_a_long_video_fetch_it_about_once(on_s3: str, tmp_path: Path, suffix: str) -> None:
    """Ten minutes in segments of two, with the warm-up of five seconds and the last window's five."""
    part, joined, whole = tmp_path / "part.mp4", tmp_path / "joined.mp4", tmp_path / f"long.{suffix}"
    render(part, count=600, fps=10.0, gop=50, size=(384, 216), noise=12)
    join(part, joined, 10)
    join(joined, whole, 1)
    uri = f"{on_s3}/{whole.name}"
    _put(uri, whole.read_bytes())
    facts = probe(uri)
    assert facts["duration_s"] == pytest.approx(600.0, abs=0.1)
    fetched = 0
    with Decode().open() as decode:
        for k in range(5):
            span = {"start_s": 120.0 * k, "end_s": 120.0 * (k + 1)}
            wide = {
                "decode_start_s": max(0.0, span["start_s"] - 5),
                "decode_end_s": min(facts["duration_s"], span["end_s"] + 5),
            }
            found = decode({"uri": uri, **facts, **span, **wide})
            fetched += found["decode"]["bytes_fetched"]
            own = [p for p in found["images"] if span["start_s"] <= p["time_s"] < span["end_s"]]
            assert [read_jpeg(p["jpeg"]) for p in own] == [int(p["time_s"] * 10) % 600 for p in own]
            assert len(own) == 120
    assert fetched <= 1.3 * whole.stat().st_size


@pytest.mark.parametrize("backend", ["decord", "ffmpeg"])
def test_back_ends_that_need_a_file_get_a_copy(on_s3: str, tmp_path: Path, backend: str) -> None:
    if backend == "decord":
        pytest.importorskip("decord", reason="decord has no wheel for this platform")
    clip = tmp_path / "clip.mp4"
    render(clip, count=30)
    _put(f"{on_s3}/clip.mp4", clip.read_bytes())
    facts = probe(f"{on_s3}/clip.mp4")
    span = {"start_s": 0.0, "end_s": 3.0, "decode_start_s": 0.0, "decode_end_s": 3.0}
    with Decode(backend=backend).open() as decode:  # type: ignore[arg-type]
        found = decode({"uri": f"{on_s3}/clip.mp4", **facts, **span})
    assert found["decode"]["backend"] == backend
    assert [read_jpeg(p["jpeg"]) for p in found["images"]] == [0, 10, 20]
    assert not list(tmp_path.glob("longcap-*.mp4"))


@pytest.mark.parametrize("what", ["a link", "open to others", "a file"])
def test_nothing_is_kept_where_others_could_write(what: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / ("a" * 64)).write_text("planted")
    place = tmp_path / f"longcap-index-{os.getuid()}"
    if what == "a link":
        place.symlink_to(theirs)
    elif what == "a file":
        place.write_text("x")
    else:
        theirs.rename(place)
        place.chmod(0o777)
        theirs = place
    _put("memory://ranged/kept.bin", bytes(range(256)) * 400)
    for _ in range(2):
        file = RangedFile("memory://ranged/kept.bin")
        assert file.read(8) == bytes(range(8))
        file.opened()
        file.close()
        assert file.bytes_fetched
    assert [p.name for p in theirs.iterdir()] == ["a" * 64]


def test_a_temporary_folder_that_others_may_rename_in_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert _node_folder() is None
    tmp_path.chmod(0o1777)
    assert _node_folder() == tmp_path / f"longcap-index-{os.getuid()}"


def test_a_web_file_is_kept_under_the_time_of_its_last_change_and_never_without_a_stamp(tmp_path: Path) -> None:
    place = tmp_path / "served" / "v.bin"
    place.parent.mkdir()

    def opening() -> bytes:
        file = RangedFile(server.signed("v.bin"))
        data = file.read(100)
        file.opened()
        file.close()
        return data

    with web.serve(place.parent) as server:
        for day, content in ((1, b"a"), (2, b"b")):  # of the same size
            place.write_bytes(content * 1000)
            server.stamp = {"Last-Modified": f"Tue, 0{day} Jan 2019 00:00:00 GMT"}
            assert opening() == content * 100
        (folder,) = tmp_path.glob("longcap-index-*")
        kept = sorted(folder.iterdir())
        assert len(kept) == 2
        server.stamp = {}
        for content in (b"c", b"d"):
            place.write_bytes(content * 1000)
            assert opening() == content * 100
        assert sorted(folder.iterdir()) == kept


def test_an_answer_that_breaks_off_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operators.core.web._PAUSES_S", (0.0, 0.0))
    data = random.Random(5).randbytes(200_000)
    (tmp_path / "v.bin").write_bytes(data)
    with web.serve(tmp_path) as server:
        file = RangedFile(server.signed("v.bin"))
        server.troubles[:] = [0, 503]
        assert file.read() == data
        assert not server.troubles
        server.troubles[:] = [503] * 3
        file.seek(0)
        with pytest.raises(aiohttp.ClientResponseError, match="503"):
            file.read()
        file.close()


def test_a_server_without_ranges_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(bytes(2_000_000))
    with web.serve_openly(tmp_path) as url:
        file = WatchedFile(f"{url}v.mp4")
        file.seek(1_000_000)
        with pytest.raises(ValueError, match="range requests"):
            file.read(100)
        assert file.error is not None and "does not answer range requests; copy the file to" in file.error.message
        file.close()
