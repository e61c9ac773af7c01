"""`keyframes`: keep the frames of a segment that show something new, by their vectors."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Operator, Row
from operators.embedding.vectors import unpacked

KEYFRAME = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # time of the previous key frame, since which the content has changed
        pa.field("end_s", pa.float64()),  # end of the time that it represents
        pa.field("at_s", pa.float64()),  # time of the frame
        pa.field("pts_s", pa.float64()),
        pa.field("similarity", pa.float32()),  # cosine with the previous key frame; null for the first
    ]
)

_PLAIN = 4.0  # a frame with a smaller deviation of luma, in grey levels, has one colour


@dataclass(frozen=True, kw_only=True)
class Keyframes(Operator):
    """Keeps the frames whose vector differs from the last kept one; writes `keyframes` and `images`.

    Later steps see only the kept frames. An item of `keyframes` spans from the previous key frame to the end of its own
    time, so that a step that asks about it with two frames shows both. ShareGPT4Video keeps a frame if its
    CLIP ViT-L/14-336 cosine is below 0.93, and skips an opening of one colour
    (github.com/ShareGPT4Omni/ShareGPT4Video, keyframe_extraction_example.py). Times are those of the frames.
    """

    name: ClassVar[str] = "keyframes"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "embed"
    reads: ClassVar[frozenset[str]] = frozenset({"images", "frame_vectors", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"images", "keyframes"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"keyframes": pa.list_(KEYFRAME)}
    passing: ClassVar[frozenset[str]] = frozenset({"images"})

    similarity: Annotated[
        float, Field(gt=-1, le=1, description="least cosine with the last kept frame at which a frame is skipped")
    ] = 0.93
    skip_plain: Annotated[bool, Field(description="skip frames of one colour at the beginning")] = True

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        seen = {p["pts_s"]: p for p in reversed(row["images"] or ())}  # the first of repeated frames
        frames = [v for v in row["frame_vectors"] or () if v["pts_s"] in seen]
        if not frames:
            raise ItemError("undecodable", "none of the segment's frames has a vector")
        vectors = unpacked([bytes(v["vector"]) for v in frames])
        kept: list[int] = []
        likes: list[float | None] = []
        for k, frame in enumerate(frames):
            if not kept and self.skip_plain and k < len(frames) - 1 and _plain(bytes(seen[frame["pts_s"]]["jpeg"])):
                continue
            like = float(vectors[kept[-1]] @ vectors[k]) if kept else None
            if like is None or like < self.similarity:
                kept.append(k)
                likes.append(like)
        ends = [*(frames[k]["start_s"] for k in kept[1:]), frames[-1]["end_s"]]
        keyframes = [
            {
                "start_s": frames[kept[max(0, n - 1)]]["start_s"],
                "end_s": end_s,
                "at_s": frames[k]["start_s"],
                "pts_s": frames[k]["pts_s"],
                "similarity": like,
            }
            for n, (k, end_s, like) in enumerate(zip(kept, ends, likes, strict=True))
        ]
        images = [{**seen[f["pts_s"]], "time_s": f["at_s"], "until_s": f["end_s"]} for f in keyframes]
        return {**row, "keyframes": keyframes, "images": images}


def _plain(jpeg: bytes) -> bool:
    from PIL import Image

    return float(np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).std()) < _PLAIN
