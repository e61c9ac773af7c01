"""Dense captions and chapters, as one JSON object keyed by video: ActivityNet Captions and VidChapters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeGuard

from operators.language.titles import title_of as short_title
from pipeline.export.base import Part, Row, Sample, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.lines import Lines

_SEAM_S = 0.05  # tolerance: durations are rounded differently in the files of one dataset


@dataclass(frozen=True, kw_only=True)
class ActivityNet(Lines):
    """`{"v_ID": {"duration": …, "timestamps": [[s, e], …], "sentences": ["…", …]}}`, one file per split.

    Args:
        events: "section": the sections of a long caption; "window": the windows.
        prefix: prefix of the ids; evaluation tools of ActivityNet expect `v_`.
        allow_non_ascii: write texts with letters outside ASCII, which the usual evaluation tools erase.
        sources: also write the location of each video, under the key `video`, which these tools ignore.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Any, ...]] = ("text",)
    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "dict"
    suffix: ClassVar[str] = ".json"
    needs_windows: ClassVar[bool] = True

    events: Literal["section", "window"] = "section"
    prefix: str = "v_"
    allow_non_ascii: bool = False
    sources: bool = True

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({"longcap-export.json"})

    def rows(self, sample: Sample) -> Sequence[Row]:
        parts = [p for p in (sample.windows if self.events == "window" else sample.parts) if p.text]
        if not parts:
            raise Unfit(f"it has no {self.events} with a text")
        sentences = [" ".join(p.text.split()) for p in parts]
        if not self.allow_non_ascii and (lost := _erased(sentences)):
            raise Unfit(
                f"evaluation tools erase letters that are not ASCII, here {lost:.0%} of them; set allow_non_ascii=true"
            )
        value: dict[str, Any] = {
            "duration": round(sample.duration_s, 3),
            "timestamps": [_span(p, sample.duration_s) for p in parts],
            "sentences": sentences,
        }
        if self.sources:
            value["video"] = sample.media
        return [(f"{self.prefix}{sample.key}", value)]

    def text_of(self, row: Row) -> str:
        return "\n".join(row[1]["sentences"])

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        _, value = row
        if not isinstance(value, dict):
            yield "it is not a JSON object"
            return
        duration, stamps, texts = value.get("duration"), value.get("timestamps"), value.get("sentences")
        if not _number(duration) or duration <= 0:
            yield f"duration is {duration!r}; it must be a number above 0"
            return
        if not isinstance(stamps, list) or not isinstance(texts, list) or len(stamps) != len(texts):
            yield "timestamps and sentences are not lists of equal length"
            return
        if not stamps:
            yield "it has no event"
        for k, (stamp, text) in enumerate(zip(stamps, texts, strict=True)):
            yield from (f"event {k}: {why}" for why in span_faults(stamp, duration))
            if not isinstance(text, str) or not text.strip():
                yield f"event {k} has no text"
        if not self.allow_non_ascii and (lost := _erased([t for t in texts if isinstance(t, str)])):
            yield f"evaluation tools erase {lost:.0%} of its letters, which are not ASCII"


@dataclass(frozen=True, kw_only=True)
class VidChapters(Lines):
    """`{"ID": {"chapters": [{"label": …, "time": s}], "duration": …}}`, and a list of the ids of each split.

    A chapter ends where the next one starts. A title is the topic in the outline, else the first words of the section.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Any, ...]] = ("text",)
    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "dict"
    suffix: ClassVar[str] = ".json"

    def file_of(self, split: str) -> str:
        return f"chapters_{split}.json"

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({"longcap-export.json"})

    def data_files(self, folder: Folder) -> list[str]:
        return [path for path in super().data_files(folder) if path.startswith("chapters")]

    def rows(self, sample: Sample) -> Sequence[Row]:
        chapters = [{"label": title_of(p), "time": round(p.start_s, 3)} for p in sample.parts if p.text]
        if not chapters:
            raise Unfit("it has no section with a text")
        return [(sample.key, {"chapters": chapters, "duration": round(sample.duration_s, 3), "video": sample.media})]

    def text_of(self, row: Row) -> str:
        return "\n".join(chapter["label"] for chapter in row[1]["chapters"])

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        import json

        files = list(super().finish(folder, shards))
        for split in shards:
            ids = [key for _, (key, _value) in self.read(folder, self.file_of(split))]
            files.append(folder.write(f"{split}.json", json.dumps(ids) + "\n"))
        return files

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        _, value = row
        duration = value.get("duration") if isinstance(value, dict) else None
        chapters = value.get("chapters") if isinstance(value, dict) else None
        if not _number(duration) or not isinstance(chapters, list) or not chapters:
            yield "it has no duration, or no chapters"
            return
        last = -1.0
        for k, chapter in enumerate(chapters):
            time, label = (chapter.get("time"), chapter.get("label")) if isinstance(chapter, dict) else (None, None)
            if not _number(time) or not 0 <= time <= duration:
                yield f"chapter {k} starts at {time!r}; the loader keeps only 0 <= start <= {duration:g}"
                return
            if time <= last:
                yield f"chapter {k} starts at {time:g}, not after the one before"
            if not isinstance(label, str) or not label.strip():
                yield f"chapter {k} has no label"
            last = time


def title_of(part: Part, most: int = 60) -> str:
    """Return a short title: the topic in the outline, else the beginning of the text, cut at a word."""
    return short_title(part.text, part.topic, most)


def span_faults(stamp: Any, duration: float) -> Iterator[str]:
    """Yield what is wrong with `[start, end]` in a video of this duration."""
    if not isinstance(stamp, list | tuple) or len(stamp) < 2 or not all(map(_number, stamp[:2])):
        yield f"{stamp!r} is not [start, end] in seconds"
    elif not 0 <= stamp[0] < stamp[1]:
        yield f"it starts at {stamp[0]:g} and ends at {stamp[1]:g}"
    elif stamp[1] > duration + _SEAM_S:
        yield f"it ends at {stamp[1]:g}, after the video, which lasts {duration:g} s"


def _span(part: Part, duration_s: float) -> list[float]:
    start, end = round(part.start_s, 3), round(min(part.end_s, duration_s), 3)
    if end <= start:
        raise Unfit(f"its event at {part.start_s:g} s has no length")
    return [start, end]


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _erased(texts: Sequence[str]) -> float:
    """Return the share of letters outside ASCII; 0 if it is below a tenth, too little to lose words."""
    letters = [c for text in texts for c in text if c.isalpha()]
    share = sum(1 for c in letters if not c.isascii()) / len(letters) if letters else 0.0
    return share if share >= 0.1 else 0.0
