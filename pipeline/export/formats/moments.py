"""Moment retrieval: a text and the spans of a video that it describes. QVHighlights and Charades-STA."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.core.fingerprint import hash_of
from pipeline.export.base import Problem, Row, Sample, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.activitynet import span_faults
from pipeline.export.formats.lines import Lines
from pipeline.export.samples import merged

_CLIP_S = 2  # length of QVHighlights' clips
_SEAM = 0.05  # clips; times and durations of NTSC videos are a little off whole seconds, such as 149.99 for 150
_UNITS: tuple[Unit, ...] = ("sentence", "section", "window")


@dataclass(frozen=True, kw_only=True)
class QVHighlights(Lines):
    """One query per line: `{"qid", "query", "duration", "vid", "relevant_windows", "relevant_clip_ids",
    "saliency_scores"}`.

    Windows begin and end on even seconds; they are rounded outward. The video ends with its last whole clip of 2 s;
    windows behind it are left out. The windows of a sentence are those that support it. `saliency_scores` are left out
    by default, since nobody has scored the clips.

    Args:
        max_words: maximum words of a query; longer ones are left out, since text encoders in this field read 77 tokens.
        saliency: write this score, 0 to 4, three times for each relevant clip, for loaders that require it; null: omit
            the scores.
    """

    version: ClassVar[int] = 2
    units: ClassVar[tuple[Unit, ...]] = _UNITS
    spans: ClassVar[tuple[Any, ...]] = ("text",)

    max_words: Annotated[int, Field(ge=1)] = 50
    saliency: Annotated[int, Field(ge=0, le=4)] | None = None

    @property
    def limit_tokens(self) -> int:
        return 77

    def rows(self, sample: Sample) -> Sequence[Row]:
        query = " ".join(sample.text.split())
        if (words := len(query.split())) > self.max_words:
            raise Unfit(f"its query has {words} words; max_words is {self.max_words}")
        part = sample.parts[0]
        spans = part.spans or (sample.span or (part.start_s, part.end_s),)
        last = max(_CLIP_S, _CLIP_S * math.floor(sample.duration_s / _CLIP_S + _SEAM))
        windows = [[a, b] for a, b in merged(_outward(span, last) for span in spans if span[0] < last)]
        if not windows:
            raise Unfit(f"it lies behind {last} s, in the rest of the video that fills no clip of {_CLIP_S} s")
        clips = [c for a, b in windows for c in range(int(a) // _CLIP_S, int(b) // _CLIP_S)]
        row = {
            "qid": int(hash_of(sample.key, 12), 16),
            "query": query,
            "duration": int(last),
            "vid": _vid(sample),
            "relevant_windows": windows,
            "relevant_clip_ids": clips,
            "video": sample.media,
        }
        if self.saliency is not None:
            row["saliency_scores"] = [[self.saliency] * 3 for _ in clips]
        return [row]

    def text_of(self, row: Row) -> str:
        return str(row["query"])

    def key_of(self, row: Row) -> str | None:
        return None if row.get("qid") is None else str(row["qid"])

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        if not isinstance(row.get("qid"), int):
            yield f"qid is {row.get('qid')!r}; it must be a whole number"
        if not isinstance(row.get("query"), str) or not row["query"].strip():
            yield "it has no query"
        if not isinstance(row.get("vid"), str) or not row["vid"]:
            yield "it has no vid"
        duration, windows = row.get("duration"), row.get("relevant_windows")
        if not isinstance(duration, int | float) or duration <= 0 or not isinstance(windows, list) or not windows:
            yield "it has no duration, or no relevant_windows"
            return
        wrong = [why for window in windows for why in span_faults(window, duration)]
        yield from wrong
        if wrong:
            return
        for a, b in windows:
            if a % _CLIP_S or (b % _CLIP_S and b != duration):
                yield f"the window from {a:g} to {b:g} is not on even seconds"
        clips = row.get("relevant_clip_ids")
        expected = [c for a, b in windows for c in range(int(a) // _CLIP_S, math.ceil(b / _CLIP_S))]
        if clips is not None and clips != expected:
            yield f"relevant_clip_ids are not the clips of relevant_windows, {expected[:4]}…"
        scores = row.get("saliency_scores")
        if scores is not None and (len(scores) != len(clips or ()) or any(len(s) != 3 for s in scores)):
            yield "saliency_scores are not three scores for each relevant clip"


@dataclass(frozen=True, kw_only=True)
class Charades(Lines):
    """Charades-STA: lines of `VIDEO start end##sentence`, and `charades.json` with the durations.

    Loaders split a line at `##` and then at single spaces, so a sentence must not contain `##`, and an id must not
    contain a space.
    """

    units: ClassVar[tuple[Unit, ...]] = _UNITS
    spans: ClassVar[tuple[Any, ...]] = ("text",)
    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "text"
    suffix: ClassVar[str] = ".txt"

    def file_of(self, split: str) -> str:
        return f"charades_sta_{split}.txt"

    @property
    def limit_tokens(self) -> int:
        return 77

    def rows(self, sample: Sample) -> Sequence[Row]:
        part = sample.parts[0]
        text = " ".join(sample.text.split()).replace("##", "#")
        return [
            f"{_vid(sample)} {start:.2f} {end:.2f}##{text}\t{sample.duration_s:.3f}"
            for start, end in part.spans or (sample.span or (part.start_s, part.end_s),)
        ]

    def text_of(self, row: Row) -> str:
        return str(row).split("##", 1)[1].rsplit("\t", 1)[0]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        durations: dict[str, Any] = {}
        paths = []
        for split, parts in shards.items():
            path = self.file_of(split)
            with folder.writing(path) as file:
                for line in (line for part in parts for line in folder.lines(part)):
                    said, _, duration = line.decode().rpartition("\t")
                    durations[said.split(" ", 1)[0]] = {"duration": float(duration)}
                    file.write(f"{said}\n".encode())
            paths.append(path)
        return [*paths, folder.write("charades.json", json.dumps(durations, indent=0) + "\n")]

    def check(self, folder: Folder) -> Iterator[Problem]:
        data = folder.read("charades.json")
        if data is None:
            yield Problem("charades.json", "the file is missing; loaders do not know the durations without it")
        durations = json.loads(data) if data else {}
        yield from super().check(folder)
        for path in self.data_files(folder):
            for where, line in self.read(folder, path):
                vid, _, rest = line.partition(" ")
                if data is not None and vid not in durations:
                    yield Problem(where, f"charades.json has no duration of {vid}")
                elif data is not None and not any(self.faults(line, folder)):
                    span = [float(t) for t in rest.split("##", 1)[0].split(" ")]
                    yield from (Problem(where, why) for why in span_faults(span, durations[vid]["duration"]))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        place, mark, text = str(row).partition("##")
        fields = place.split(" ")
        if not mark or "##" in text:
            yield "it does not have exactly one ##, at which loaders split"
        elif len(fields) != 3 or not _times(fields[1:]):
            yield f"{place!r} is not an id, a start and an end with single spaces between"
        elif not text.strip():
            yield "it has no sentence"


def _vid(sample: Sample) -> str:
    """Return the id of a video: the key without the suffix that names a unit."""
    from pipeline.export.media import key_of

    return key_of(sample.video_id)


def _outward(span: tuple[float, float], last: int) -> tuple[int, int]:
    """Return the clips that a span touches, in seconds; the span begins before `last`, the end of the last clip."""
    start, end = (t / _CLIP_S for t in span)
    first = min(math.floor(start + _SEAM), math.ceil(end) - 1, last // _CLIP_S - 1)
    return _CLIP_S * first, min(_CLIP_S * max(math.ceil(end - _SEAM), first + 1), last)


def _times(fields: Iterable[str]) -> bool:
    try:
        start, end = (float(field) for field in fields)
    except ValueError:
        return False
    return 0 <= start < end
