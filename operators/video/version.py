"""Versions of sources: what changes when the bytes of a file may have, and whether a file still is of its version.

Listing takes a version of every video; the processes that read it compare. Both ask here, so that both ask alike:
size and time of the last change of a local file, size and ETag on a store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from posixpath import basename

from operators.core import web
from operators.core.addresses import redacted
from operators.core.base import FailureClass, ItemError
from operators.core.causes import explained
from operators.core.fingerprint import digest
from operators.core.storage import file_system, s3_path
from operators.core.uris import local_path
from operators.video.progress import PROGRESS
from operators.video.stamp import File, file_of_info, file_of_status

__all__ = [
    "CHANGED",
    "File",
    "check_subtitles",
    "check_video",
    "file_of_info",
    "file_of_status",
    "unchanged",
    "version_of",
]

CHANGED: FailureClass = "changed"
_READING = 2  # raised where the same subtitle file gives other lines: its videos are made again


def version_of(video: File, subtitles: tuple[str, File] | None = None) -> str:
    """The `source_version` of a video, and of the subtitles beside it: they are read too.

    The two are separate parts, so that each can be compared without asking storage for the other.

    Args:
        subtitles: uri and file.
    """
    version = digest([video.size_bytes, video.stamp])
    return version if subtitles is None else f"{version}-{_subtitle_version(*subtitles)}"


@contextmanager
def unchanged(uri: str, version: str | None) -> Iterator[None]:
    """The block reads a video of a version, from its first byte to its last: `check_video` before and after it.

    What a file that changes makes the block raise is not that file's fault: it is said to have changed.
    """
    check_video(uri, version)
    try:
        yield
    finally:
        check_video(uri, version)


def check_video(uri: str, version: str | None) -> None:
    """Compare a video with the version that was listed; a file that is not there is left to whoever opens it.

    Where the listing knew neither size nor stamp, there is nothing to compare.

    Args:
        version: its `source_version`; None compares nothing.

    Raises:
        ItemError: class `changed`, or `storage` where storage did not answer.
    """
    _check(uri, (version or "").partition("-")[0], version_of)


def check_subtitles(uri: str, version: str | None) -> None:
    """Compare a subtitle file with the version that was listed; arguments and errors as of `check_video`."""
    if version is not None:
        _check(uri, version.partition("-")[2], lambda file: _subtitle_version(uri, file))


def _subtitle_version(uri: str, file: File) -> str:
    return digest([basename(uri), file.size_bytes, file.stamp, _READING])


def _check(uri: str, wanted: str, version: Callable[[File], str]) -> None:
    if not wanted or wanted == version(File()):  # the listing knew nothing
        return
    shown = redacted(uri)
    try:
        with PROGRESS.waiting():
            changed = not any(version(file) == wanted for file in _now(uri))
    except (FileNotFoundError, PermissionError, ImportError, ValueError):
        return  # opening it says so, better
    except Exception as error:  # the clients of stores raise what they like
        raise ItemError("storage", f"{shown}: storage did not say its version: {explained(error)}") from error
    if changed:
        raise ItemError(CHANGED, f"{shown} has changed since it was listed; run again to read it as it is now")


def _now(uri: str) -> Iterator[File]:
    """The file as it is now: as it is looked up, then as it is listed, for stores that tell the two apart."""
    path = local_path(uri)
    if path is not None:
        yield file_of_status(os.stat(path))  # noqa: PTH116
        return
    if uri.startswith("s3://"):
        store, key = s3_path(uri)
        said = store.open_input_file(key).metadata()
        yield file_of_info({"size": said["Content-Length"].decode(), "ETag": said["ETag"].decode()})
        return
    files, path = file_system(uri)
    if uri.startswith(("http://", "https://")):
        yield file_of_info(web.details(files, path))
        return
    files.invalidate_cache()
    yield file_of_info(files.info(path))
    yield from (file_of_info(info) for info in files.ls(path, detail=True) if info["name"] == path)
