"""Bytes of sources: ranges as RFC 9110 has them, and nothing but the sources of this output."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from operators.core.base import ItemError
from pipeline.viewer.media import RangeNotSatisfiable, asked_type, byte_range, media_type, open_source
from tests.support import video, viewed


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-30", (70, 100)),
        ("bytes=-500", (0, 100)),
        ("Bytes = 5 - 6", (5, 7)),
        ("lines=1-2", None),
    ],
)
def test_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == expected


@pytest.mark.parametrize(
    "header",
    [
        *("bytes=100-", "bytes=-0", "bytes=5-4", "bytes=-", "bytes=x-y", "bytes=--5", "bytes=1-2;3-4"),
        *("bytes=0-1,3-4", "bytes=" + "0-0," * 5000 + "0-0", "bytes=99999999999999999999-"),
    ],
)
def test_a_range_that_cannot_be_had_is_refused(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        byte_range(header, 100)


def test_types_are_those_of_players_and_never_of_pages() -> None:
    assert media_type("mp4") == media_type("mov") == "video/mp4"
    assert media_type("text/html") == media_type(None) == "application/octet-stream"
    assert asked_type({"container": "mp4", "codec": "h264"}) == 'video/mp4; codecs="avc1.640028"'
    assert asked_type({"container": "avi", "codec": "msmpeg4v3"}) == ""


def test_only_a_file_that_is_as_it_was_captioned_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    video.render(path, count=10)
    row = viewed.video_row("a", path)
    opened = open_source(row)
    assert b"".join(opened.read(4, 12)) == path.read_bytes()[4:12]
    with pytest.raises(ItemError, match="could not be read by the run"):
        open_source({**row, "failure": {"stage": "probe"}})
    with pytest.raises(ItemError) as error:
        open_source({**row, "source_version": "another"})
    assert error.value.failure_class == "changed"
    path.unlink()
    with pytest.raises(ItemError):
        open_source(row)
    os.mkfifo(path)
    with pytest.raises(ItemError):
        open_source(row)
