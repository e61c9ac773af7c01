"""A video is probed and decoded only as it was listed: before, between and while."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from operators.core.base import ItemError, Row
from operators.core.storage import open_binary
from operators.video import segment
from operators.video.decode import Decode
from operators.video.facts import probe
from operators.video.segment import SegmentRequest, decode_segment
from operators.video.size import Size
from operators.video.version import File, check_subtitles, check_video, version_of
from pipeline.config.types import SourceOptions
from pipeline.sources.listing import list_sources
from tests.support import s3
from tests.support.video import render


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Path, bytes, bytes]:
    """A video in a folder of its own, its bytes, and those of another one."""
    place, one, other = tmp_path / "in" / "a.mp4", tmp_path / "one.mp4", tmp_path / "other.mp4"
    render(one, count=20, fps=10.0)
    render(other, count=30, fps=10.0)
    place.parent.mkdir()
    place.write_bytes(one.read_bytes())
    return place, one.read_bytes(), other.read_bytes()


def _listed(uri: str) -> Row:
    (row,) = list_sources([uri], SourceOptions()).rows
    return row


def _request(uri: str, version: str | None) -> SegmentRequest:
    span: dict[str, Any] = {"start_s": 0.0, "end_s": 2.0, "own_start_s": 0.0, "own_end_s": 2.0}
    return SegmentRequest(
        uri=uri, version=version, backend="pyav", first_pts_s=0.0, times_s=[0.0, 1.0], step_s=1.0, jpeg_quality=90,
        size=Size(short_side_px=64, max_pixels=None, multiple_px=1), signals_fps=0, max_bytes=10**7, **span,
    )  # fmt: skip


def _is_changed(problem: pytest.ExceptionInfo[ItemError]) -> bool:
    return problem.value.failure_class == "changed" and "has changed since it was listed" in problem.value.message


def test_a_file_replaced_before_it_is_probed_or_decoded_has_changed(clips: tuple[Path, bytes, bytes]) -> None:
    place, one, other = clips
    row = _listed(str(place))
    facts = probe(str(place), row["source_version"])
    span = {"start_s": 0.0, "end_s": 2.0, "decode_start_s": 0.0, "decode_end_s": 2.0}
    with Decode().open() as decode:
        assert decode({**row, **facts, **span})["decode"]["decoded_s"] == pytest.approx(2.0)
        for content in (other, b"no video at all", one + one):  # another, a broken, one that grew
            place.write_bytes(content)
            for work in (lambda: probe(str(place), row["source_version"]), lambda: decode({**row, **facts, **span})):
                with pytest.raises(ItemError) as problem:
                    work()
                assert _is_changed(problem)
        place.unlink()
        with pytest.raises(ItemError, match="does not exist"):
            probe(str(place), row["source_version"])
    place.write_bytes(other)
    assert probe(str(place), _listed(str(place))["source_version"])["duration_s"] == pytest.approx(3.0)


def test_a_file_replaced_or_broken_while_it_is_decoded_has_changed(
    clips: tuple[Path, bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, one, other = clips
    real = segment._decode
    version = _listed(str(place))["source_version"]

    def replaced(request: SegmentRequest) -> Any:
        found = real(request)
        (place.parent / "new").write_bytes(other)
        (place.parent / "new").rename(place)
        return found

    def broken(request: SegmentRequest) -> Any:
        place.write_bytes(one[: len(one) // 2])
        return real(request)

    for change in (replaced, broken):
        place.write_bytes(one)
        version = _listed(str(place))["source_version"]
        monkeypatch.setattr(segment, "_decode", change)
        with pytest.raises(ItemError) as problem:
            decode_segment(request=_request(str(place), version))
        assert _is_changed(problem)


def test_a_key_that_is_overwritten_has_changed(
    clips: tuple[Path, bytes, bytes], s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    uri = f"{s3_server.uri}/{uuid.uuid4().hex}/a.mp4"
    _, one, other = clips
    _put(uri, one)
    _put(uri.replace(".mp4", ".srt"), b"1\n")
    row = _listed(uri)
    version = row["source_version"]
    assert probe(uri, version)["duration_s"] == pytest.approx(2.0)
    check_subtitles(row["subtitles_uri"], version)
    _put(uri, one)  # the same bytes have the same ETag
    check_video(uri, version)
    _put(uri, other)
    _put(row["subtitles_uri"], b"2\n")
    for check in (lambda: check_video(uri, version), lambda: check_subtitles(row["subtitles_uri"], version)):
        with pytest.raises(ItemError) as problem:
            check()
        assert _is_changed(problem)


def test_stores_that_tell_only_size_or_other_things_in_lists_are_compared_as_they_can_be() -> None:
    uri = f"memory://{uuid.uuid4().hex}/a.mp4"
    _put(uri, b"abc")
    version = _listed(uri)["source_version"]
    check_video(uri, version)
    check_video(uri, None)
    _put(uri, b"abcd")
    with pytest.raises(ItemError, match="has changed"):
        check_video(uri, version)


def test_where_the_listing_knew_nothing_nothing_has_changed(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"there by now")
    check_video(str(tmp_path / "a.mp4"), version_of(File()))
    check_subtitles(str(tmp_path / "a.mp4"), version_of(File(1, "x"), (str(tmp_path / "a.mp4"), File())))


def test_subtitles_are_a_part_of_the_version_of_their_own(tmp_path: Path) -> None:
    video, lines = File(3, "x"), File(5, "y")
    assert version_of(video, ("/v/a.srt", lines)).startswith(f"{version_of(video)}-")
    assert version_of(video, ("/v/a.srt", lines)) != version_of(video, ("/v/a.vtt", lines)) != version_of(video)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    (tmp_path / "a.srt").write_bytes(b"y")
    row = _listed(str(path))
    os.utime(tmp_path / "a.srt", ns=(0, 1))
    check_video(str(path), row["source_version"])  # other subtitles are no other video
    with pytest.raises(ItemError, match=r"a\.srt has changed"):
        check_subtitles(row["subtitles_uri"], row["source_version"])


def _put(uri: str, content: bytes) -> None:
    with open_binary(uri, "wb") as file:
        file.write(content)
