"""Clips with aligned control tracks, for generators that are steered by them (LongVie): edges, optical flow and tracked
keypoints as videos with a frame for each frame of the clip."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.core.base import ItemError
from operators.video.source import Source
from pipeline.export.base import Media, Problem, Row, Sample, Shard, Unfit
from pipeline.export.folder import Folder
from pipeline.export.formats.generators import Generator
from pipeline.export.formats.keypoints import Keypoints
from pipeline.export.formats.lines import PARTS
from pipeline.export.media import facts_of

Kind = Literal["edges", "flow", "keypoints"]


@dataclass(frozen=True, kw_only=True)
class Controls(Generator):
    """Clips with control tracks: rows of `video`, `prompt`, a column for each track, and `num_frames`.

    Edges are Canny's, white on black. Flow is Farneback's: the hue is the direction, the brightness the length.
    Keypoints are corners that are followed from frame to frame (Shi–Tomasi, pyramidal Lucas–Kanade), as dots on
    black; a dot keeps its colour, which says where it was first seen. Depth and poses, which need a model, are not
    written.

    Args:
        kinds: which tracks, of edges, flow and keypoints.
        canny: lower and upper threshold of the gradient.
        flow_px: length a frame that is drawn as full brightness.
        keypoints: how many are followed simultaneously, at most.
    """

    media: ClassVar[tuple[Media, ...]] = ("copy",)

    kinds: tuple[Kind, ...] = ("edges", "flow")
    canny: tuple[int, int] = (100, 200)
    flow_px: Annotated[float, Field(gt=0)] = 16.0
    keypoints: Annotated[int, Field(ge=1, le=5000)] = 300

    def rows(self, sample: Sample) -> Sequence[Row]:
        if sample.span is not None:
            raise Unfit("tracks are those of a clip; use --spans cut")
        (row,) = super().rows(sample)
        stem = f"controls/{sample.split}/{Path(sample.media).stem}"
        return [{**row, **{kind: f"{stem}-{kind}.mp4" for kind in self.kinds}}]

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path, files = f"{PARTS}/{shard.name}{self.suffix}", []
        with shard.folder.writing(path) as file:
            for sample, row in rows:
                try:
                    count = self._tracks(shard.folder, row)
                except (ItemError, OSError, ValueError) as error:  # PyAV's own errors are one of the last two
                    shard.left_out.append(Problem(sample.key, f"its tracks cannot be made: {error}"))
                    continue
                files += [row[kind] for kind in self.kinds]
                file.write(f"{self.line({**row, 'num_frames': count})}\n".encode())
        return [path, *files]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        return super().finish(folder, {s: [f for f in files if f.startswith(PARTS)] for s, files in shards.items()})

    def _tracks(self, folder: Folder, row: Row) -> int:
        """Write all tracks of a clip; returns how many frames each has."""
        import av

        with (
            tempfile.TemporaryDirectory(prefix="longcap-tracks-") as scratch,
            Source(folder.at(row["video"])) as source,
        ):
            container = source.open()
            stream = container.streams.video[0]
            drawers: dict[str, Callable[[Any], Any]] = {
                "edges": self._edges,
                "flow": _Flow(self.flow_px),
                "keypoints": Keypoints(self.keypoints),
            }
            outputs = {kind: av.open(f"{scratch}/{kind}.mp4", "w") for kind in self.kinds}
            tracks: dict[str, Any] = {}
            for kind, output in outputs.items():
                track = output.add_stream("libx264", rate=stream.average_rate or 25)
                track.width, track.height, track.pix_fmt = stream.width, stream.height, "yuv420p"
                track.time_base = stream.time_base
                tracks[kind] = track
            count = 0
            for frame in container.decode(stream):
                grey = frame.to_ndarray(format="gray")
                for kind in self.kinds:
                    drawn = av.VideoFrame.from_ndarray(drawers[kind](grey), format="rgb24")
                    drawn.pts, drawn.time_base = frame.pts, frame.time_base
                    outputs[kind].mux(tracks[kind].encode(drawn))
                count += 1
            for kind, output in outputs.items():
                output.mux(tracks[kind].encode(None))
                output.close()
                folder.take(row[kind], Path(scratch, f"{kind}.mp4"))
        return count

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
                yield f"{name} has {frames} frames, and the row says {row.get('num_frames')}"


class _Flow:
    """Draws the optical flow from the frame before; the first frame has none."""

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
