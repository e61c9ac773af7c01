"""`keyframes`: of the frames of a segment those that show something new, by their vectors."""

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
        pa.field("start_s", pa.float64()),  # of the key frame before, where this one is captioned as what changed since
        pa.field("end_s", pa.float64()),  # up to when it stands for what is on screen
        pa.field("at_s", pa.float64()),  # when it is seen
        pa.field("pts_s", pa.float64()),
        pa.field("similarity", pa.float32()),  # cosine with the key frame before; null: it is the first
    ]
)

_PLAIN = 4.0  # deviation of luma in grey levels, below which a frame is of one colour


@dataclass(frozen=True, kw_only=True)
class Keyframes(Operator):
    """Keeps the frames whose vector differs from that of the last one kept; writes `keyframes` and `pictures`.

    Steps after it see the kept frames alone. An item of `keyframes` spans from the key frame before to the end of its
    own time, so that a step that asks about it with two frames shows both. In ShareGPT4Video a frame is kept whose
    CLIP ViT-L/14-336 cosine is below 0.93, and an opening of one colour is skipped
    (github.com/ShareGPT4Omni/ShareGPT4Video, keyframe_extraction_example.py). Times are the frames' own.
    """

    name: ClassVar[str] = "keyframes"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "embed"
    reads: ClassVar[frozenset[str]] = frozenset({"pictures", "frame_vectors", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"pictures", "keyframes"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"keyframes": pa.list_(KEYFRAME)}
    passing: ClassVar[frozenset[str]] = frozenset({"pictures"})

    similarity: Annotated[
        float, Field(gt=-1, le=1, description="cosine with the last kept frame, from which on a frame is left out")
    ] = 0.93
    skip_plain: Annotated[bool, Field(description="leave out frames of one colour before the first other one")] = True

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        seen = {p["pts_s"]: p for p in reversed(row["pictures"] or ())}  # of one that is repeated the first
        frames = [v for v in row["frame_vectors"] or () if v["pts_s"] in seen]
        if not frames:
            raise ItemError("undecodable", "no frame of the segment has a vector")
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
        pictures = [{**seen[f["pts_s"]], "time_s": f["at_s"], "until_s": f["end_s"]} for f in keyframes]
        return {**row, "keyframes": keyframes, "pictures": pictures}


def _plain(jpeg: bytes) -> bool:
    from PIL import Image

    return float(np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).std()) < _PLAIN
