"""The ffmpeg program as the back end of last resort: another build of FFmpeg, in a process of its own.

It decodes from the beginning, without any seek, and sends raw pictures with their pts through a pipe (NUT, a container
made for that), which the sampler then reads as it reads any file: the rules for what is shown when stand once. It takes
the program that the package `imageio-ffmpeg` carries, so that no machine needs one installed.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from typing import Any

from operators.core.base import ItemError
from operators.video.progress import PROGRESS
from operators.video.reader import video_stream
from operators.video.source import Source

_MARGIN_S = 60.0  # sent before the first wanted picture: one may stay on screen so long in a variable frame rate
_LOOK_S = 0.25
_DAMAGE = re.compile(rb"[Ee]rror submitting packet|corrupt|[Ii]nvalid data|[Ee]rror while decoding|concealing")
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LIBC = ctypes.CDLL(None)  # loaded before any fork: between fork and exec nothing may be imported


class FfmpegSource:
    """Stands in for a `Source`: `open()` gives a container of raw, upright pictures that ffmpeg decodes.

    Args:
        source: the input; a remote one is copied to the disk first, since a pipe cannot be sought in.
        from_s: container seconds before which no picture is wanted.

    Raises:
        ItemError: internal when there is no ffmpeg program; what `source` says when it cannot be opened.
    """

    def __init__(self, source: Source, *, from_s: float) -> None:
        self.uri = source.uri
        self._source = source
        self._from_s = from_s - _MARGIN_S
        self._program = ffmpeg_program()
        stream = video_stream(source.open(), source.uri)
        self._stream_index, self._tick = int(stream.index), Fraction(stream.time_base)
        source.close()
        self._process: subprocess.Popen[bytes] | None = None
        self._container: Any = None
        self._errors = _Errors()

    @property
    def lead_bytes(self) -> int:
        """0: what has a lead is not given to the program."""
        return 0

    @property
    def tick(self) -> Fraction:
        """The time base of the input: NUT's own is finer."""
        return self._tick

    def open(self) -> Any:
        """Start ffmpeg from the beginning of the input; the one from before is ended."""
        import av

        self.close()
        path, inherited = self._source.local_file()
        name, format_name = f"file:{path}", self._source.format.split(",")[0]
        if self._source.span is not None:
            start, end = self._source.span
            name = f"subfile,,start,{start},end,{end},,:{name}"
        command = [self._program, "-nostdin", "-v", "error", "-threads", "1"]
        command += ["-protocol_whitelist", "file,pipe,subfile", *(["-f", format_name] if format_name else [])]
        command += ["-copyts", "-i", name, "-map", f"0:{self._stream_index}", "-fps_mode", "passthrough"]
        command += ["-vf", f"select=gte(t\\,{self._from_s:.6f})", "-enc_time_base", "demux", "-c:v", "rawvideo"]
        command += ["-threads", "1", "-f", "nut", "pipe:1"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            preexec_fn=die_with_parent,  # noqa: PLW1509 one call into a library that is loaded
        )
        self._process = process
        PROGRESS.helper_pid = process.pid
        self._errors = _Errors()
        threading.Thread(target=self._errors.read, args=(process.stderr,), daemon=True).start()
        threading.Thread(target=_tell_progress, args=(process,), daemon=True).start()
        try:
            self._container = av.open(process.stdout, format="nut")
        except av.FFmpegError as error:
            self.close()
            said = self._errors.last or str(error)
            raise ItemError("undecodable", f"{self.uri}: ffmpeg gives no frame ({said})") from error
        return self._container

    def check(self) -> None:
        """As `Source.check`."""
        self._source.check()

    @property
    def unplaced_damage(self) -> int:
        """Lines of ffmpeg about damage so far: it does not say where in the file that was."""
        return self._errors.damaged

    def close(self) -> None:
        """End ffmpeg and close the pipe; safe to call twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = PROGRESS.helper_pid = None
        if self._container is not None:
            self._container.close()
            self._container = None


class _Errors:
    """What ffmpeg says on stderr: how many lines tell of damage, and the last one of all."""

    def __init__(self) -> None:
        self.damaged = 0
        self.last = ""

    def read(self, pipe: Any) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed under us: ffmpeg was ended
            for line in pipe:
                self.damaged += bool(_DAMAGE.search(line))
                self.last = line.decode(errors="replace").strip()[:200] or self.last


def ffmpeg_program() -> str:
    """Path of the ffmpeg that `imageio-ffmpeg` carries or finds.

    Raises:
        ItemError: internal: neither is there.
    """
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise ItemError("internal", "there is no ffmpeg program: pip install imageio-ffmpeg") from error


def _tell_progress(process: subprocess.Popen[bytes]) -> None:
    """Until the first wanted picture nothing comes through the pipe: that ffmpeg goes on reading is its progress."""
    import psutil

    before = -1.0
    with contextlib.suppress(psutil.Error):
        watched = psutil.Process(process.pid)
        while True:
            try:
                process.wait(_LOOK_S)
                return
            except subprocess.TimeoutExpired:
                now = float(watched.io_counters().read_chars) if sys.platform == "linux" else watched.cpu_times().user
                if now != before:
                    PROGRESS.step()
                before = now


def die_with_parent() -> None:
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
