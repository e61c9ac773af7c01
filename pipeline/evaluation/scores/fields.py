"""Names and values of the fields of references: ids, texts, times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from operators.core.text import repaired

IDS = (
    *("video_id", "query_id", "image_id", "clip_id", "id", "key", "video", "vid", "name", "uri", "path", "file"),
    *("videoid", "video_name", "file_name", "filename", "video_file", "video_path", "youtube_id", "ytid", "clip"),
)
TEXTS = (
    *("caption", "text", "sentence", "label", "description", "content", "reference", "title", "summary", "title_en"),
    *("long_caption", "caption_text", "video_caption", "transcript"),
)
_SPANS = ("timestamp", "segment", "span", "timestamps")
_LISTS_OF_SPANS = (*_SPANS, "segments", "spans")
_STARTS = ("start_s", "start", "begin", "time", "start_time", "t_start", "start_sec", "begin_s", "onset", "from")
_ENDS = ("end_s", "end", "stop", "end_time", "t_end", "end_sec", "stop_s", "offset", "to")
_STARTS_MS, _ENDS_MS = ("start_ms", "begin_ms", "time_ms"), ("end_ms", "stop_ms")
_DURATIONS, _DURATIONS_MS = ("duration_s", "duration", "video_duration", "duration_sec"), ("duration_ms",)
LISTS = ("events", "sections", "annotations", "segments", "chapters", "clips")
MANY = ("captions", "references", "texts")
ANSWERS = ("gt", "answer")


def span_of(row: Mapping[str, Any]) -> tuple[float, float | None] | None:
    """Return start and end of an event; the end is None if only a start is given."""
    for name in _SPANS:
        span = row.get(name)
        if isinstance(span, list | tuple) and len(span) == 2 and not isinstance(span[0], list | tuple):
            return pair(span)
    start, end = _time(row, _STARTS, _STARTS_MS), _time(row, _ENDS, _ENDS_MS)
    if start is None:
        return None
    return (start, end) if end is None or start <= end else (end, start)


def spans_of(row: Mapping[str, Any]) -> list[Any] | None:
    """Return the spans of a row's texts, which are in a list beside them; None if it has no such list."""
    found = (row.get(name) for name in _LISTS_OF_SPANS)
    return next((v for v in found if isinstance(v, list) and all(isinstance(one, list | tuple) for one in v)), None)


def pair(span: Any) -> tuple[float, float]:
    """Return start and end in seconds, the earlier one first."""
    a, b = _times(span)
    return (a, b) if a <= b else (b, a)


def _times(span: Any) -> tuple[float, float]:
    if not isinstance(span, list | tuple) or len(span) != 2:
        raise ValueError(f"{span!r:.60} is not a pair of start and end")
    return _seconds(span[0]), _seconds(span[1])


def is_reversed(span: Any) -> bool:
    """Whether a span ends before it starts, also in whole seconds. VUE-TR drops such an answer."""
    start, end = _times(span)
    return math.floor(start) > math.ceil(end)


def duration_of(row: Mapping[str, Any]) -> float | None:
    """Return the duration of the video; None if unknown, which pandas writes as NaN."""
    known = {name: value for name in (*_DURATIONS, *_DURATIONS_MS) if not _says_nan(value := row.get(name))}
    return _time(known, _DURATIONS, _DURATIONS_MS)


def _says_nan(value: Any) -> bool:
    return is_nan(value) or (isinstance(value, str) and value.strip().lower() == "nan")


def _time(row: Mapping[str, Any], names: Sequence[str], names_ms: Sequence[str]) -> float | None:
    """Return the first of these values that the row has, in seconds."""
    if (value := first(row, names)) not in (None, ""):
        return _seconds(value)
    value = first(row, names_ms)
    return _seconds(value) / 1000 if value not in (None, "") else None


def _seconds(value: Any) -> float:
    """Parse seconds from a number or a text such as 12.5, 1:02, 01:02:03.5 or 01:02:03,500."""
    if type(value) is float and math.isfinite(value):
        return value
    if not isinstance(value, str | int | float):
        raise ValueError(f"{value!r:.60} is not a time")
    parts = value.strip().replace(",", ".").split(":") if isinstance(value, str) else [value]
    numbers = [float(part) for part in parts]
    if len(numbers) > 3 or not all(map(math.isfinite, numbers)) or any(n < 0 for n in numbers[1:]):
        raise ValueError(f"{value!r} is not a time")
    return math.copysign(sum(abs(n) * 60.0**k for k, n in enumerate(reversed(numbers))), numbers[0])


def first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return the value of the first of these names that is not null; None if all are."""
    for name in names:
        if (found := row.get(name)) is not None:
            return found
    return None


def clean(value: Any) -> str:
    """Return a text or number as a text; missing values, including those of pandas, become empty.

    Raises:
        ValueError: it is neither, such as a list, whose brackets would be scored as words.
    """
    if value is None or is_nan(value):
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f"{value!r:.60} is not a text; several texts are a list of texts, or of objects with times")
    return repaired(str(value)).strip()


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def id_text(value: Any) -> str:
    """Return an id; pandas turns 7 into 7.0 if another row of the column has none.

    Raises:
        ValueError: it is a list or an object.
    """
    if isinstance(value, list | dict):
        raise ValueError(f"{value!r:.60} is not an id; an id is a text or a number")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
