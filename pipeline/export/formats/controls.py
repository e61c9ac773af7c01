"""Clips with aligned control tracks, for generators that are controlled by them (LongVie): edges, optical flow and
tracked keypoints, as videos with one frame per frame of the clip."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.core.base import ItemError
from operators.core.causes import no_room
from operators.video.source import Source
from pipeline.export.base import Media, Problem, Row, Sample, Shard, Unfit
from pipeline.export.folder import Folder
from pipeline.export.formats.generators import Generator
from pipeline.export.formats.keypoints import Keypoints
from pipeline.export.formats.lines import PARTS
from pipeline.export.media import facts_of

Kind = Literal["edges", "flow", "keypoints"]

_STEADY = {"x264-params": "mbtree=0"}  # x264's macroblock tree makes the output nondeterministic


@dataclass(frozen=True, kw_only=True)
class Controls(Generator):
    """Clips with control tracks: rows of `video`, `prompt`, a column for each track, and `num_frames`.

    Edges are Canny's, white on black. Flow is Farneback's: hue is direction, brightness is length. Keypoints are
    corners tracked from frame to frame (Shi–Tomasi, pyramidal Lucas–Kanade), drawn as dots on black; a dot keeps its
    colour, which encodes where it was first seen. Depth and poses need a model and are not written.

    Args:
        kinds: tracks to write: edges, flow, keypoints.
        canny: lower and upper thresholds of the gradient.
        flow_px: flow length in px per frame that has full brightness.
        keypoints: maximum number of keypoints that are tracked simultaneously.
    """

    media: ClassVar[tuple[Media, ...]] = ("copy",)

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("edges", "flow")
    canny: tuple[int, int] = (100, 200)
    flow_px: Annotated[float, Field(gt=0)] = 16.0
    keypoints: Annotated[int, Field(ge=1, le=5000)] = 300

    def rows(self, sample: Sample) -> Sequence[Row]:
        if sample.span is not None:
            raise Unfit("control tracks need clips; use --spans cut")
        (row,) = super().rows(sample)
        stem = f"controls/{sample.split}/{Path(sample.media).stem}"
        return [{**row, **{kind: f"{stem}-{kind}.mp4" for kind in self.kinds}}]

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path = f"{PARTS}/{shard.name}{self.suffix}"
        files: list[str] = []
        with shard.folder.writing(path) as file:
            for sample, row in rows:
                try:
                    count = self._tracks(shard.folder, row)
                except (ItemError, OSError, ValueError) as error:  # PyAV's errors are subclasses of the last two
                    if no_room(error):
                        raise
                    shard.left_out.append(Problem(sample.key, f"its tracks cannot be made: {error}"))
                    continue
                files += dict.fromkeys(row[kind] for kind in self.kinds)
                file.write(f"{self.line({**row, 'num_frames': count})}\n".encode())
        return [path, *files]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        return super().finish(folder, {s: [f for f in files if f.startswith(PARTS)] for s, files in shards.items()})

    def _tracks(self, folder: Folder, row: Row) -> int:
        """Write all tracks of a clip; returns the number of frames of each."""
        import av

        with (
            tempfile.TemporaryDirectory(prefix="longcap-tracks-") as scratch,
            Source(folder.at(row["video"])) as source,
        ):
            container = source.open()
            stream = container.streams.video[0]
            drawers = {kind: self._drawer(kind) for kind in self.kinds}
            outputs = {kind: av.open(f"{scratch}/{kind}.mp4", "w") for kind in drawers}
            tracks: dict[str, Any] = {}
            for kind, output in outputs.items():
                track = output.add_stream("libx264", rate=stream.average_rate or 25, options=_STEADY)
                track.width, track.height, track.pix_fmt = stream.width, stream.height, "yuv420p"
                track.time_base = stream.time_base
                tracks[kind] = track
            count = 0
            for frame in container.decode(stream):
                grey = frame.to_ndarray(format="gray")
                for kind, draw in drawers.items():
                    drawn = av.VideoFrame.from_ndarray(draw(grey), format="rgb24")
                    drawn.pts, drawn.time_base = frame.pts, frame.time_base
                    outputs[kind].mux(tracks[kind].encode(drawn))
                count += 1
            for kind, output in outputs.items():
                output.mux(tracks[kind].encode(None))
                output.close()
                folder.take(row[kind], Path(scratch, f"{kind}.mp4"))
        return count

    def _drawer(self, kind: Kind) -> Callable[[Any], Any]:
        """Return a function that draws one track: from luma frames in order, uint8 (height, width), to RGB."""
        if kind == "flow":
            return _Flow(self.flow_px)
        return Keypoints(self.keypoints) if kind == "keypoints" else self._edges

    def _edges(self, grey: Any) -> Any:
        import cv2

        return np.repeat(cv2.Canny(grey, *self.canny)[:, :, None], 3, axis=2)

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        yield from super().faults(row, folder)
        for name in (self.video_key, *self.kinds):
            try:
                frames = facts_of(folder, str(row.get(name)), relative=True)[0]
            except Unfit as why:
                yield f"{name}: {why}"
                continue
            if frames != row.get("num_frames"):
                yield f"{name} has {frames} frames, but the row says {row.get('num_frames')}"


class _Flow:
    """Draws the optical flow from the previous frame; the first frame has none."""

    def __init__(self, full_px: float) -> None:
        self._full_px = full_px
        self._before: Any = None

    def __call__(self, grey: Any) -> Any:
        import cv2

        before, self._before = self._before, grey
        if before is None:
            return np.zeros((*grey.shape, 3), np.uint8)
        flow = cv2.calcOpticalFlowFarneback(
            before, grey, np.zeros((*grey.shape, 2), np.float32), 0.5, 3, 15, 3, 5, 1.2, 0
        )
        length, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1], angleInDegrees=True)
        hsv = np.stack([angle / 2, np.full_like(angle, 255), np.minimum(length / self._full_px, 1) * 255], axis=2)
        return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
