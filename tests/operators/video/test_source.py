from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import fsspec
import pytest

from operators.core.base import ItemError
from operators.core.uris import local_path, local_uri
from operators.video.facts import probe
from operators.video.segment import SegmentRequest, decode_segment
from operators.video.size import Size
from operators.video.source import Source, WatchedFile
from tests.support.video import render


def _refusal(uri: str) -> ItemError:
    with pytest.raises(ItemError) as caught, Source(uri) as source:
        source.open()
    return caught.value


def test_opens_a_path_a_file_uri_and_an_object_store(tmp_path: Path) -> None:
    path = tmp_path / "a clip: 100% [1].mp4"  # a colon makes FFmpeg think of a protocol
    render(path, count=10)
    with fsspec.open("memory://bucket/clip.mp4", "wb") as file:
        file.write(path.read_bytes())
    for uri in (str(path), f"file://{path}", "memory://bucket/clip.mp4"):
        with Source(uri) as source:
            assert sum(1 for _ in source.open().decode(video=0)) == 10
            assert sum(1 for _ in source.open().decode(video=0)) == 10  # opened afresh
            assert source.size_bytes == path.stat().st_size


def test_a_relative_name_with_a_colon_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    render(tmp_path / "take:2.mp4", count=10)
    with Source("take:2.mp4") as source:
        assert sum(1 for _ in source.open().decode(video=0)) == 10


@pytest.mark.parametrize("name", [b"caf\xe9.mp4", b"\xff\xfe::#%20.mp4", b"a%20b::c#?.mp4"])
def test_any_name_is_opened_by_its_uri_and_by_every_decoder(tmp_path: Path, name: bytes) -> None:
    path = f"{tmp_path}/{os.fsdecode(name)}"
    render(tmp_path / "clip.mp4", count=10)
    try:
        (tmp_path / "clip.mp4").rename(path)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    uri = local_uri(path)
    with Source(uri) as source:
        assert sum(1 for _ in source.open().decode(video=0)) == 10
        readable, _ = source.local_file()
        readable.encode()
        assert Path(readable).read_bytes() == Path(path).read_bytes()
    facts = probe(uri)
    assert facts["frames"] == 10 if "frames" in facts else facts["duration_s"] > 0


def test_a_file_of_another_host_and_a_name_that_no_file_has_are_unreadable() -> None:
    refusal = _refusal("file://server/a.mp4")
    assert refusal.failure_class == "unreadable" and "a file of the host server; give a path" in refusal.message
    assert _refusal("file:///a%00.mp4").failure_class == "unreadable"


def test_local_paths() -> None:
    assert local_path("file:///a/b%20c.mp4") == "/a/b c.mp4"
    assert local_path("/a/b%20c.mp4") == "/a/b%20c.mp4"
    assert local_path("clips/a.mp4") == "clips/a.mp4"
    assert local_path("s3://bucket/a.mp4") is None


@pytest.mark.parametrize("uri", ["/nowhere/a.mp4", "file:///nowhere/a.mp4", "memory://nowhere/a.mp4"])
def test_what_does_not_exist_is_unreadable(uri: str) -> None:
    refusal = _refusal(uri)
    assert (refusal.failure_class, refusal.message) == ("unreadable", f"{uri} does not exist")


def test_a_folder_and_a_locked_file_are_unreadable(tmp_path: Path) -> None:
    assert "is a folder" in _refusal(str(tmp_path)).message
    locked = tmp_path / "locked.mp4"
    locked.write_bytes(b"x")
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("this user may read everything")
    assert "permission denied" in _refusal(str(locked)).message


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "long name"])
def test_what_is_no_file_is_unreadable_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd.mp4"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path = tmp_path / f"{'x' * 300}.mp4"
    with pytest.raises(ItemError, match=r"not a file|leads to no file") as caught, Source(str(path)) as source:
        source.open()
    assert caught.value.failure_class == "unreadable"


def test_an_unknown_scheme_is_unreadable() -> None:
    refusal = _refusal("nosuch://bucket/a.mp4")
    assert refusal.failure_class == "unreadable"
    assert "nosuch" in refusal.message


def test_nothing_is_undecodable(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with fsspec.open("memory://bucket/empty.mp4", "wb"):
        pass
    for uri in (str(empty), "memory://bucket/empty.mp4"):
        refusal = _refusal(uri)
        assert (refusal.failure_class, refusal.message) == ("undecodable", f"{uri} is empty (0 bytes)")


def test_text_is_no_video_and_a_playlist_is_not_followed(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video at all, just some words in a file\n" * 9)
    assert "not a video that FFmpeg can read" in _refusal(str(text)).message
    clip = tmp_path / "clip.ts"
    render(clip, count=10)
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"ffconcat version 1.0\nfile '{clip.name}'\n")
    assert "not a video" in _refusal(str(playlist)).message


def test_an_mp4_without_its_index_says_so(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    render(whole, count=60)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:1500])
    with fsspec.open("memory://bucket/cut.mp4", "wb") as file:
        file.write(cut.read_bytes())
    for uri in (str(cut), "memory://bucket/cut.mp4"):
        assert "no moov box" in _refusal(uri).message


def test_a_read_that_fails_is_storages_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.avi"
    render(path, count=60, codec="rawvideo")  # a megabyte, more than FFmpeg reads at once
    uri = "memory://bucket/flaky.avi"
    with fsspec.open(uri, "wb") as file:
        file.write(path.read_bytes())
    with Source(uri) as source:
        container = source.open()
        monkeypatch.setattr(source._remote._file, "_file", _Broken())
        with pytest.raises(OSError, match="connection reset"):
            list(container.decode(video=0))
        with pytest.raises(ItemError, match="connection reset") as caught:
            source.check()
        assert caught.value.failure_class == "storage"


def test_storage_that_fails_on_the_way_fails_the_whole_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.avi"
    render(path, count=60, codec="rawvideo")
    uri = "memory://bucket/fails.avi"
    with fsspec.open(uri, "wb") as file:
        file.write(path.read_bytes())
    facts = probe(uri)
    opened = WatchedFile.__init__

    def fails_later(self: WatchedFile, uri: str) -> None:
        opened(self, uri)
        self._file._file = _FailsAfter(self._file._file, 600_000)

    monkeypatch.setattr(WatchedFile, "__init__", fails_later)
    with pytest.raises(ItemError, match="connection reset") as caught:
        decode_segment(
            request=SegmentRequest(
                uri=uri,
                backend="pyav",
                times_s=[0.0, 1.0, 2.0, 5.0],
                step_s=1.0,
                start_s=0.0,
                end_s=6.0,
                own_start_s=0.0,
                own_end_s=6.0,
                first_pts_s=facts["first_pts_s"],
                size=Size(short_side_px=336),
                jpeg_quality=90,
                signals_fps=8.0,
                max_bytes=2**24,
            )
        )
    assert caught.value.failure_class == "storage"


class _FailsAfter(io.RawIOBase):
    def __init__(self, file: Any, limit: int) -> None:
        self._inner, self._limit = file, limit

    def read(self, size: int = -1) -> bytes:
        if self._inner.tell() > self._limit:
            raise OSError("connection reset")
        return bytes(self._inner.read(size))

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._inner.seek(offset, whence))

    def tell(self) -> int:
        return int(self._inner.tell())


class _Broken(io.RawIOBase):
    def read(self, *_: Any) -> bytes:
        raise OSError("connection reset")

    def seek(self, *_: Any) -> int:
        return 0
