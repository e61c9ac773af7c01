"""The media files of an export: named where they are, copied, linked, or cut to a span."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from operators.core.base import ItemError
from operators.core.fingerprint import hash_of
from operators.core.storage import file_system, open_binary
from operators.core.uris import local_path
from operators.video.ffmpeg_backend import die_with_parent, ffmpeg_program
from operators.video.source import Source
from pipeline.export.base import Unfit
from pipeline.export.folder import Folder

_COPY_BYTES = 8 * 2**20
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SUFFIX = re.compile(r"\.[a-z0-9]{2,5}")
_LEAD_S = 0.002  # before the first wanted frame: times are rounded to microseconds, and time bases are coarser


def key_of(video_id: str) -> str:
    """A name for files and keys of a video: its id, or a hash of it where the id has other characters."""
    return video_id if _SAFE.fullmatch(video_id) else f"v-{hash_of(video_id)}"


def suffix_of(uri: str) -> str:
    """The suffix of a video's file in lower case; `.mp4` where it has none that is one."""
    name = uri.split("?", 1)[0].rsplit("/", 1)[-1] if "://" in uri else uri.rsplit("/", 1)[-1]
    suffix = Path(name).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ".mp4"


def place_of(uri: str) -> str:
    """A source as a loader is told of it: an absolute path, or its URI."""
    path = local_path(uri)
    return uri if path is None else str(Path(path).absolute())


def bring(uri: str, folder: Folder, path: str, *, link: bool) -> None:
    """Have the whole video at `path` of the folder; a file of the same size that is there stays.

    Raises:
        Unfit: it is not there any more, or cannot be linked.
    """
    local = local_path(uri)
    if link:
        if local is None or folder.local is None:
            raise Unfit("only a local video can be linked into a local folder; use --media copy")
        target = folder.local / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.unlink(missing_ok=True)
            target.symlink_to(Path(local).absolute())
        if not target.exists():
            raise Unfit(f"the video is not at {uri} any more")
        return
    try:
        files, place = file_system(uri)
        if folder.size(path) == files.info(place)["size"]:
            return
        with open_binary(uri) as source, folder.writing(path) as target_file:
            shutil.copyfileobj(source, target_file, _COPY_BYTES)
    except FileNotFoundError:
        raise Unfit(f"the video is not at {uri} any more") from None


def cut(uri: str, span: tuple[float, float], row: Any, folder: Folder, path: str) -> None:
    """Write the frames and the sound of a span as H.264 and AAC in MP4; a clip that is there stays.

    The first frame of the clip is the one that is shown at the start of the span. Frames keep their times.

    Args:
        span: `[start_s, end_s)`, seconds from the first presented frame.
        row: of the video: `first_pts_s` and `discontinuities` are read.

    Raises:
        Unfit: it cannot be cut.
    """
    if folder.size(path):
        return
    start_s, end_s = span
    if row["discontinuities"]:
        raise Unfit("its clock jumps, so that a clip cannot be cut at a time; use --spans text")
    try:
        with Source(uri) as source, tempfile.TemporaryDirectory(prefix="longcap-clip-") as scratch:
            container = source.open()
            begin_s = (container.start_time or 0) / 1_000_000
            first_s = _first_shown(container, start_s + (row["first_pts_s"] or 0.0))
            source.close()
            name, inherited = source.local_file()
            clip = Path(scratch) / "clip.mp4"
            command = [ffmpeg_program(), "-nostdin", "-v", "error", "-y", "-threads", "2"]
            command += ["-protocol_whitelist", "file,pipe", "-ss", f"{max(0.0, first_s - begin_s - _LEAD_S):.6f}"]
            command += ["-i", f"file:{name}", "-t", f"{end_s + (row['first_pts_s'] or 0.0) - first_s:.6f}"]
            command += ["-map", "0:v:0", "-map", "0:a:0?", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]
            command += ["-pix_fmt", "yuv420p", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-fps_mode", "vfr"]
            command += ["-c:a", "aac", "-movflags", "+faststart", str(clip)]
            done = subprocess.run(
                command, capture_output=True, check=False, pass_fds=inherited, preexec_fn=die_with_parent
            )
            if done.returncode or not clip.exists() or not clip.stat().st_size:
                said = done.stderr.decode(errors="replace").strip().splitlines()
                raise Unfit(f"its clip cannot be cut: {said[-1] if said else 'ffmpeg wrote nothing'}")
            folder.take(path, clip)
    except (ItemError, OSError, ValueError) as error:  # PyAV's own errors are one of the last two
        raise error if isinstance(error, Unfit) else Unfit(f"its clip cannot be cut: {error}") from error


def _first_shown(container: Any, pts_s: float) -> float:
    """Container seconds of the frame that is on screen at `pts_s`, found without decoding."""
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
            if later > 32:  # more than any order of frames holds back
                break
    return pts_s if best is None else best


def facts_of(folder: Folder, media: str, *, relative: bool) -> tuple[int, float, int, int]:
    """Frames, average frames a second, width and height of a media file as shown; frames are counted.

    Raises:
        Unfit: it cannot be opened.
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
    """Why a loader could not open a media file; None: it can. Whatever is not on this machine is looked for only."""
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
            return f"{media} cannot be looked for: {error}"
    try:
        status = Path(path).stat()
    except OSError:
        return f"there is no file {media}"
    if Path(path).is_dir():
        return None if any(Path(path).iterdir()) else f"the folder of frames {media} is empty"
    why = _refusal(place, status.st_size, status.st_mtime_ns)
    return None if why is None else f"{media} {why}"


def frames_unsaid(folder: Folder, media: str) -> float:
    """About how many frames a media file on this machine has whose container gives no number of them, such as WebM and
    Matroska; 0 where it gives one, or where the file cannot be opened or is elsewhere."""
    relative = not media.startswith("/") and "://" not in media
    path = local_path(folder.at(media) if relative else media)
    try:
        return _unsaid(path, Path(path).stat().st_mtime_ns) if path is not None else 0.0
    except OSError:
        return 0.0


@lru_cache(maxsize=65536)
def _unsaid(path: str, mtime_ns: int) -> float:  # noqa: ARG001  # another file of the name is another
    try:
        with Source(path) as source:
            container = source.open()
            stream = container.streams.video[0]
            if stream.frames:
                return 0.0
            length_s = (container.duration or 0) / 1_000_000
            if "matroska" in container.format.name:  # its duration is the end on the file's clock
                length_s -= (container.start_time or 0) / 1_000_000
            return float(length_s * (stream.average_rate or 0))
    except (ItemError, IndexError, OSError, ValueError):
        return 0.0


@lru_cache(maxsize=65536)  # rows of parts of one video name the same file
def _refusal(place: str, size: int, mtime_ns: int) -> str | None:  # noqa: ARG001  # another file of the name is another
    try:
        with Source(place) as source:
            return None if source.open().streams.video else "has no video stream"
    except ItemError as error:
        return f"cannot be opened: {error}"
