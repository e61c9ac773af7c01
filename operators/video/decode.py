"""The operator `decode`: one decoding pass over a segment that produces its images, its signals and decoding facts.

All later steps share this pass: frame captions, overlapping windows, shots, motion and duplicates. Only JPEG bytes and
luma thumbnails leave the decoding process.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.core.base import ADDED, Apply, ItemError, Row, Was
from operators.core.fingerprint import FINGERPRINT_HEX
from operators.core.grid import Span, frame_times
from operators.core.rows import MAX_ROW_BYTES
from operators.video.isolation import DecodeChild, Try
from operators.video.limits import Isolated
from operators.video.protocol import LAST_RESORTS, PART_BLIND, Backend
from operators.video.segment import Policy, SegmentRequest, SignalsFrom
from operators.video.size import Size
from operators.video.subtitles import SubtitleReader

_JOB = "operators.video.segment:decode_segment"
_CHECK = "operators.video.transnet:check"
_ROOM_BYTES = MAX_ROW_BYTES - 256 * 1024  # for the other columns of the row
_SLIVER_S = 1e-3  # shorter spans come from rounding, not from damage


@dataclass(frozen=True, kw_only=True)
class Decode(Isolated):
    """Adds `images`, `signals` and `decode` (shapes in `operators.core.rows`) to a segment row.

    The images are on one grid of the whole video, over `[decode_start_s, decode_end_s)`; the field `sampling` says
    which grid times are used. `decode` covers only the segment's own span, so that segments can be summed.
    """

    name: ClassVar[str] = "decode"
    version: ClassVar[int] = 3
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset(
        {
            "uri",
            "access_uri",
            "source_version",
            "subtitles_uri",
            "start_s",
            "end_s",
            "decode_start_s",
            "decode_end_s",
            "duration_s",
            "first_pts_s",
        }
        | {"parts"}
    )
    writes: ClassVar[frozenset[str]] = frozenset({"images", "signals", "decode", "subtitle_lines"})
    passing: ClassVar[frozenset[str]] = frozenset({"images", "signals", "subtitle_lines"})

    backend: Annotated[
        Literal["pyav", "decord", "torchcodec", "ffmpeg"],
        Field(description="decoding back end: pyav is exact for all formats; for the others see docs/decode.md"),
    ] = "pyav"
    fps: Annotated[
        float, Field(gt=0, le=60, description="frames per second for the captioner; 1 in LongCaption-Agent")
    ] = 1.0
    sampling: Annotated[
        Policy,
        Field(
            description="which frames are decoded: fps, on the grid of fps; count, window_frames per window; "
            "keyframes, each grid time moved to a nearby keyframe; shots, the grid and at least one frame "
            "per shot; changes, the grid without near-duplicates"
        ),
    ] = "fps"
    window_frames: Annotated[
        int,
        Field(ge=1, le=600, description="frames per window, evenly spaced, with sampling: count"),
        Was("window_pictures"),
    ] = 8
    window_s: Annotated[
        float, Field(gt=0, description="length of a window in s, with sampling: count; equal to plan.window_s")
    ] = 10.0
    keyframe_tolerance_s: Annotated[
        float,
        Field(ge=0, description="maximum distance in s from a grid time to its keyframe, with sampling: keyframes"),
    ] = 0.5
    similarity: Annotated[
        float,
        Field(gt=0, le=1, description="minimum SSIM of thumbnails at which a frame is omitted, with sampling: changes"),
    ] = 0.95
    short_side_px: Annotated[
        int,
        Field(ge=16, le=4320, description="short side of a frame in pixels; frames are never enlarged"),
    ] = 336
    max_pixels: Annotated[
        int | None, Field(ge=256, description="maximum pixels of a frame, such as the model's budget; null: no limit")
    ] = None
    multiple_px: Annotated[
        int,
        Field(ge=1, le=256, description="sides of a frame are multiples of this, the model's patch: 14, 28 or 32"),
    ] = 1
    signals_fps: Annotated[
        float,
        Field(
            ge=0,
            le=60,
            description="thumbnails per second for shots and motion; 0: none, which makes decoding cheaper",
        ),
    ] = 8.0
    signals_from: Annotated[
        SignalsFrom,
        Field(
            description="frames of which thumbnails are taken: frames, all; references, those that other frames refer "
            "to, which leaves the others undecoded except around changes (h264, hevc and AV1 with the back end pyav; "
            "see docs/decode.md for what it saves)"
        ),
        ADDED,
    ] = "frames"
    shots: Annotated[
        Literal["thumbnails", "transnetv2"],
        Field(
            description="method that finds cuts: thumbnails, from differences between thumbnails, at no cost; "
            "transnetv2, a network over all frames (needs the extra `transnetv2` and shots_weights; cost: "
            "docs/decode.md)"
        ),
    ] = "thumbnails"
    shots_weights: Annotated[
        str | None,
        Field(
            description="path of TransNetV2's state dict for PyTorch, the same on every machine; with shots: transnetv2"
        ),
    ] = None
    shots_threshold: Annotated[
        float, Field(gt=0, lt=1, description="minimum score of the last frame of a shot, with shots: transnetv2")
    ] = 0.5
    jpeg_quality: Annotated[
        int, Field(ge=30, le=100, description="JPEG quality of a frame; above 90 captions no longer change")
    ] = 90

    def __post_init__(self) -> None:
        if self.sampling == "shots" and not self.signals_fps:
            raise ValueError("sampling is shots and signals_fps is 0; shots are found in signals: set it to 8")
        if self.shots == "transnetv2" and not (self.shots_weights and self.signals_fps):
            raise ValueError(
                "shots is transnetv2, which needs shots_weights, the path of its state dict, and signals_fps above 0"
            )
        if self.shots == "transnetv2" and self.signals_from != "frames":
            raise ValueError("shots is transnetv2, which looks at every frame: set signals_from to frames")
        if self.shots != "transnetv2" and self.shots_weights:
            raise ValueError("shots_weights is set and shots is thumbnails, which needs none: set shots to transnetv2")

    def identity_extra(self) -> dict[str, Any]:
        """A hash of the weights, so that results of other weights are never reused, whatever the path."""
        if self.shots_weights is None:
            return {}
        return {"shots_weights": _digest_of(self.shots_weights)}

    def check(self) -> None:
        """Check for problems that would make every segment fail.

        Raises:
            ValueError: the configured weights cannot be used; one line.
        """
        if self.shots_weights is not None:
            with self.child() as child:
                self._check(child)

    def _check(self, child: DecodeChild) -> None:
        if self.shots_weights is not None:
            try:
                child.run(_CHECK, path=self.shots_weights)
            except ItemError as error:
                raise ValueError(error.message) from None

    @property
    def grid_fps(self) -> float:
        """Rate of the grid that all segments of all videos share, in frames per second."""
        return self.window_frames / self.window_s if self.sampling == "count" else self.fps

    @contextmanager
    def open(self) -> Iterator[Apply]:
        """Yield the function that decodes a segment row.

        The bytes in `images` and `signals` are views of memory shared with the decoding process.

        The function raises `ItemError` with one of these classes: unreadable, undecodable (no frame of the segment's
        own span decodes), changed (the file or its subtitles changed after they were listed), storage, timeout, crash,
        out_of_memory.
        """
        with self.child() as child:
            self._check(child)
            reader = SubtitleReader(child.run)

            def apply(row: Row) -> Row:
                subtitles = reader.of(row)
                result, backend, attempts = child.run_first(self._tries(row))
                decode = self._facts(row, set(result["had"]), result["ended_s"]) | {
                    "backend": backend,
                    "attempts": attempts,
                    "damaged_packets": result["damaged_packets"],
                    "pictures_decoded": result["frames_decoded"],
                    "bytes_fetched": result["bytes_fetched"],
                }
                if decode["decoded_s"] <= 0:
                    raise ItemError(
                        "undecodable",
                        f"{row['uri']}: no frame of {row['start_s']:.3f} s to {row['end_s']:.3f} s decodes "
                        f"({decode['damaged_packets']} damaged packets)",
                        attempts=attempts,
                    )
                asked = Span(row["decode_start_s"] - _SLIVER_S, row["decode_end_s"])
                images = [p for p in result["images"] if asked.start_s <= p["time_s"]]
                return {
                    **row,
                    "images": images,
                    "signals": result["signals"],
                    "decode": decode,
                    "subtitle_lines": subtitles.between(row["decode_start_s"], row["decode_end_s"]).row()
                    if subtitles is not None
                    else None,
                }

            yield apply

    def _tries(self, row: Row) -> list[Try]:
        """Two attempts with the configured back end, each in a new process, then one with each fallback."""
        request = SegmentRequest(
            uri=row.get("access_uri") or row["uri"],
            version=row.get("source_version"),
            backend=self.backend,
            first_pts_s=row["first_pts_s"],
            parts=row.get("parts"),
            start_s=row["decode_start_s"],
            end_s=row["decode_end_s"],
            own_start_s=row["start_s"],
            own_end_s=row["end_s"],
            times_s=self._times(row),
            step_s=1 / self.grid_fps,
            policy=self.sampling,
            tolerance_s=self.keyframe_tolerance_s,
            similarity=self.similarity,
            size=Size(short_side_px=self.short_side_px, max_pixels=self.max_pixels, multiple_px=self.multiple_px),
            jpeg_quality=self.jpeg_quality,
            signals_fps=self.signals_fps,
            signals_from=self.signals_from,
            max_bytes=_ROOM_BYTES,
            shots_weights=self.shots_weights,
            shots_threshold=self.shots_threshold,
        )
        exact = self.backend == "pyav" or (row.get("parts") and self.backend in PART_BLIND)
        first: list[Backend] = ["pyav"] if exact else [self.backend, self.backend, "pyav"]
        chain: list[Backend] = [*first, "pyav", *LAST_RESORTS]
        return [(backend, _JOB, {"request": replace(request, backend=backend)}) for backend in chain]

    def _times(self, row: Row) -> list[float]:
        """The grid times of the decode span, and the one before it if the span does not start on the grid."""
        times = frame_times(Span(row["decode_start_s"], row["decode_end_s"]), self.grid_fps)
        before = math.floor(row["decode_start_s"] * self.grid_fps + 1e-6) / self.grid_fps
        return times if times and times[0] <= before else [before, *times]

    def _facts(self, row: Row, had: set[float], ended_s: float | None) -> dict[str, Any]:
        """The decoded and missing parts of the segment's own span.

        A grid cell `[t, t + 1/fps)` counts as decoded if its frame was decoded. If the input ended early, the last cell
        counts up to its end.
        """
        own = Span(row["start_s"], row["end_s"])
        missing: list[dict[str, float]] = []
        for time_s in self._times(row):
            cell = Span(max(time_s, own.start_s), min(time_s + 1 / self.grid_fps, own.end_s))
            if time_s in had and ended_s is not None:
                cell = Span(min(max(ended_s, cell.start_s), cell.end_s), cell.end_s)
            elif time_s in had:
                continue
            if cell.seconds < _SLIVER_S:
                continue
            if missing and cell.start_s - missing[-1]["end_s"] < _SLIVER_S:
                missing[-1]["end_s"] = cell.end_s
            else:
                missing.append({"start_s": cell.start_s, "end_s": cell.end_s})
        lost_s = sum(span["end_s"] - span["start_s"] for span in missing)
        return {"expected_s": own.seconds, "decoded_s": max(0.0, own.seconds - lost_s), "missing": missing}


@cache
def _digest_of(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:FINGERPRINT_HEX]
    except OSError as error:
        raise ValueError(f"shots_weights is {path}, which cannot be read: {error.strerror}") from error
