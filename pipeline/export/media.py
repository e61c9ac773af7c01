"""The media files of an export: referred to by path, copied, linked, or cut to a span."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from operators.core.base import ItemError
from operators.core.causes import no_room
from operators.core.fingerprint import hash_of
from operators.core.folders import make_folder
from operators.core.storage import file_system, open_binary
from operators.core.uris import local_path
from operators.video.ffmpeg_backend import ffmpeg_command
from operators.video.source import Source
from pipeline.export.base import Unfit
from pipeline.export.folder import Folder

_COPY_BYTES = 8 * 2**20
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SUFFIX = re.compile(r"\.[a-z0-9]{2,5}")
_START_S, _SLOWEST = 60.0, 20.0  # time limit of ffmpeg: to start and to seek, and for each second of a clip
_LEAD_S = 0.002  # cut this much before the first frame: times are rounded, and time bases are coarse


def key_of(video_id: str) -> str:
    """Return a name for files and keys of a video: its id, or a hash of it if the id has other characters."""
    return video_id if _SAFE.fullmatch(video_id) else f"v-{hash_of(video_id)}"


def suffix_of(uri: str) -> str:
    """Return the suffix of a video's file in lower case; `.mp4` if it has none."""
    name = uri.split("?", 1)[0].rsplit("/", 1)[-1] if "://" in uri else uri.rsplit("/", 1)[-1]
    suffix = Path(name).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ".mp4"


def place_of(uri: str) -> str:
    """Return a source as loaders need it: an absolute path, or its URI."""
    path = local_path(uri)
    return uri if path is None else str(Path(path).absolute())


def bring(uri: str, folder: Folder, path: str, *, link: bool) -> None:
    """Copy or link the whole video to `path` in the folder; an existing file of the same size is kept.

    Raises:
        Unfit: the video no longer exists, or cannot be linked.
    """
    local = local_path(uri)
    if link:
        if local is None or folder.local is None:
            raise Unfit("only a local video can be linked, and only into a local folder; use --media copy")
        target = folder.local / path
        make_folder(target.parent)
        if not target.exists():
            target.unlink(missing_ok=True)
            target.symlink_to(Path(local).absolute())
        if not target.exists():
            raise Unfit(f"the video no longer exists at {uri}")
        return
    try:
        files, place = file_system(uri)
        if folder.size(path) == files.info(place)["size"]:
            return
        with open_binary(uri) as source, folder.writing(path) as target_file:
            shutil.copyfileobj(source, target_file, _COPY_BYTES)
    except FileNotFoundError:
        raise Unfit(f"the video no longer exists at {uri}") from None


def cut(uri: str, span: tuple[float, float], row: Any, folder: Folder, path: str, *, fps: float = 0.0) -> None:
    """Write the frames and sound of a span as H.264 and AAC in MP4; an existing clip is kept.

    The clip starts with the frame that is on screen at the start of the span.

    Args:
        span: `[start_s, end_s)`, seconds from the first presented frame.
        row: row of the video, of which `first_pts_s` and `discontinuities` are read.
        fps: constant frame rate of the clip, for which frames are dropped or repeated; 0: frames keep their times.

    Raises:
        Unfit: the video cannot be cut.
    """
    if folder.size(path):
        return
    if row["discontinuities"]:
        raise Unfit("its timestamps jump, so it cannot be cut at a time; use --spans text")
    with tempfile.TemporaryDirectory(prefix="longcap-clip-") as scratch:
        clip = Path(scratch) / "clip.mp4"
        try:
            _encode(uri, span, row["first_pts_s"] or 0.0, clip, fps)
        except (ItemError, OSError, ValueError) as error:  # PyAV's errors are subclasses of the last two
            if isinstance(error, Unfit) or no_room(error):
                raise
            raise Unfit(f"its clip cannot be cut: {error}") from error
        folder.take(path, clip)


def _encode(uri: str, span: tuple[float, float], first_pts_s: float, clip: Path, fps: float) -> None:
    """Write a span of a video to a local file.

    Raises:
        Unfit: ffmpeg cannot cut it; OSError: the disk is full, or the video cannot be read.
    """
    start_s, end_s = span
    with Source(uri) as source:
        container = source.open()
        begin_s = (container.start_time or 0) / 1_000_000
        first_s = _first_shown(container, start_s + first_pts_s)
        source.close()
        name, inherited = source.local_file()
        command = ["-nostdin", "-v", "error", "-y", "-threads", "2"]
        command += ["-protocol_whitelist", "file,pipe", "-ss", f"{max(0.0, first_s - begin_s - _LEAD_S):.6f}"]
        command += ["-i", f"file:{name}", "-t", f"{end_s + first_pts_s - first_s:.6f}"]
        command += ["-map", "0:v:0", "-map", "0:a:0?", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]
        command += ["-pix_fmt", "yuv420p", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
        command += ["-fps_mode", "cfr", "-r", f"{fps:.6f}"] if fps else ["-fps_mode", "vfr"]
        command += ["-c:a", "aac", "-movflags", "+faststart", str(clip)]
        limit_s = _START_S + _SLOWEST * (end_s - start_s)
        try:
            done = subprocess.run(
                ffmpeg_command(command), capture_output=True, check=False, pass_fds=inherited, timeout=limit_s
            )
        except subprocess.TimeoutExpired:
            raise Unfit(f"its clip cannot be cut: ffmpeg did not end within {limit_s:.0f} s and was ended") from None
    if not done.returncode and clip.exists() and clip.stat().st_size:
        return
    said = done.stderr.decode(errors="replace").strip().splitlines()
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if any(line.endswith(os.strerror(number)) for line in said) or (
            number == errno.EFBIG and done.returncode == -signal.SIGXFSZ
        ):
            raise OSError(number, os.strerror(number), str(clip.parent))
    raise Unfit(f"its clip cannot be cut: {said[-1] if said else 'ffmpeg wrote nothing'}")


def _first_shown(container: Any, pts_s: float) -> float:
    """Return the container time in seconds of the frame on screen at `pts_s`, without decoding."""
    if not container.streams.video:
        raise Unfit("it has no video stream")
    stream = container.streams.video[0]
    base = stream.time_base
    container.seek(max(0, int(pts_s / base)), stream=stream, backward=True)
    best, later = None, 0
    for packet in container.demux(stream):
        if packet.pts is None:
            continue
        at = float(packet.pts * base)
        if at <= pts_s + _LEAD_S:
            best = at if best is None else max(best, at)
            later = 0
        else:
            later += 1
            if later > 32:  # more than any reordering of frames
                break
    return pts_s if best is None else best


def facts_of(folder: Folder, media: str, *, relative: bool) -> tuple[int, float, int, int]:
    """Return the number of frames, the average frame rate, and width and height as shown. Frames are counted.

    Raises:
        Unfit: the file cannot be opened.
    """
    try:
        with Source(folder.at(media) if relative else media) as source:
            container = source.open()
            stream = container.streams.video[0]
            count = sum(1 for packet in container.demux(stream) if packet.size and packet.pts is not None)
            return count, float(stream.average_rate or 0), int(stream.width), int(stream.height)
    except (ItemError, IndexError, OSError, ValueError) as error:
        raise Unfit(f"its media file cannot be opened: {error}") from error


def fault_of(folder: Folder, media: str) -> str | None:
    """Return why a loader could not open a media file, or None. A remote file is only checked for existence."""
    if not media:
        return "the media path is empty"
    relative = not media.startswith("/") and "://" not in media
    place = folder.at(media) if relative else media
    path = local_path(place)
    if path is None:
        try:
            files, there = file_system(place)
            return None if files.exists(there) else f"there is no file {media}"
        except (ValueError, ImportError, OSError) as error:
            return f"{media} cannot be checked: {error}"
    try:
        status = Path(path).stat()
    except OSError:
        return f"there is no file {media}"
    if Path(path).is_dir():
        return None if any(Path(path).iterdir()) else f"the folder of frames {media} is empty"
    why = _refusal(place, status.st_size, status.st_mtime_ns)
    return None if why is None else f"{media} {why}"


def frames_unsaid(folder: Folder, media: str) -> float:
    """Estimate the number of frames of a local media file whose container does not give it, as WebM and Matroska do
    not; 0 if the container gives it, or if the file is remote or cannot be opened."""
    relative = not media.startswith("/") and "://" not in media
    path = local_path(folder.at(media) if relative else media)
    try:
        return _unsaid(path, Path(path).stat().st_mtime_ns) if path is not None else 0.0
    except OSError:
        return 0.0


def frame_rate(folder: Folder, media: str) -> float:
    """Return the average frame rate of a local media file; 0 if it is unknown, or the file is remote or cannot be
    opened."""
    relative = not media.startswith("/") and "://" not in media
    path = local_path(folder.at(media) if relative else media)
    try:
        with Source(path or "") as source:
            return float(source.open().streams.video[0].average_rate or 0)
    except (ItemError, IndexError, OSError, ValueError):
        return 0.0


@lru_cache(maxsize=65536)
def _unsaid(path: str, mtime_ns: int) -> float:  # noqa: ARG001  # part of the key: the file may change
    try:
        with Source(path) as source:
            container = source.open()
            stream = container.streams.video[0]
            if stream.frames:
                return 0.0
            length_s = (container.duration or 0) / 1_000_000
            if "matroska" in container.format.name:  # its duration is the end time, not the length
                length_s -= (container.start_time or 0) / 1_000_000
            return float(length_s * (stream.average_rate or 0))
    except (ItemError, IndexError, OSError, ValueError):
        return 0.0


@lru_cache(maxsize=65536)  # the rows of one video name the same file
def _refusal(place: str, size: int, mtime_ns: int) -> str | None:  # noqa: ARG001  # part of the key: the file may change
    try:
        with Source(place) as source:
            return None if source.open().streams.video else "has no video stream"
    except ItemError as error:
        return f"cannot be opened: {error}"
