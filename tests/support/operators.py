"""Small operators of all levels, for recipes of tests. They record their work in files, so that a test can check what
was repeated."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from PIL import Image

from operators.core.base import SIZING, Apply, ItemError, Level, Needs, Operator, Row
from operators.embedding.vectors import unpacked
from operators.engines.base import Request
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.engines.template import MeasureEngine
from operators.reading.track import ITEM
from operators.talk.items import ALIGNED

USAGE: Row = {
    "prompt_tokens": 0,
    "cached_tokens": 0,
    "output_tokens": 0,
    "engine_s": 0.0,
    "cost_usd": 0.0,
    "rejected": [],
}


@dataclass(frozen=True, kw_only=True)
class Counted(Operator):
    """Base class: writes a file to `log` for each processed row."""

    log: Annotated[str, SIZING] = ""
    fails: Annotated[str, SIZING] = ""  # the row that fails: "segment 1", or "video"
    fails_as: Annotated[str, SIZING] = "undecodable"

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            if self.log:
                Path(self.log, f"{self.name}-{os.getpid()}-{uuid.uuid4().hex}").touch()
            at = "video" if row.get("segment_index") is None else f"segment {row['segment_index']}"
            if self.fails == at:
                raise ItemError(self.fails_as, f"{at} is to fail")  # type: ignore[arg-type]  # one of the classes
            return {**row, **self.made(row)}

        yield apply

    def made(self, row: Row) -> Row:
        raise NotImplementedError


def calls(log: Path, name: str) -> int:
    """Return and clear the rows that operators called `name` have processed."""
    found = list(log.glob(f"{name}-*"))
    for file in found:
        file.unlink()
    return len(found)


@dataclass(frozen=True, kw_only=True)
class Brightness(Counted):
    """Writes the mean luma of each frame: a table of vectors, like embeddings."""

    name: ClassVar[str] = "brightness"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "brightness"
    reads: ClassVar[frozenset[str]] = frozenset({"images"})
    writes: ClassVar[frozenset[str]] = frozenset({"brightness"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"brightness": pa.list_(pa.float32())}

    scale: float = 1.0

    def needs(self) -> Needs:
        return Needs(cpus=0.05)

    def made(self, row: Row) -> Row:
        grey = (np.asarray(Image.open(BytesIO(p["jpeg"])).convert("L")).mean() for p in row["images"])
        return {"brightness": [round(float(value) * self.scale, 2) for value in grey]}


@dataclass(frozen=True, kw_only=True)
class Summed(Counted):
    """Writes the sum of a segment's brightness."""

    name: ClassVar[str] = "summed"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"brightness"})
    writes: ClassVar[frozenset[str]] = frozenset({"summed"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"summed": pa.float64()}

    def made(self, row: Row) -> Row:
        return {"summed": float(sum(row["brightness"]))}


@dataclass(frozen=True, kw_only=True)
class Difference(Counted):
    """Writes the difference of each frame from the previous one: times and change of brightness."""

    name: ClassVar[str] = "difference"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "caption"
    reads: ClassVar[frozenset[str]] = frozenset({"images", "facts"})
    writes: ClassVar[frozenset[str]] = frozenset({"differences", "provenance"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "differences": pa.list_(pa.struct([("time_s", pa.float64()), ("text", pa.string())]))
    }

    def made(self, row: Row) -> Row:
        said = [{"time_s": p["time_s"], "text": f"frame at {p['time_s']:g} s"} for p in row["images"]]
        return {"differences": said, "provenance": _provenance("difference")}


@dataclass(frozen=True, kw_only=True)
class Summarise(Counted):
    """Writes window captions from stored differences, without frames."""

    name: ClassVar[str] = "summarise"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "caption"
    reads: ClassVar[frozenset[str]] = frozenset({"differences", "start_s", "end_s", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"frames", "windows", "usage"})

    prompt: str = "Tell"

    def made(self, row: Row) -> Row:
        told = f"{self.prompt} {len(row['differences'])} differences."
        return {"frames": [], "windows": windows_of(row, told), "usage": USAGE}


@dataclass(frozen=True, kw_only=True)
class Pick(Counted):
    """Selects the captions of one of several teachers, by the answers of an engine."""

    name: ClassVar[str] = "pick"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "caption"
    reads: ClassVar[frozenset[str]] = frozenset({"parents", "video_id", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"frames", "windows", "facts", "decode", "provenance", "picked"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"picked": pa.string()}

    longest: bool = True

    def made(self, row: Row) -> Row:
        def length(name: str) -> tuple[int, str]:
            return sum(len(w["text"] or "") for w in row["parents"][name]["windows"]), name

        names = sorted(name for name, parent in row["parents"].items() if parent is not None)
        best = max(names, key=length) if self.longest else min(names, key=length)
        taken = row["parents"][best]
        return {**{c: taken[c] for c in ("frames", "windows", "facts", "decode", "provenance")}, "picked": best}


@dataclass(frozen=True, kw_only=True)
class Listen(Counted):
    """Writes one row per video from the source alone, before any segment."""

    name: ClassVar[str] = "listen"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "asr"
    reads: ClassVar[frozenset[str]] = frozenset({"uri", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"speech"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"speech": pa.string()}

    language: str = "en"

    def made(self, row: Row) -> Row:
        return {"speech": f"{self.language}: {row['duration_s']:.0f} s of silence"}


@dataclass(frozen=True, kw_only=True)
class Heard(Counted):
    """Writes speech next to a segment's frames."""

    name: ClassVar[str] = "heard"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id"})
    may_read: ClassVar[frozenset[str]] = frozenset({"speech"})
    writes: ClassVar[frozenset[str]] = frozenset({"heard"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"heard": pa.string()}

    def made(self, row: Row) -> Row:
        return {"heard": row.get("speech")}


@dataclass(frozen=True, kw_only=True)
class MustHear(Heard):
    """The same, but it cannot do without speech."""

    name: ClassVar[str] = "must_hear"
    reads: ClassVar[frozenset[str]] = frozenset({"speech"})
    may_read: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Entitle(Counted):
    """Writes a title for each video, from the source alone."""

    name: ClassVar[str] = "entitle"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "asr"
    reads: ClassVar[frozenset[str]] = frozenset({"duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"title"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"title": pa.string()}

    language: str = "en"

    def made(self, row: Row) -> Row:
        return {"title": f"{self.language}: {row['duration_s']:.0f} s"}


@dataclass(frozen=True, kw_only=True)
class Quote(Counted):
    """Writes a video's title before its long caption."""

    name: ClassVar[str] = "quote"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"caption"})
    may_read: ClassVar[frozenset[str]] = frozenset({"title"})
    writes: ClassVar[frozenset[str]] = frozenset({"caption"})

    def made(self, row: Row) -> Row:
        return {"caption": f"{row.get('title')} | {row['caption']}"}


@dataclass(frozen=True, kw_only=True)
class MustQuote(Quote):
    """The same, but it cannot do without a title."""

    name: ClassVar[str] = "must_quote"
    reads: ClassVar[frozenset[str]] = frozenset({"caption", "title"})
    may_read: ClassVar[frozenset[str]] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Judge(Counted):
    """Rates a long caption with an engine."""

    name: ClassVar[str] = "judge"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "judge"
    reads: ClassVar[frozenset[str]] = frozenset({"caption", "words", "captioned", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"mark", "said"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"mark": pa.float64(), "said": pa.string()}

    engine: AnyEngine = field(default_factory=MeasureEngine)
    bonus: float = 0.0

    def made(self, row: Row) -> Row:
        with shared(self.engine) as engine:
            ask = Request(kind="judge", start_s=0.0, end_s=row["duration_s"], prompt=f"Mark: {row['caption']}")
            said = engine.submit(ask).result().text if self.engine.generative else "no model"
        windows = sum(len(segment["windows"]) for segment in row["captioned"])
        return {"mark": row["words"] / max(1, windows) + self.bonus, "said": said}


@dataclass(frozen=True, kw_only=True)
class Average(Counted):
    """Writes one row for the whole output."""

    name: ClassVar[str] = "average"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "run"
    pool: ClassVar[str] = "judge"
    reads: ClassVar[frozenset[str]] = frozenset({"tables"})
    writes: ClassVar[frozenset[str]] = frozenset({"mean", "videos"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"mean": pa.float64(), "videos": pa.int64()}

    def made(self, row: Row) -> Row:
        marks = row["tables"]["marks"].read(["mark"])["mark"].to_pylist()
        return {"mean": sum(marks) / len(marks), "videos": len(marks)}


@dataclass(frozen=True, kw_only=True)
class RowCounts(Counted):
    """Writes the number of rows of each parent, such as `dataset 2, marks 4`, for the whole output."""

    name: ClassVar[str] = "row_counts"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "run"
    pool: ClassVar[str] = "judge"
    reads: ClassVar[frozenset[str]] = frozenset({"tables"})
    writes: ClassVar[frozenset[str]] = frozenset({"counts"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"counts": pa.string()}

    def made(self, row: Row) -> Row:
        counts = ((name, table.read(["key"]).num_rows) for name, table in sorted(row["tables"].items()))
        return {"counts": ", ".join(f"{name} {count}" for name, count in counts)}


@dataclass(frozen=True, kw_only=True)
class Scored(Counted):
    """Writes captions with scores, like `align`; scores follow from the video's id."""

    name: ClassVar[str] = "scored"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "judge"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id"})
    writes: ClassVar[frozenset[str]] = frozenset({"aligned"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"aligned": pa.list_(ALIGNED)}

    def made(self, row: Row) -> Row:
        scores = [int(row["video_id"][k : k + 2], 16) / 255 for k in range(0, 12, 2)]
        other = {"fields": None, "item": 0, "supported": None, "alignable": True}
        return {
            "aligned": [
                {"start_s": k * 1.0, "end_s": k + 1.0, "text": f"{k}", "original_start_s": k * 1.0, "score": s, **other}
                for k, s in enumerate([*scores, None])
            ]
        }


def windows_of(row: Row, text: str) -> list[Row]:
    """Writes a caption for each window of the 10 s / 5 s grid that a segment owns."""
    from operators.core.grid import Grid, Span

    grid = Grid(row["duration_s"], 10.0, 5.0)
    owned = grid.windows_of(Span(row["start_s"], row["end_s"]))
    spans = ((k, grid.window(k)) for k in owned)
    return [_window(k, span.start_s, span.end_s, text) for k, span in spans]


def _window(index: int, start_s: float, end_s: float, text: str) -> dict[str, Any]:
    return {
        "window_index": index,
        "start_s": start_s,
        "end_s": end_s,
        "text": f"{text} It lasts from {start_s:g} to {end_s:g} seconds.",
        "fields": None,
        "pts_s": [],
        "previous_window": None,
        "valid": True,
        "prompt_hash": "0",
        "sampling": None,
        "attempts": 1,
        "problem": None,
        "usage": USAGE,
    }


def _provenance(name: str) -> Row:
    return {"engine": name, "model": name, "revision": "1", "prompts": "{}", "sampling": "{}"}


@dataclass(frozen=True, kw_only=True)
class Nearest(Operator):
    """Counts the similar neighbouring frames of a table of vectors."""

    name: ClassVar[str] = "nearest"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "nearest"
    reads: ClassVar[frozenset[str]] = frozenset({"frame_vectors"})
    writes: ClassVar[frozenset[str]] = frozenset({"alike"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"alike": pa.int32()}

    share: float = 0.5

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            vectors = unpacked([v["vector"] for v in row["frame_vectors"]])
            cosines = (vectors[1:] * vectors[:-1]).sum(1)
            return {**row, "alike": int((cosines > self.share).sum())}

        yield apply


@dataclass(frozen=True, kw_only=True)
class Length(Operator):
    """Counts the vectors of a video's frames."""

    name: ClassVar[str] = "length"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "length"
    reads: ClassVar[frozenset[str]] = frozenset({"frame_vectors"})
    writes: ClassVar[frozenset[str]] = frozenset({"frames"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"frames": pa.int32()}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "frames": len(row["frame_vectors"])}


@dataclass(frozen=True, kw_only=True)
class Signs(Operator):
    """Writes text on screen as a reader finds it: sign `texts[k]` in `[7 k, 7 k + 5)` of the video."""

    name: ClassVar[str] = "signs"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "signs"
    reads: ClassVar[frozenset[str]] = frozenset({"decode_start_s", "decode_end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"screen_text"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"screen_text": pa.list_(ITEM)}

    texts: tuple[str, ...] = ()

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "screen_text": self._found(row["decode_start_s"], row["decode_end_s"])}

    def _found(self, low: float, high: float) -> list[Row]:
        place = {"role": "painted", "confidence": 0.9, "left": 0.1, "right": 0.4, "top": 0.1, "bottom": 0.2}
        spans = [(max(low, 7.0 * k), min(high, 7.0 * k + 5), text) for k, text in enumerate(self.texts)]
        return [{"start_s": a, "end_s": b, "text": t, "frames": int(b - a), **place} for a, b, t in spans if b > a]


@dataclass(frozen=True, kw_only=True)
class Keyed(Counted):
    """Writes columns that identify a row, which no recipe may contain."""

    name: ClassVar[str] = "keyed"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id"})
    writes: ClassVar[frozenset[str]] = frozenset({"key"})
