"""Previews of videos that browsers cannot play: remuxed if the streams fit MP4, else encoded small; one at a time,
cached.

ffmpeg runs as it does for decoding: it may open only the given file, and it ends with this process.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from operators.core.base import ItemError, Row
from operators.core.uris import local_path
from operators.video.ffmpeg_backend import ffmpeg_command
from pipeline.viewer.cache import Cache
from pipeline.viewer.media import open_source

_SHORT_SIDE_PX = 480
_SCALE = (  # the short side, never enlarged; both sides even, as H.264 with 4:2:0 needs them
    f"scale='if(gt(iw,ih),-2,min({_SHORT_SIDE_PX},trunc(iw/2)*2))':'if(gt(iw,ih),min({_SHORT_SIDE_PX},trunc(ih/2)*2),-2)'"
)
_TIME_LIMIT_S = 3600.0
_MOST_BYTES = 8 * 2**30
_COPIED = frozenset({"h264"})  # video codecs that every browser plays in MP4

State = Literal["none", "waiting", "working", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Job:
    """Progress of one preview.

    Attributes:
        state: see `State`.
        progress: 0 to 1.
        message: reason of a failure.
        first_pts_s: timestamp of the preview's first frame on the player's clock.
    """

    state: State = "none"
    progress: float = 0.0
    message: str = ""
    first_pts_s: float = 0.0


class Previews:
    """Makes previews one after the other, in its own thread.

    Args:
        cache: the cache that stores them.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._lock = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._waiting: OrderedDict[str, tuple[Row, Path]] = OrderedDict()
        self._now: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._thread: threading.Thread | None = None

    def path(self, video: Row) -> Path:
        """Return the path of a video's preview, whether it exists or not."""
        return self._cache.path("preview", video["uri"], video.get("source_version"), suffix=".mp4")

    def state(self, video: Row) -> Job:
        path = self.path(video)
        with self._lock:
            job = self._jobs.get(path.name, Job())
        if job.state in ("waiting", "working"):
            return job
        if path.is_file():
            return job if job.state == "done" else self._known(path)
        return job if job.state in ("failed", "cancelled") else Job()

    def start(self, video: Row) -> Job:
        """Make the preview of a video, unless it exists or is being made.

        Raises:
            ItemError: the source cannot be read.
        """
        job = self.state(video)
        if job.state in ("waiting", "working", "done"):
            return job
        open_source(video)
        path = self.path(video)
        with self._lock:
            self._jobs[path.name] = Job("waiting")
            self._waiting[path.name] = (video, path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="previews", daemon=True)
                self._thread.start()
            self._lock.notify_all()
        return Job("waiting")

    def cancel(self, video: Row) -> Job:
        """Stop making a preview and delete its partial file."""
        name = self.path(video).name
        with self._lock:
            if self._waiting.pop(name, None) is not None:
                self._jobs[name] = Job("cancelled")
            elif self._now == name:
                self._jobs[name] = Job("cancelled")
                if self._process is not None:
                    self._process.kill()
        return self.state(video)

    def close(self) -> None:
        """Stop all work."""
        with self._lock:
            self._ended = True
            self._waiting.clear()
            if self._process is not None:
                self._process.kill()
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _known(self, path: Path) -> Job:
        """Return the job of a preview that an earlier viewer made."""
        from operators.video.facts import probe

        try:
            first_pts_s = probe(str(path))["first_pts_s"]
        except ItemError:
            path.unlink(missing_ok=True)
            return Job()
        job = Job("done", 1.0, first_pts_s=first_pts_s)
        with self._lock:
            self._jobs[path.name] = job
        return job

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._ended:
                    self._lock.wait()
                if self._ended:
                    return
                name, (video, path) = self._waiting.popitem(last=False)
                self._now = name
                self._jobs[name] = Job("working")
            try:
                outcome = self._make(video, path)
            except ItemError as error:
                outcome = Job("failed", message=error.message)
            except OSError as error:
                outcome = Job("failed", message=f"the preview could not be written: {error.strerror or error}")
            except Exception as error:  # the thread makes all previews: without it, every later one would wait for ever
                outcome = Job("failed", message=f"internal error: {type(error).__name__}: {error}"[:300])
            with self._lock:
                self._now = None
                if self._jobs[name].state != "cancelled":
                    self._jobs[name] = outcome
                else:
                    path.unlink(missing_ok=True)

    def _make(self, video: Row, path: Path) -> Job:
        with tempfile.TemporaryDirectory(prefix="longcap-preview-") as folder:
            source = _local_copy(video, Path(folder), self._is_cancelled)
            copy = video.get("codec") in _COPIED and (video.get("container") or "") not in ("mp4", "mov")
            for how in [True, False] if copy else [False]:
                partial = self._cache.partial(path)
                try:
                    error = self._encode(video, source, partial, copy=how)
                    if error is None and not self._is_cancelled():
                        partial.replace(path)
                        self._cache.grown()
                        return self._known(path)
                finally:
                    partial.unlink(missing_ok=True)
                if self._is_cancelled():
                    return Job("cancelled")
        return Job("failed", message=f"ffmpeg could not make a preview: {error}")

    def _is_cancelled(self) -> bool:
        with self._lock:
            return self._ended or (self._now is not None and self._jobs[self._now].state == "cancelled")

    def _encode(self, video: Row, source: Path, target: Path, *, copy: bool) -> str | None:
        """Run ffmpeg; returns None, or its last line of output on failure."""
        command = ["-nostdin", "-v", "error", "-progress", "pipe:1", "-y"]
        command += [
            "-protocol_whitelist",
            "file",
            "-i",
            f"file:{source}",
            "-map",
            "0:v:0",
            "-map",
            "0:a:0?",
            "-sn",
            "-dn",
        ]
        if copy:
            command += ["-c:v", "copy"]
        else:
            command += ["-vf", _SCALE]
            command += [
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-crf",
                "26",
                "-pix_fmt",
                "yuv420p",
                "-fps_mode",
                "vfr",
            ]
        command += ["-c:a", "aac", "-ac", "2", "-b:a", "96k", "-movflags", "+faststart", "-map_metadata", "-1"]
        command += ["-fs", str(_MOST_BYTES), "-t", str(_TIME_LIMIT_S * 24), "-f", "mp4", f"file:{target}"]
        process = subprocess.Popen(
            ffmpeg_command(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with self._lock:
            self._process = process
            if self._ended or self._jobs[self._now or ""].state == "cancelled":
                process.kill()
        said: list[str] = []
        reader = threading.Thread(target=_last_line, args=(process.stderr, said), daemon=True)
        reader.start()
        limit = threading.Timer(_TIME_LIMIT_S, process.kill)
        limit.daemon = True  # it must not keep a viewer alive that ends while ffmpeg works
        limit.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                name, _, value = line.decode(errors="replace").strip().partition("=")
                if name == "out_time_us" and value.isdigit() and video.get("duration_s"):
                    self._advance(int(value) / 1e6 / video["duration_s"])
            code = process.wait()
        finally:
            limit.cancel()
            process.kill()
            process.wait()
            reader.join()
            with self._lock:
                self._process = None
        if code:
            return (said[-1] if said else f"exit code {code}").replace(str(source), video["uri"])[:300]
        return None

    def _advance(self, share: float) -> None:
        with self._lock:
            if self._now is not None and self._jobs[self._now].state == "working":
                self._jobs[self._now] = replace(self._jobs[self._now], progress=min(0.99, share))


def _local_copy(video: Row, folder: Path, cancelled: Callable[[], bool]) -> Path:
    """Return the source as a local file: the file itself or a download."""
    path = local_path(video["uri"])
    if path is not None:
        return Path(path).resolve()
    opened = open_source(video)
    target = folder / "source"
    with target.open("wb") as file:
        for data in opened.read(0, opened.size_bytes):
            if cancelled():
                break
            file.write(data)
    return target


def _last_line(pipe: Any, said: list[str]) -> None:
    for line in pipe:
        text = line.decode(errors="replace").strip()
        if text:
            said[:] = [text]
