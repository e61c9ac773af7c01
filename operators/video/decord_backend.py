"""decord as an alternative back end with the same interface, for captions that must match those made with decord.

Measured: it returns wrong frames without an error on AVI with B-frames (21 of 30), MPEG-TS (30 of 30) and edit lists
(20 of 30), has no AV1, and gives nothing for a file with one refused packet. It decodes and converts every frame that
signals ask for at full size, so it costs more than the default; it cannot count damage.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from operators.core.base import ItemError
from operators.video.progress import PROGRESS
from operators.video.protocol import Sample, Watch
from operators.video.reader import pixel_aspect, video_stream
from operators.video.source import Source

_HALF_TICK_S = 1e-4  # decord's times are 32-bit floats: off by up to 60 µs an hour into a video


class DecordDecoder:
    """`Decoder` over `decord.VideoReader`.

    Args:
        source: the input, which PyAV must be able to open as well, so that errors have the same messages.
        first_pts_s: the container's pts of the first presented frame, which decord leaves out of its times.

    Raises:
        ItemError: internal when decord is not installed, undecodable when it refuses the input.
    """

    def __init__(self, source: Source, *, first_pts_s: float) -> None:
        try:
            import decord
        except ImportError as error:
            raise ItemError(
                "internal", "decord is not installed: pip install decord, or set backend to pyav, the default"
            ) from error
        self.aspect = pixel_aspect(video_stream(source.open(), source.uri))
        source.close()
        path, _ = source.local_file()  # given a file object, decord reads all of it into memory
        decord.logging.set_level(decord.logging.QUIET)
        try:
            self._reader = decord.VideoReader(path, num_threads=1)
            spans = self._reader.get_frame_timestamp(range(len(self._reader)))
        except (decord.DECORDError, RuntimeError) as error:
            raise _refused(source.uri, error) from error
        self._refusals = (decord.DECORDError, RuntimeError)
        self._uri = source.uri
        self._first_pts_s = first_pts_s
        self._starts = [float(s) for s in spans[:, 0]]
        self._ends = [float(e) for e in spans[:, 1]]
        self.frames_decoded = 0
        self.missing: list[float] = []
        self.ended_s: float | None = None

    def close(self) -> None:
        """Do nothing: the reader is closed with this object."""

    def damaged_packets(self, start_s: float, end_s: float) -> int:  # noqa: ARG002 the protocol's
        """Return 0: decord rejects a request with damage instead of counting it."""
        return 0

    def sample(self, times_s: Sequence[float], *, step_s: float, watch: Watch | None = None) -> Iterator[Sample]:
        """Implement `Decoder.sample`."""
        wanted: dict[int, list[float]] = {}
        for time_s in sorted(set(times_s)):
            at = self._frame_at(time_s, step_s)
            if at is None:
                self.missing.append(time_s)
            else:
                wanted.setdefault(at, []).append(time_s)
        seen = set(self._watched(watch)) if watch is not None else set()
        for at in sorted({*wanted, *seen}):
            frame = self._frame(at)
            for time_s in wanted.get(at, []):
                yield Sample(time_s, self._starts[at] + self._first_pts_s, self._ends[at] - self._starts[at], frame)
            if watch is not None and at in seen:
                watch.see(self._starts[at], frame)

    def _frame_at(self, time_s: float, step_s: float) -> int | None:
        step_s = max(step_s, 2 * _HALF_TICK_S)
        at = bisect_left(self._starts, time_s - _HALF_TICK_S)
        if at < len(self._starts) and self._starts[at] < time_s + step_s - _HALF_TICK_S:
            return at
        if at == len(self._starts) and time_s >= self._ends[-1] - _HALF_TICK_S:
            return None
        return at - 1 if at > 0 else None

    def _watched(self, watch: Watch) -> Iterator[int]:
        for at, start_s in enumerate(self._starts):
            if watch.start_s - _HALF_TICK_S <= start_s < watch.end_s - _HALF_TICK_S:
                yield at

    def _frame(self, at: int) -> Any:
        import av

        try:
            pixels = self._reader[at].asnumpy()
        except self._refusals as error:
            raise _refused(self._uri, error) from error
        if pixels.ndim != 3 or pixels.shape[2] != 3:  # frames narrower than its row padding come out skewed
            raise _refused(self._uri, ValueError(f"a frame of shape {pixels.shape}"))
        PROGRESS.step()
        self.frames_decoded += 1
        return av.VideoFrame.from_ndarray(pixels, format="rgb24")  # upright already: decord turns frames itself


def _refused(uri: str, error: Exception) -> ItemError:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return ItemError("undecodable", f"{uri}: decord refuses it ({lines[0][:200] if lines else type(error).__name__})")
