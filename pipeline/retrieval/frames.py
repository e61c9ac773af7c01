"""Search by what frames show: compare an image, a clip or a text with the frame vectors that `embed` wrote.

An image or clip needs the embedder that made the vectors. A text needs an embedder that also embeds texts in the same
space: an image–text model such as SigLIP or CLIP.
"""

from __future__ import annotations

import heapq
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operators.core.base import ItemError, Row
from operators.embedding.embed import Embed
from operators.embedding.embedders.base import EmbedderSpec
from operators.embedding.embedders.efficientnet import EfficientNet
from operators.embedding.vectors import Vectors, unpacked
from operators.engines.base import EngineRefused
from operators.video.images import to_jpeg
from pipeline.config.tables import tables_of
from pipeline.config.types import Config
from pipeline.output.output import Output
from pipeline.output.windows import window_captions
from pipeline.retrieval.search import Hit, moments
from pipeline.sources.inspection import frames
from pipeline.terminal.errors import UsageError
from pipeline.terminal.look import counted

VECTORS, EMBEDDER = "frame_vectors", "frame_embedder"
_FRAMES = 8  # frames that represent a clip of a query
_SIDE_PX = 384  # short side of query images; models see 224 to 384
_FOUND = 64  # frames kept per requested moment, since many of them lie in one window
_IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


def by_image(
    output: Output,
    place: str | os.PathLike[str],
    *,
    span: tuple[float, float] | None = None,
    table: str | None = None,
    config: Config | None = None,
    k: int = 5,
    video_ids: Sequence[str] = (),
) -> list[Hit]:
    """Return the moments whose frames are most similar to an image, or to any of eight frames of a clip.

    Args:
        place: an image file or a video.
        span: part of the video, in seconds; None: the whole video.
        table: name of the table of vectors; None: the only one.
        config: the recipe that made the vectors; its embedder is loaded. None: EfficientNet from the package.

    Raises:
        UsageError: the image cannot be read, or the output has no vectors of this embedder.
    """
    name = table_of(output, table)
    spec = embedder_of(output, name, config)
    jpegs = _images(place, span)
    return _nearest(output, name, _embedded(spec, jpegs, "frames"), k, video_ids)


def by_text(
    output: Output,
    query: str,
    *,
    table: str | None = None,
    config: Config | None = None,
    k: int = 5,
    video_ids: Sequence[str] = (),
) -> list[Hit]:
    """Return the moments whose frames fit a text, by an image–text model; otherwise as `by_image`.

    Raises:
        UsageError: also if the model does not embed texts.
    """
    name = table_of(output, table)
    spec = embedder_of(output, name, config)
    if "texts" not in spec.modalities:
        raise UsageError(
            f"the vectors of table {name} were made by {spec.model_id}, which does not embed texts: search by an image "
            "(--like FILE), or embed frames with an image-text model such as SigLIP"
        )
    return _nearest(output, name, _embedded(spec, [query], "texts"), k, video_ids)


def table_of(output: Output, name: str | None) -> str:
    """Return the name of the table of frame vectors to search.

    Raises:
        UsageError: the output has none, or has several and `name` is None.
    """
    known = [n for n, t in output.store.derived.items() if {VECTORS, EMBEDDER} <= set(t.schema.names)]
    if name is None and len(known) == 1:
        return known[0]
    if name is None or name not in known:
        asked = "" if name is None else f"table {name} has no vectors of frames. "
        if not known:
            make = "make one with: longcap run INPUT -o OUT -c embeddings"
            raise UsageError(f"{asked}{output.shown_uri} has no table of frame vectors; {make}")
        raise UsageError(
            f"{asked}{output.shown_uri} has {counted(len(known), 'table')} of frame vectors; choose one with --table: "
            + ", ".join(known)
        )
    return name


def embedder_of(output: Output, table: str, config: Config | None) -> EmbedderSpec:
    """Return the embedder that made a table's vectors: that of the given config, else the package's own.

    The output's own record of it is not used: a stored config must not decide which classes and models are loaded.

    Raises:
        UsageError: neither made the vectors.
    """
    models: set[str] = set()
    for batch in output.store.derived[table].batches([EMBEDDER]):
        models |= {m for m in batch[EMBEDDER].unique().to_pylist() if m is not None}
    if len(models) != 1:
        raise UsageError(f"table {table} holds vectors of {len(models)} models; run its recipe again")
    made = models.pop()
    given: list[EmbedderSpec] = [EfficientNet()]
    if config is not None:
        steps = (step for spec in tables_of(config).values() for step in spec.steps)
        given = [*(step.model for step in steps if isinstance(step, Embed)), *given]
    found = next((spec for spec in given if spec.model_id == made), None)
    if found is None:
        raise UsageError(f"the vectors of table {table} were made by {made}; give the config that names it with -c")
    return found


# -- inside ------------------------------------------------------------------------------------------------------------


def _images(place: str | os.PathLike[str], span: tuple[float, float] | None) -> list[bytes]:
    """Return an image, or frames at the centres of equal parts of a clip, as JPEGs.

    Raises:
        UsageError: the file cannot be read.
    """
    name = os.fspath(place)
    if Path(name).suffix.lower() in _IMAGES:
        if span is not None:
            raise UsageError(f"{name} is an image; a span needs a video")
        return [_jpeg(name)]
    times: dict[str, Any] = {"count": _FRAMES}
    if span is not None:
        start_s, end_s = span
        if not 0 <= start_s < end_s:
            raise UsageError(f"the span from {start_s:g} to {end_s:g} s is empty; the start must be before the end")
        times = {"at": [start_s + (n + 0.5) * (end_s - start_s) / _FRAMES for n in range(_FRAMES)]}
    try:
        found = [to_jpeg(frame.pixels, 90) for frame in frames(name, size=_SIDE_PX, workers=1, **times)]
    except ItemError as error:
        raise UsageError(f"{name} cannot be read as a video: {error}") from error
    if not found:
        raise UsageError(f"{name} has no frame in this span")
    return found


def _jpeg(name: str) -> bytes:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(name) as image:
            image.draft("RGB", (4 * _SIDE_PX, 4 * _SIDE_PX))
            shown = image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise UsageError(f"{name} cannot be read as an image: {error}") from error
    data = io.BytesIO()
    shown.thumbnail((4 * _SIDE_PX, 4 * _SIDE_PX))
    shown.save(data, "JPEG", quality=95)
    return data.getvalue()


def _embedded(spec: EmbedderSpec, given: Sequence[Any], what: str) -> Vectors:
    try:
        spec.check()
        with spec.open() as running:
            return running.frames(given) if what == "frames" else running.texts(given)
    except (ValueError, EngineRefused, ItemError) as error:
        raise UsageError(str(error)) from error


def _nearest(output: Output, table: str, query: Vectors, k: int, video_ids: Sequence[str]) -> list[Hit]:
    """Return the captioned windows of the frames with the highest cosines; a frame without one is its own hit."""
    if k < 1:
        raise UsageError(f"k is {k}; it must be at least 1")
    best: list[tuple[float, int, Row]] = []
    for number, (score, row) in enumerate(_scored(output, table, query, frozenset(video_ids))):
        entry = (score, -number, row)
        if len(best) < _FOUND * k:
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)
    ids = sorted({row["video_id"] for _, _, row in best})
    windows = window_captions(output, ids) if ids else {}
    away = set(output.store.filtered_videos())
    uris = {r["video_id"]: r["uri"] for r in output.store.videos.lookup("video_id", *ids).to_pylist()} if ids else {}
    hits = (
        _hit(row, score, windows.get(row["video_id"], ()), uris)
        for score, _, row in sorted(best, key=lambda e: (-e[0], -e[1]))
        if row["video_id"] not in away
    )
    return moments(hits, k)


def _scored(
    output: Output, table: str, query: Vectors, video_ids: frozenset[str]
) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield, for each frame of a table, its highest cosine with the query, and its video and span."""
    for batch in output.store.derived[table].batches(["video_id", VECTORS]):
        for video_id, vectors in zip(batch["video_id"].to_pylist(), batch[VECTORS].to_pylist(), strict=True):
            if not vectors or (video_ids and video_id not in video_ids):
                continue
            rows = unpacked([v["vector"] for v in vectors])
            if rows.shape[1] != query.shape[1]:
                raise UsageError(
                    f"the vectors of table {table} have {rows.shape[1]} dimensions and the query {query.shape[1]}: "
                    "give the model that made the vectors"
                )
            scores = np.asarray(rows @ query.T).max(1)
            for v, score in zip(vectors, scores.tolist(), strict=True):
                yield score, {"video_id": video_id, "start_s": v["start_s"], "end_s": v["end_s"]}


def _hit(frame: Row, score: float, windows: Sequence[Row], uris: Mapping[str, str]) -> Hit:
    at = frame["start_s"]
    inside = [w for w in windows if w["start_s"] <= at < w["end_s"]]
    same = {"video_id": frame["video_id"], "uri": uris.get(frame["video_id"], ""), "score": score, "similarity": score}
    if not inside:
        return Hit(**same, level="frame", place=f"{at:g}", start_s=at, end_s=frame["end_s"], text="")
    w = max(inside, key=lambda w: min(at - w["start_s"], w["end_s"] - at))  # the frame is most central in it
    place = str(w["window_index"])
    return Hit(**same, level="window", place=place, start_s=w["start_s"], end_s=w["end_s"], text=w["text"])
