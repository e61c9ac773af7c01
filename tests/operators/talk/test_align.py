from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from operators.embedding.vectors import packed
from operators.talk.align import Align

COLOURS = ("red", "green", "blue")


def _texts(texts: Sequence[str]) -> Any:
    return np.array([[float(colour in text) for colour in COLOURS] for text in texts], np.float32)


def test_a_caption_far_from_all_frames_stays_where_it_is_and_the_next_keeps_its_own_text() -> None:
    """HowToCaption's script goes on without its text there, so that all later texts have frames of others."""
    vectors = packed(_texts(["green", "blue"]))
    row = {
        "duration_s": 200.0,
        "frame_vectors": [
            {"start_s": s, "end_s": s + 8.0, "vector": v} for s, v in zip((99.0, 150.0), vectors, strict=True)
        ],
        "captions": [
            {"start_s": s, "end_s": s + 8.0, "text": text}
            for s, text in ((0.0, "red"), (90.0, "green"), (165.0, "blue"))
        ],
    }
    found = Align(embedder=cast(Any, None), of="captions")._aligned(row, cast(Any, SimpleNamespace(texts=_texts)))
    said = [(c["text"], c["start_s"], c["alignable"]) for c in found["aligned"]]
    assert said == [("red", 0.0, False), ("green", 92.0, True), ("blue", 157.0, True)]
    assert found["not_alignable"] == 1 / 3
