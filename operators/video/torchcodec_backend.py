"""torchcodec as a back end, for machines with PyTorch: the extra `torchcodec`.

It decodes on a GPU if the decode pool has one (`resources.decode.num_gpus`), else on the CPU. Measured: wrong
frames without an error on edit lists and AVI with B-frames, no MPEG-TS, nothing from a file with one refused packet;
300 MB of memory a process before the first frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from operators.core.base import ItemError
from operators.core.uris import local_path
from operators.video.plausible import frame_rate
from operators.video.progress import PROGRESS
from operators.video.protocol import Sample, Watch
from operators.video.reader import pixel_aspect, video_stream
from operators.video.source import Source, WatchedFile

_CHUNK_S = 0.5  # frames of so long are held at full size when all of a span are wanted
_SLACK_S = 1e-6


class TorchcodecDecoder:
    """`Decoder` over `torchcodec.decoders.VideoDecoder`.

    Args:
        source: the input, which PyAV must be able to open as well, so that errors have the same messages.
        first_pts_s: the container's pts of the first presented frame.

    Raises:
        ItemError: internal when torchcodec is not installed, undecodable when it refuses the input.
    """

    def __init__(self, source: Source, *, first_pts_s: float) -> None:
        try:
            import torch
            from torchcodec.decoders import VideoDecoder
        except (ImportError, OSError, RuntimeError) as error:  # a CUDA build beside a CPU torch is an OSError
            raise ItemError(
                "internal", "torchcodec is not installed: pip install 'longcap[torchcodec]', or set backend to pyav"
            ) from error
        stream = video_stream(source.open(), source.uri)
        self.aspect = pixel_aspect(stream)
        rate = frame_rate(stream)
        self._interval_s = float(1 / rate) if rate else 0.04
        self._half_tick_s = float(stream.time_base) / 2
        index = int(stream.index)
        source.close()
        torch.set_num_threads(1)
        self._uri = source.uri
        self._first_pts_s = first_pts_s
        path = local_path(source.uri)
        self._file = None if path is not None else WatchedFile(source.uri)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._decoder = VideoDecoder(
                path or self._file, stream_index=index, num_ffmpeg_threads=1, device=device, dimension_order="NHWC"
            )
            self._end_s = float(self._decoder.metadata.end_stream_seconds)
        except (RuntimeError, ValueError, TypeError) as error:
            raise _refused(self._uri, error) from error
        self.frames_decoded = 0
        self.missing: list[float] = []
        self.ended_s: float | None = None

    def close(self) -> None:
        """Close the file; the decoder goes with this object."""
        if self._file is not None:
            self._file.close()

    def damaged_packets(self, start_s: float, end_s: float) -> int:  # noqa: ARG002 the protocol's
        """Return 0: torchcodec rejects a request with damage instead of counting it."""
        return 0

    def sample(self, times_s: Sequence[float], *, step_s: float, watch: Watch | None = None) -> Iterator[Sample]:
        """Implement `Decoder.sample`."""
        wanted = deque(sorted(set(times_s)))
        try:
            if watch is None:
                while wanted:
                    yield from self._answer(wanted.popleft(), step_s)
                return
            for time_s, frame in self._all(watch.start_s, watch.end_s):
                while wanted and wanted[0] <= time_s + self._half_tick_s:
                    yield from self._answer(wanted.popleft(), step_s)
                watch.see(time_s, _frame(frame.data))
            while wanted:
                yield from self._answer(wanted.popleft(), step_s)
        except (RuntimeError, IndexError) as error:
            raise _refused(self._uri, error) from error

    def _answer(self, time_s: float, step_s: float) -> Iterator[Sample]:
        frame = self._frame(time_s, step_s)
        if frame is None:
            self.missing.append(time_s)
        else:
            yield Sample(time_s, frame.pts_seconds, frame.duration_seconds, _frame(frame.data))

    def _frame(self, time_s: float, step_s: float) -> Any:
        """The frame of a target; None after the end."""
        target_s = self._first_pts_s + time_s
        shown = self._shown(target_s + self._half_tick_s)
        if shown is None or shown.pts_seconds >= target_s - self._half_tick_s:
            return shown
        # on screen since before: look for the first one after it, within a step
        # (the bisection is for a variable frame rate alone: elsewhere it ends at once)
        low_s, high_s = target_s, min(target_s + step_s - self._half_tick_s, self._end_s - self._half_tick_s)
        near_s = min(high_s, shown.pts_seconds + 1.25 * self._interval_s)
        later = self._shown(near_s) if near_s > low_s else None
        if later is None or later.pts_seconds <= shown.pts_seconds:
            later = self._shown(high_s) if high_s > low_s else None
        if later is None or later.pts_seconds <= shown.pts_seconds:
            return shown
        while later.pts_seconds - low_s > max(self._half_tick_s, later.duration_seconds * 0.99):
            middle_s = (low_s + later.pts_seconds) / 2
            between = self._shown(middle_s)
            if between is None or between.pts_seconds <= shown.pts_seconds:
                low_s = middle_s
            else:
                later = between
        return later if later.pts_seconds < target_s + step_s - self._half_tick_s else shown

    def _shown(self, pts_s: float) -> Any:
        if not pts_s < self._end_s:
            return None
        begin_s = float(self._decoder.metadata.begin_stream_seconds)
        frame = self._decoder.get_frame_played_at(max(pts_s, begin_s))
        self._count(1)
        return frame

    def _all(self, start_s: float, end_s: float) -> Iterator[tuple[float, Any]]:
        """Every frame of a span, in order: its time and the frame."""
        at_s, stop_s = self._first_pts_s + start_s, min(self._first_pts_s + end_s, self._end_s)
        last_s = at_s - self._half_tick_s
        while at_s < stop_s - _SLACK_S:
            until_s = min(at_s + _CHUNK_S, stop_s)
            for frame in self._decoder.get_frames_played_in_range(at_s, until_s):
                self._count(1)
                pts_s = float(frame.pts_seconds)
                if pts_s > last_s + _SLACK_S:
                    last_s = pts_s
                    yield pts_s - self._first_pts_s, frame
            at_s = until_s

    def _count(self, frames: int) -> None:
        PROGRESS.step()
        self.frames_decoded += frames


def _frame(pixels: Any) -> Any:
    import av

    # upright already: torchcodec turns frames itself
    return av.VideoFrame.from_ndarray(pixels.cpu().numpy(), format="rgb24")


def _refused(uri: str, error: Exception) -> ItemError:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return ItemError(
        "undecodable", f"{uri}: torchcodec refuses it ({lines[0][:200] if lines else type(error).__name__})"
    )
