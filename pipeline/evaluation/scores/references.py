"""References and captions from files, in the formats of benchmarks and in plain ones.

| form | contents |
|---|---|
| ActivityNet Captions | `{"ID": {"duration": s, "timestamps": [[s, s]], "sentences": [""]}}` |
| its submissions | `{"results": {"ID": [{"timestamp": [s, s], "sentence": ""}]}}` |
| YouCook2 | `{"database": {"ID": {"duration": s, "annotations": [{"segment": [s, s], "sentence": ""}]}}}` |
| VidChapters | `{"ID": {"duration": s, "chapters": [{"time": s, "label": ""}]}}` |
| COCO | `{"images": [{"id": "ID", "file_name": ""}], "annotations": [{"image_id": "ID", "caption": ""}]}` |
| VUE-TR | `[{"query_id": "ID", "gt": [[s, s]]}]`, with `answer` in place of `gt` for captions |
| for judges | `key_points`, `subjects`, `questions`, with or without a text (`truth`) |
| a mapping | `{"ID": "text"}`, `{"ID": ["text", "text"]}` |
| SceneWalk | `[{"video_id": "ID", "duration": s, "timestamps": [[s, s]], "captions": [""]}]` |
| MSR-VTT | `{"videos": [], "sentences": [{"video_id": "ID", "caption": ""}]}` |
| rows | JSON object or list, JSONL, CSV, TSV or Parquet with an id, a text, and optionally `start`, `end`, `duration` |
| subtitles | SubRip, WebVTT or ASS: the events of the video after which the file is named |
| an output of Longcap | its folder or prefix |

A list of texts is several references; a list of texts beside as many spans, or of objects with times, is events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from operators.core.fingerprint import digest
from pipeline.evaluation.scores.captions import Caption, Event, names_of
from pipeline.evaluation.scores.fields import (
    ANSWERS,
    IDS,
    LISTS,
    MANY,
    TEXTS,
    clean,
    duration_of,
    first,
    id_text,
    is_nan,
    is_reversed,
    pair,
    span_of,
    spans_of,
)
from pipeline.evaluation.scores.reading import FILES, PROBLEMS, column_name, form_of, read_value
from pipeline.evaluation.scores.truth import NOTHING, Truth, truth_of
from pipeline.terminal.errors import UsageError

_CONTENTS = (*TEXTS, *MANY, *LISTS, *ANSWERS, "timestamps", "key_points", "subjects", "questions", "question")
_WRAPPED = ("results", "database", "videos", "data", "predictions")
_FORMS = (
    "known are ActivityNet Captions, YouCook2, VidChapters, VUE-TR, COCO, {id: text}, subtitles, and rows with "
    "an id and a text as JSON, JSONL, CSV, TSV or Parquet (docs/evaluation.md)"
)


@dataclass(frozen=True)
class Reference:
    """One text about a video, from one person or file.

    Attributes:
        text: the whole text; if only events have texts, these in order, separated by spaces.
        events: events in the order of the file; empty without times.
        timed: whether it has times, even if the list is empty.
        truth: its key points and questions.
        whole_seconds: whether ranges of captions are extended to whole seconds before they are compared, as in VUE-TR.
        also: another name of its video; "": none.
    """

    text: str
    events: tuple[Event, ...] = ()
    timed: bool = False
    duration_s: float | None = None
    truth: Truth = NOTHING
    whole_seconds: bool = False
    also: str = ""


@dataclass
class ReferenceFile:
    """One file or output of references.

    Attributes:
        uri: the location as it was given.
        form: as from `reading.form_of`.
        references, events: numbers of each; a video counts once per reference.
    """

    uri: str
    form: str
    references: int = 0
    events: int = 0


class References:
    """References by the names of videos in their files, and the files that they come from."""

    def __init__(self, found: Mapping[str, Sequence[Reference]], files: Sequence[ReferenceFile]) -> None:
        self.by_name = {name: tuple(some) for name, some in found.items()}
        self.files = tuple(files)
        self._near: dict[str, str] = {}
        for name, some in self.by_name.items():
            also = {r.also for r in some if r.also}
            for other in (*near_names(name), *(near for one in also for near in near_names(one))):
                self._near.setdefault(other, name)

    def __len__(self) -> int:
        return len(self.by_name)

    def name_of(self, caption: Caption) -> str | None:
        """Return the name of a caption's video in the references; None if they do not have it."""
        for alias in caption.aliases:
            if alias in self.by_name:
                return alias
        return next((self._near[a] for a in caption.aliases if a in self._near), None)


def near_names(name: str) -> tuple[str, ...]:
    """Return variants of a name: a file without its suffix, and `v_ID`, ActivityNet's spelling, without its v_."""
    found = names_of(name, name)
    return tuple(dict.fromkeys([*found, *(other.removeprefix("v_") for other in found)]))


def read_references(uris: Sequence[str]) -> References:
    """Read all of these files; a video in several files has several references.

    Raises:
        UsageError: a file cannot be read or has an unknown format.
    """
    found: dict[str, list[Reference]] = {}
    spellings = _Spellings()
    files = [ReferenceFile(uri, form_of(uri)) for uri in uris]
    for file in files:
        for given, reference in _read(file.uri):
            file.references += 1
            file.events += len(reference.events)
            found.setdefault(spellings.of(given), []).append(reference)
        if not file.references:
            raise UsageError(f"{file.uri} contains no references; {_FORMS}")
    return References(found, files)


class _Spellings:
    """Unifies names of videos: x, v_x and x.mp4 are one name, but a.mp4 and a.mkv, or a/x and b/x, are two."""

    def __init__(self) -> None:
        self._whole: dict[str, str] = {}
        self._without_suffix: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the first spelling of a video's name."""
        folder, _, file = name.rpartition("/")
        whole = f"{folder}/{file.removeprefix('v_')}"
        short = f"{folder}/{names_of('', whole)[-1]}"
        known = self._whole.get(whole) or (self._without_suffix if short == whole else self._whole).get(short)
        if known is None:
            known = self._whole[whole] = name
            self._without_suffix.setdefault(short, name)
        return known


def read_captions(uri: str) -> list[Caption]:
    """Read the captions of a file, in its order.

    Raises:
        UsageError: as in `read_references`, or a video has two captions.
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
        raise UsageError(f"{uri} contains no captions; {_FORMS}")
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
        raise UsageError(f"{uri} cannot be read ({' '.join(str(error).split())[:200]}); {_FORMS}") from None


def _of_output(uri: str) -> Iterator[tuple[str, Reference]]:
    from pipeline.evaluation.scores.captions import COLUMNS, of_row
    from pipeline.output.output import Output

    for batch in Output(uri).store.dataset.batches(list(COLUMNS)):
        for row in batch.to_pylist():
            caption = of_row(row)
            yield caption.video_id, Reference(caption.text, caption.events, True, caption.duration_s)


def _of_mapping(value: Any) -> Iterator[tuple[str, Reference]]:
    if not isinstance(value, dict):
        raise ValueError("it contains neither an object nor a list")
    listed = next((value[k] for k in ("annotations", "sentences") if _has_rows(value, k)), None)
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
    if first(value, IDS) is not None and first(value, _CONTENTS) is not None:
        if isinstance(first(value, IDS), list | dict):
            raise ValueError("it has a list per column; write an object per video, in pandas with orient='records'")
        yield from _of_rows([value])
        return
    for name, one in value.items():
        yield from ((name, reference) for reference in _of_value(name, one))


def _has_rows(value: Mapping[str, Any], key: str) -> bool:
    """Whether the list under `key` has rows with ids, rather than the events of a video, which may be numbered too."""
    rows = value.get(key)
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and _rank(rows[0]) < _rank(value)


def _rank(row: Mapping[str, Any]) -> int:
    """Return the place of the row's id in `IDS`; their number if it has none."""
    return next((k for k, name in enumerate(IDS) if row.get(name) is not None), len(IDS))


def _with_files(found: Iterable[tuple[str, Reference]], listed: Any) -> Iterator[tuple[str, Reference]]:
    """Add the file names that COCO's `images` give for the ids of annotations."""
    files: dict[str, str] = {}
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("id") is not None and isinstance(one.get("file_name"), str):
            files[str(one["id"])] = one["file_name"].rsplit("/", 1)[-1]
    for name, reference in found:
        yield name, replace(reference, also=files[name]) if name in files else reference


def _of_value(name: str, one: Any) -> Iterator[Reference]:
    """Yield the references under one id of a mapping."""
    if one is None or isinstance(one, str):
        yield Reference(clean(one))
    elif isinstance(one, dict):
        yield from _references(one)
    elif not isinstance(one, list):
        raise ValueError(f"{name!r} is {one!r}; it must be a text, an object or a list")
    elif not one or _have_spans(one):
        yield _reference({"events": one})
    else:
        for part in one:
            yield from _references(part if isinstance(part, dict) else {"caption": part})


def _have_spans(parts: Sequence[Any]) -> bool:
    return any(span_of(part) is not None for part in parts if isinstance(part, dict))


def _of_rows(rows: Iterable[Any]) -> Iterator[tuple[str, Reference]]:
    """Yield references from rows; rows of one id that all have a start and an end are events of one text."""
    parts: dict[str, list[dict[str, Any]]] = {}
    asked: dict[str, list[dict[str, Any]]] = {}
    for k, given in enumerate(rows):
        if not isinstance(given, dict):
            raise ValueError(f"row {k} is {type(given).__name__}, not an object")
        row, name = given, _id(given)
        if name is None:
            row = {column_name(str(key)): value for key, value in given.items()}
            name = _id(row)
        if name is None or name == "" or is_nan(name):
            raise ValueError(f"row {k} of {', '.join(list(row)[:8])} has no id under one of {', '.join(IDS)}")
        if isinstance(row.get("question"), str):  # one row per question
            asked.setdefault(id_text(name), []).append(row)
        elif span_of(row) is not None and first(row, LISTS) is None:
            parts.setdefault(id_text(name), []).append(row)
        else:
            yield from ((id_text(name), reference) for reference in _references(row))
    for name, events in parts.items():
        yield name, _reference({"events": events, "duration": duration_of(events[0])})
    for name, questions in asked.items():
        yield name, _reference({"questions": questions, "duration": duration_of(questions[0])})


def _id(row: Mapping[str, Any]) -> Any:
    """Return the id of a row; of ranges it is that of their query, since VUE-TR has several queries about a video."""
    query = row.get("query_id")
    return query if query is not None and isinstance(first(row, ANSWERS), list) else first(row, IDS)


def _references(row: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield the references of an object: one, or one per text of a list, each with the events of the object.

    Texts beside as many spans, and objects with times, are events themselves.
    """
    name = next((n for n in MANY if row.get(n)), None)
    name = name or next((n for n in (*TEXTS, *MANY) if row.get(n) is not None), None)
    held = None if name is None else row[name]
    spans, sentences = spans_of(row), row.get("sentences")
    if isinstance(held, str) and spans is not None and len(spans) == 1:
        held = [held]
    if spans is not None and isinstance(sentences, list):
        row = {**row, "events": _timed(spans, sentences)}
    elif isinstance(held, list) and spans is not None and (spans or not held):
        row, held = {**row, "events": _timed(spans, held)}, None
    elif isinstance(held, list) and _have_spans(held):
        row, held = {**row, "events": held}, None
    texts = held if isinstance(held, list) and held else [None if held == [] else held]
    for k, text in enumerate(texts):
        one = _reference(row if name is None else {**row, "caption": clean(text)})
        yield replace(one, truth=NOTHING) if k else one  # questions are asked once


def _timed(spans: Sequence[Any], texts: Sequence[Any]) -> list[dict[str, Any]]:
    if len(spans) != len(texts):
        raise ValueError(f"{len(spans)} spans have {len(texts)} texts")
    return [{"segment": pair(span), "text": text} for span, text in zip(spans, texts, strict=True)]


def _reference(row: Mapping[str, Any]) -> Reference:
    """Return the reference of an object with one text or none."""
    duration = duration_of(row)
    events: list[Event] | None = None
    ranges, listed = first(row, ANSWERS), first(row, LISTS)
    if isinstance(ranges, list):
        events = [(*pair(s), "") for s in ranges if s != [] and not (ranges is row.get("answer") and is_reversed(s))]
    elif isinstance(listed, list):
        events = _events(listed, duration)
    elif isinstance(listed, dict) and isinstance(row.get("chapters"), dict):  # titles by their times
        events = _events([{"time": time, "label": title} for time, title in listed.items()], duration)
    text = clean(first(row, TEXTS))
    joined = " ".join(t for _, _, t in events if t) if events else ""
    truth = truth_of(row)
    if (
        not text and events is None and not truth and not any(name in row for name in (*TEXTS, *MANY))
    ):  # null: empty text
        raise ValueError(f"{sorted(row)[:8]} has no text under one of {', '.join(TEXTS)}")
    whole = isinstance(row.get("gt"), list)
    return Reference(text or joined, tuple(events or ()), events is not None, duration, truth, whole)


def _events(listed: Sequence[Any], duration: float | None) -> list[Event]:
    starts = [span_of(part) if isinstance(part, dict) else None for part in listed]
    found = []
    for k, part in enumerate(listed):
        span = starts[k]
        if span is None:
            raise ValueError(f"event {k} has no start and end in seconds: {part!r:.60}")
        start, end = span
        if end is None:  # a chapter lasts until the next one
            after = starts[k + 1][0] if k + 1 < len(listed) and starts[k + 1] else duration  # type: ignore[index]
            end = max(start, after if after is not None else start)
        found.append((start, end, clean(first(part, (*TEXTS, *MANY)))))
    return found
