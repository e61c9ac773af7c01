"""References and captions from files: the forms of the benchmarks, and plain ones.

| form | looks like |
|---|---|
| ActivityNet Captions | `{"ID": {"duration": s, "timestamps": [[s, s]], "sentences": [""]}}` |
| its submissions | `{"results": {"ID": [{"timestamp": [s, s], "sentence": ""}]}}` |
| YouCook2 | `{"database": {"ID": {"duration": s, "annotations": [{"segment": [s, s], "sentence": ""}]}}}` |
| VidChapters | `{"ID": {"duration": s, "chapters": [{"time": s, "label": ""}]}}` |
| COCO | `{"images": [{"id": "ID", "file_name": ""}], "annotations": [{"image_id": "ID", "caption": ""}]}` |
| VUE-TR | `[{"query_id": "ID", "gt": [[s, s]]}]`, with `answer` in place of `gt` for captions |
| for judges | `key_points`, `subjects`, `questions`, beside a text or without one (`truth`) |
| a mapping | `{"ID": "text"}`, `{"ID": ["text", "text"]}` |
| MSR-VTT | `{"videos": [], "sentences": [{"video_id": "ID", "caption": ""}]}` |
| rows | JSON list, JSONL, CSV, TSV or Parquet with an id, a text, and where known `start`, `end`, `duration` |
| subtitles | SubRip, WebVTT or ASS: the events of the video that the file is called after |
| an output of Longcap | its folder or prefix |
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from operators.core.fingerprint import digest
from operators.core.text import repaired
from pipeline.evaluation.scores.captions import Caption, Event, names_of
from pipeline.evaluation.scores.reading import FILES, PROBLEMS, column_name, read_value
from pipeline.evaluation.scores.truth import NOTHING, Truth, truth_of
from pipeline.terminal.errors import UsageError

_IDS = (
    *("video_id", "query_id", "image_id", "clip_id", "id", "key", "video", "vid", "name", "uri", "path", "file"),
    *("videoid", "video_name", "file_name", "filename", "video_file", "video_path", "youtube_id", "ytid", "clip"),
)
_TEXTS = (
    *("caption", "text", "sentence", "label", "description", "content", "reference", "title", "summary", "title_en"),
    *("long_caption", "caption_text", "video_caption", "transcript"),
)
_SPANS = ("timestamp", "segment", "span", "timestamps")
_STARTS = ("start_s", "start", "begin", "time", "start_time", "t_start", "start_sec", "begin_s", "onset", "from")
_ENDS = ("end_s", "end", "stop", "end_time", "t_end", "end_sec", "stop_s", "offset", "to")
_STARTS_MS, _ENDS_MS = ("start_ms", "begin_ms", "time_ms"), ("end_ms", "stop_ms")
_DURATIONS, _DURATIONS_MS = ("duration_s", "duration", "video_duration", "duration_sec"), ("duration_ms",)
_LISTS = ("events", "sections", "annotations", "segments", "chapters", "clips")
_MANY = ("captions", "references", "texts")
_ANSWERS = ("gt", "answer")
_WRAPPED = ("results", "database", "videos", "data", "predictions")
_FORMS = (
    "known are ActivityNet Captions, YouCook2, VidChapters, VUE-TR, COCO, {id: text}, subtitles, and rows with "
    "an id and a text as JSON, JSONL, CSV, TSV or Parquet (docs/evaluation.md)"
)


@dataclass(frozen=True)
class Reference:
    """One text of a video, of one person or file.

    Attributes:
        text: all of it; where only events have texts, these in order, with spaces between.
        events: in the order of the file; empty where it has no times.
        timed: whether it has times, be it an empty list of them.
        truth: its key points and questions.
        also: another name of its video; "" for none.
    """

    text: str
    events: tuple[Event, ...] = ()
    timed: bool = False
    duration_s: float | None = None
    truth: Truth = NOTHING
    also: str = ""


class References:
    """References by the names that their file gives videos."""

    def __init__(self, found: Mapping[str, Sequence[Reference]], shown: str) -> None:
        self.by_name = {name: tuple(some) for name, some in found.items()}
        self.shown = shown
        self._near: dict[str, str] = {}
        for name, some in self.by_name.items():
            also = {r.also for r in some if r.also}
            for other in (*near_names(name), *(near for one in also for near in near_names(one))):
                self._near.setdefault(other, name)

    def __len__(self) -> int:
        return len(self.by_name)

    def name_of(self, caption: Caption) -> str | None:
        """The name under which they know the video of a caption; None: they do not."""
        for alias in caption.aliases:
            if alias in self.by_name:
                return alias
        return next((self._near[a] for a in caption.aliases if a in self._near), None)


def near_names(name: str) -> tuple[str, ...]:
    """What else a name may be called: a file without its suffix, and `v_ID`, ActivityNet's spelling, without its v_."""
    found = names_of(name, name)
    return tuple(dict.fromkeys([*found, *(other.removeprefix("v_") for other in found)]))


def read_references(uris: Sequence[str]) -> References:
    """All of these files; of a video in several, each is a reference.

    Raises:
        UsageError: one cannot be read, or is in no form that is known.
    """
    found: dict[str, list[Reference]] = {}
    spellings = _Spellings()
    for uri in uris:
        some = False
        for given, reference in _read(uri):
            some = True
            found.setdefault(spellings.of(given), []).append(reference)
        if not some:
            raise UsageError(f"{uri} holds no reference: {_FORMS}")
    return References(found, ", ".join(uris))


class _Spellings:
    """Names of videos, of which x, v_x and x.mp4 are one, but a.mp4 and a.mkv, or a/x and b/x, are two."""

    def __init__(self) -> None:
        self._whole: dict[str, str] = {}
        self._without_suffix: dict[str, str] = {}

    def of(self, name: str) -> str:
        """How the video was called first."""
        folder, _, file = name.rpartition("/")
        whole = f"{folder}/{file.removeprefix('v_')}"
        short = f"{folder}/{names_of('', whole)[-1]}"
        known = self._whole.get(whole) or (self._without_suffix if short == whole else self._whole).get(short)
        if known is None:
            known = self._whole[whole] = name
            self._without_suffix.setdefault(short, name)
        return known


def read_captions(uri: str) -> list[Caption]:
    """The captions of a file, in its order.

    Raises:
        UsageError: as `read_references`; or a video has two captions.
    """
    found: dict[str, Reference] = {}
    spellings = _Spellings()
    for name, one in _read(uri):
        if (known := spellings.of(name)) in found:
            spelled = "" if known == name else f" (as {known!r} and {name!r})"
            raise UsageError(
                f"{uri} has two captions of {known!r}{spelled}; a video can have several references, but one caption"
            )
        found[name] = one
    if not found:
        raise UsageError(f"{uri} holds no caption: {_FORMS}")
    return [_caption(name, one) for name, one in found.items()]


def _caption(name: str, one: Reference) -> Caption:
    from operators.language.sentences import split_sentences

    return Caption(
        video_id=name,
        aliases=tuple(dict.fromkeys((*near_names(name), *(near_names(one.also) if one.also else ())))),
        duration_s=one.duration_s,
        text=one.text,
        events=one.events,
        sentences=tuple((sentence, None) for sentence in split_sentences(one.text)),
        content=digest([name, one.text, [list(e) for e in one.events], one.duration_s]),
    )


def _read(uri: str) -> Iterator[tuple[str, Reference]]:
    if not uri.rstrip("/").lower().endswith(FILES):
        yield from _of_output(uri)
        return
    try:
        value = read_value(uri)
        yield from _of_rows(value) if isinstance(value, Iterator | list) else _of_mapping(value)
    except PROBLEMS as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{uri} cannot be read ({' '.join(str(error).split())[:200]}): {_FORMS}") from None


def _of_output(uri: str) -> Iterator[tuple[str, Reference]]:
    from pipeline.evaluation.scores.captions import COLUMNS, of_row
    from pipeline.output.output import Output

    for batch in Output(uri).store.dataset.batches(list(COLUMNS)):
        for row in batch.to_pylist():
            caption = of_row(row)
            yield caption.video_id, Reference(caption.text, caption.events, True, caption.duration_s)


def _of_mapping(value: Any) -> Iterator[tuple[str, Reference]]:
    if not isinstance(value, dict):
        raise ValueError("it holds neither an object nor a list")
    listed = next((value[k] for k in ("annotations", "sentences") if _has_rows(value.get(k))), None)
    if listed is not None:
        yield from _with_files(_of_rows(listed), value.get("images") or value.get("videos"))
        return
    for key in _WRAPPED:
        if isinstance(value.get(key), dict):
            yield from _of_mapping(value[key])
            return
        if isinstance(value.get(key), list) and value[key] and isinstance(value[key][0], dict):
            yield from _of_rows(value[key])
            return
    for name, one in value.items():
        yield from ((name, reference) for reference in _of_value(name, one))


def _has_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and _first(value[0], _IDS) is not None


def _with_files(found: Iterable[tuple[str, Reference]], listed: Any) -> Iterator[tuple[str, Reference]]:
    """With the file names that COCO's `images` have for the ids of annotations."""
    files: dict[str, str] = {}
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("id") is not None and isinstance(one.get("file_name"), str):
            files[str(one["id"])] = one["file_name"].rsplit("/", 1)[-1]
    for name, reference in found:
        yield name, replace(reference, also=files[name]) if name in files else reference


def _of_value(name: str, one: Any) -> Iterator[Reference]:
    """What a mapping holds under an id."""
    if one is None or isinstance(one, str):
        yield Reference(_clean(one or ""))
    elif isinstance(one, dict):
        yield _reference(one)
    elif not isinstance(one, list):
        raise ValueError(f"{name!r} is {one!r}, neither a text nor an object nor a list")
    elif one and all(isinstance(text, str) for text in one):
        yield from (Reference(_clean(text)) for text in one)
    elif not one or any(_span(part) for part in one if isinstance(part, dict)):
        yield _reference({"events": one})
    else:
        yield from map(_reference, one)


def _of_rows(rows: Iterable[Any]) -> Iterator[tuple[str, Reference]]:
    """Rows of videos; rows of one id that all have a start and an end are events of one text."""
    parts: dict[str, list[dict[str, Any]]] = {}
    asked: dict[str, list[dict[str, Any]]] = {}
    for k, given in enumerate(rows):
        if not isinstance(given, dict):
            raise ValueError(f"row {k} is {type(given).__name__}, not an object")
        row, name = given, _first(given, _IDS)
        if name is None:
            row = {column_name(str(key)): value for key, value in given.items()}
            name = _first(row, _IDS)
        if name is None or name == "":
            raise ValueError(f"row {k} of {', '.join(list(row)[:8])} has no id; one of {', '.join(_IDS)}")
        if isinstance(row.get("question"), str):  # a row a question
            asked.setdefault(str(name), []).append(row)
        elif _span(row) is not None and _first(row, _LISTS) is None:
            parts.setdefault(str(name), []).append(row)
        elif many := _first(row, _MANY):
            yield from ((str(name), Reference(_clean(str(text)))) for text in many)
        else:
            yield str(name), _reference(row)
    for name, events in parts.items():
        yield name, _reference({"events": events, "duration": _duration(events[0])})
    for name, questions in asked.items():
        yield name, _reference({"questions": questions, "duration": _duration(questions[0])})


def _reference(row: Mapping[str, Any]) -> Reference:
    duration = _duration(row)
    events: list[Event] | None = None
    if isinstance(row.get("timestamps"), list) and isinstance(row.get("sentences"), list):
        times, texts = row["timestamps"], row["sentences"]
        if len(times) != len(texts):
            raise ValueError(f"{len(times)} timestamps have {len(texts)} sentences")
        events = [(*_pair(s), _clean(t)) for s, t in zip(times, texts, strict=True)]
    elif (ranges := _first(row, _ANSWERS)) is not None and isinstance(ranges, list):
        events = [(*_pair(span), "") for span in ranges if len(span) == 2]
    elif isinstance(listed := _first(row, _LISTS), list):
        events = _events(listed, duration)
    elif isinstance(listed, dict) and isinstance(row.get("chapters"), dict):  # a title by its time
        events = _events([{"time": time, "label": title} for time, title in listed.items()], duration)
    text = _first(row, _TEXTS)
    joined = " ".join(t for _, _, t in events if t) if events else ""
    truth = truth_of(row)
    if text is None and events is None and not truth and not any(name in row for name in _TEXTS):  # null is empty
        raise ValueError(f"{sorted(row)[:8]} has no text; one of {', '.join(_TEXTS)}")
    return Reference(_clean(str(text)) if text else joined, tuple(events or ()), events is not None, duration, truth)


def _events(listed: Sequence[Mapping[str, Any]], duration: float | None) -> list[Event]:
    starts = [_span(part) for part in listed]
    found = []
    for k, part in enumerate(listed):
        span = starts[k]
        if span is None:
            raise ValueError(f"event {k} has no start and end in seconds")
        start, end = span
        if end is None:  # a chapter lasts until the next one
            after = starts[k + 1][0] if k + 1 < len(listed) and starts[k + 1] else duration  # type: ignore[index]
            end = max(start, after if after is not None else start)
        found.append((start, end, _clean(str(_first(part, _TEXTS) or ""))))
    return found


def _span(row: Mapping[str, Any]) -> tuple[float, float | None] | None:
    """Start and end of an event; the end is None where only a start is given."""
    for name in _SPANS:
        span = row.get(name)
        if isinstance(span, list | tuple) and len(span) == 2 and not isinstance(span[0], list | tuple):
            return _pair(span)
    start, end = _time(row, _STARTS, _STARTS_MS), _time(row, _ENDS, _ENDS_MS)
    if start is None:
        return None
    return (start, end) if end is None or start <= end else (end, start)


def _pair(span: Sequence[Any]) -> tuple[float, float]:
    a, b = _seconds(span[0]), _seconds(span[1])
    return (a, b) if a <= b else (b, a)


def _duration(row: Mapping[str, Any]) -> float | None:
    return _time(row, _DURATIONS, _DURATIONS_MS)


def _time(row: Mapping[str, Any], names: Sequence[str], names_ms: Sequence[str]) -> float | None:
    """Seconds of the first of these that the row has."""
    if (value := _first(row, names)) not in (None, ""):
        return _seconds(value)
    value = _first(row, names_ms)
    return _seconds(value) / 1000 if value not in (None, "") else None


def _seconds(value: Any) -> float:
    """Of a number, or of a text such as 12.5, 1:02, 01:02:03.5 or 01:02:03,500."""
    if type(value) is float and math.isfinite(value):
        return value
    parts = value.strip().replace(",", ".").split(":") if isinstance(value, str) else [value]
    numbers = [float(part) for part in parts]
    if len(numbers) > 3 or not all(map(math.isfinite, numbers)) or any(n < 0 for n in numbers[1:]):
        raise ValueError(f"{value!r} is no time")
    return math.copysign(sum(abs(n) * 60.0**k for k, n in enumerate(reversed(numbers))), numbers[0])


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if (found := row.get(name)) is not None:
            return found
    return None


def _clean(text: str) -> str:
    return repaired(text).strip()
