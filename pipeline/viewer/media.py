"""The bytes of a source, by ranges: only those of videos that stand in the output, and only as they were captioned."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operators.core.base import ItemError, Row
from operators.core.causes import explained
from operators.core.storage import file_system
from operators.core.uris import local_path
from operators.video.version import check_video

_CHUNK_BYTES = 2**20
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")

_TYPES = {  # container as probing names it -> what a browser asks the demuxer for; QuickTime's is MP4's
    "mp4": "video/mp4",
    "mov": "video/mp4",
    "matroska": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "ogg": "video/ogg",
    "flv": "video/x-flv",
    "asf": "video/x-ms-asf",
    "mpeg": "video/mpeg",
}
_CODECS = {  # codec -> one of its strings of RFC 6381, of a usual profile: browsers are asked with it
    "h264": "avc1.640028",
    "hevc": "hvc1.1.6.L120.B0",
    "av1": "av01.0.08M.08",
    "vp8": "vp8",
    "vp9": "vp9",
    "mpeg4": "mp4v.20.9",
    "theora": "theora",
}


class RangeNotSatisfiable(Exception):
    """The request asks for bytes that are not there, or for more than one range."""


@dataclass(frozen=True)
class Opened:
    """A source that can be read.

    Attributes:
        uri: of it; size_bytes: of the whole file; media_type: what it is served as.
    """

    uri: str
    size_bytes: int
    media_type: str

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes `[start, end)`, a megabyte at a time."""
        path = local_path(self.uri)
        if path is not None:
            with Path(path).open("rb") as file:
                yield from _pieces(file, start, end)
        else:
            fs, where = file_system(self.uri)
            with fs.open(where, "rb", block_size=4 * _CHUNK_BYTES) as file:
                yield from _pieces(file, start, end)


def media_type(container: str | None) -> str:
    """What a file of a container is served as; never a type that a browser would run or render."""
    name = (container or "").split(",")[0]
    return _TYPES.get(name, "application/octet-stream")


def asked_type(video: Row) -> str:
    """What to ask a browser's `canPlayType` with: empty where it is not worth asking."""
    kind, codec = media_type(video.get("container")), _CODECS.get(video.get("codec") or "")
    if kind == "application/octet-stream" or codec is None:
        return ""
    return f'{kind}; codecs="{codec}"'


def open_source(video: Row) -> Opened:
    """Look at the source of a video.

    Args:
        video: row of `rows.VIDEO`.

    Raises:
        ItemError: it could not be probed, is no regular file, is not there, or has changed since.
    """
    uri = video["uri"]
    if video.get("failure") is not None or video.get("duration_s") is None:
        raise ItemError("unreadable", f"{uri} could not be read by the run, so it is not shown")
    path = local_path(uri)
    try:
        check_video(uri, video.get("source_version"))
        if path is not None:
            state = os.stat(path)  # noqa: PTH116
            if not stat.S_ISREG(state.st_mode):
                raise ItemError("unreadable", f"{uri} is no regular file")
            size = state.st_size
        else:
            fs, where = file_system(uri)
            size = int(fs.size(where) or 0)
    except FileNotFoundError as error:
        raise ItemError("unreadable", f"{uri} is not there any more, or not on this machine") from error
    except (OSError, ValueError, ImportError) as error:
        raise ItemError("unreadable", f"{uri} cannot be read here: {explained(error)}") from error
    return Opened(uri=uri, size_bytes=size, media_type=media_type(video.get("container")))


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes `[start, end)` that a Range header asks for; None: all of them.

    Media players ask for one range. More than one is refused: a header of thousands would cost much and serve nobody.

    Raises:
        RangeNotSatisfiable: as RFC 9110, 15.5.17, or more than one range.
    """
    text = (header or "").lower().replace(" ", "")
    if not text.startswith("bytes="):
        return None
    found = _RANGE.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        raise RangeNotSatisfiable
    if not found[1]:  # the last n bytes
        count = int(found[2])
        if not count or not size:
            raise RangeNotSatisfiable
        return max(0, size - count), size
    start = int(found[1])
    end = min(size, int(found[2]) + 1) if found[2] else size
    if start >= size or end <= start:
        raise RangeNotSatisfiable
    return start, end


def _pieces(file: Any, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    left = end - start
    while left > 0:
        data = file.read(min(_CHUNK_BYTES, left))
        if not data:
            return
        left -= len(data)
        yield data
