"""The ffmpeg program as the last fallback: another build of FFmpeg, in a process of its own.

It decodes from the beginning, without seeking, and sends raw frames with their pts through a pipe in the container
format NUT. The sampler reads the pipe like any other file, so the rules for frames and times are implemented only once.
The program is that of the package `imageio-ffmpeg`, so that it need not be installed separately.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from fractions import Fraction
from typing import Any

from operators.core.base import ItemError
from operators.video.progress import PROGRESS
from operators.video.reader import video_stream
from operators.video.source import Source

_MARGIN_S = 60.0  # decoded before the first target, because a frame may stay on screen in a variable frame rate
_LOOK_S = 0.25
_DAMAGE = re.compile(rb"[Ee]rror submitting packet|corrupt|[Ii]nvalid data|[Ee]rror while decoding|concealing")
# argv: process id of the parent, program, its arguments. 1 is PR_SET_PDEATHSIG (<linux/prctl.h>), 9 SIGKILL.
_TIED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class FfmpegSource:
    """A replacement for `Source`: `open()` returns a container of raw, upright frames decoded by ffmpeg.

    Args:
        source: the input; a remote one is copied to disk first, because ffmpeg needs to seek in it.
        from_s: time of the first target in seconds of the container.

    Raises:
        ItemError: class internal if there is no ffmpeg program; the error of `source` if it cannot be opened.
    """

    def __init__(self, source: Source, *, from_s: float) -> None:
        self.uri = source.uri
        self._source = source
        self._from_s = from_s - _MARGIN_S
        ffmpeg_program()  # a missing one is reported before the source is opened
        stream = video_stream(source.open(), source.uri)
        self._stream_index, self._tick = int(stream.index), Fraction(stream.time_base)
        source.close()
        self._process: subprocess.Popen[bytes] | None = None
        self._container: Any = None
        self._errors = _Errors()

    @property
    def lead_bytes(self) -> int:
        """Return 0: parts with a lead are not decoded by the program."""
        return 0

    @property
    def tick(self) -> Fraction:
        """The time base of the input; that of NUT is finer."""
        return self._tick

    def open(self) -> Any:
        """Start ffmpeg at the beginning of the input and end the previous process."""
        import av

        self.close()
        path, inherited = self._source.local_file()
        name, format_name = f"file:{path}", self._source.format.split(",")[0]
        if self._source.span is not None:
            start, end = self._source.span
            name = f"subfile,,start,{start},end,{end},,:{name}"
        command = ["-nostdin", "-v", "error", "-threads", "1"]
        command += ["-protocol_whitelist", "file,pipe,subfile", *(["-f", format_name] if format_name else [])]
        command += ["-copyts", "-i", name, "-map", f"0:{self._stream_index}", "-fps_mode", "passthrough"]
        command += ["-vf", f"select=gte(t\\,{self._from_s:.6f})", "-enc_time_base", "demux", "-c:v", "rawvideo"]
        command += ["-threads", "1", "-f", "nut", "pipe:1"]
        process = subprocess.Popen(
            ffmpeg_command(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
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
        """Implement `Source.check`."""
        self._source.check()

    @property
    def unplaced_damage(self) -> int:
        """Number of lines about damage that ffmpeg has printed, which do not name a time."""
        return self._errors.damaged

    def close(self) -> None:
        """End ffmpeg and close the pipe. Safe to call twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = PROGRESS.helper_pid = None
        if self._container is not None:
            self._container.close()
            self._container = None


class _Errors:
    """The stderr of ffmpeg: the number of lines about damage, and the last line."""

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


def ffmpeg_command(arguments: list[str]) -> list[str]:
    """Return the command line that runs ffmpeg and, on Linux, is killed with the thread that starts it.

    A process asks for that itself, so Python does it and then becomes ffmpeg (10 ms). `preexec_fn` of
    `subprocess.Popen` may not: it runs Python after `fork`, where a lock of another thread may stay locked for ever.

    Args:
        arguments: the arguments of ffmpeg, without the program.

    Raises:
        ItemError: internal: there is no ffmpeg program.
    """
    command = [ffmpeg_program(), *arguments]
    if sys.platform != "linux" or not sys.executable:
        return command
    return [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command]


def _tell_progress(process: subprocess.Popen[bytes]) -> None:
    """Until the first wanted frame nothing comes through the pipe: that ffmpeg goes on reading is its progress."""
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
