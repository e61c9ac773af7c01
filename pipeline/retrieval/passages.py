"""Searchable texts of an output, each with its span: windows, sections, sentences and rows of further tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest
from pipeline.output.annotations import Annotations, corrected, opening_of, standing, verdict_of, without_rejected
from pipeline.output.current import current_keys
from pipeline.output.output import Output
from pipeline.output.windows import window_captions

VIDEO = "video"
CORE = (VIDEO, "section", "sentence", "window")
"""Levels of passages; a row of a further table has the name of its table as its level."""

_VERSION = 1  # raised when equal rows give different passages
_SPAN = ("start_s", "end_s", "text")


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A searchable text.

    Attributes:
        place: distinguishes passages of one video and level; stays the same if only the text changes.
        start_s, end_s: seconds from the first presented frame.
    """

    video_id: str
    uri: str
    level: str
    place: str
    start_s: float
    end_s: float
    text: str


def stamps(output: Output) -> dict[str, str]:
    """video_id -> a hash that changes whenever a passage of that video may; videos without captions are left out.

    Only keys and hashes are read, no texts.
    """
    segments: dict[str, list[tuple[str, str, int, str]]] = {}
    for batch in output.store.segments.batches(["video_id", "run_id", "key", "segment_index", "content_hash"]):
        for row in batch.to_pylist():
            found = (str(row["run_id"]), row["key"], row["segment_index"], str(row["content_hash"]))
            segments.setdefault(row["video_id"], []).append(found)
    narrated: dict[str, str] = {}
    for batch in output.store.dataset.batches(["video_id", "content_hash"]):
        for row in batch.to_pylist():
            narrated[row["video_id"]] = str(row["content_hash"])
    beside: dict[str, list[str]] = {}
    for name in searchable(output):
        for batch in output.store.derived[name].batches(["video_id", "key", "content_hash"]):
            for row in batch.to_pylist():
                beside.setdefault(row["video_id"], []).append(f"{name} {row['key']} {row['content_hash']}")
    acts = _histories(output)
    away = set(output.store.filtered_videos())
    current = current_keys(
        output.store, {v: {(run_id, key) for run_id, key, _, _ in some} for v, some in segments.items()}
    )
    made = {}
    for video_id in (set(segments) | set(narrated)) - away:
        kept = standing(acts.get(video_id, []), narrated.get(video_id))
        if verdict_of(kept) == "reject":
            continue
        some = segments.get(video_id, [])
        parts = sorted((index, content) for _, key, index, content in some if key == current.get(video_id))
        marks = [a["annotation_id"] for a in kept if a["kind"] != "note"]
        made[video_id] = digest([_VERSION, narrated.get(video_id), parts, sorted(beside.get(video_id, ())), marks])
    return made


def passages(output: Output, video_ids: Sequence[str]) -> Iterator[Passage]:
    """Yield the passages of some videos, annotations applied; each has one of level `video`, maybe without text."""
    narrated = {r["video_id"]: r for r in output.store.dataset.lookup("video_id", *video_ids).to_pylist()}
    facts = output.store.videos.lookup("video_id", *video_ids, columns=["video_id", "uri", "duration_s"]).to_pylist()
    uris = {row["video_id"]: row for row in facts}
    windows = window_captions(output, video_ids)
    acts = _histories(output) if narrated else {}
    for video_id in video_ids:
        video = narrated.get(video_id) or uris.get(video_id)
        if video is None:
            continue
        if video_id in narrated:
            kept = standing(acts.get(video_id, []), video["content_hash"])
            video = without_rejected(corrected(video, kept), kept)
        yield from _of_video(video, windows.get(video_id, []))
    for name, columns in searchable(output).items():
        for row in output.store.derived[name].lookup("video_id", *video_ids).to_pylist():
            uri = uris.get(row["video_id"], {}).get("uri", "")
            yield from _of_row(row, name, columns, uri)


def _of_video(video: Row, windows: Sequence[Row]) -> Iterator[Passage]:
    end_s = float(video["duration_s"] or 0.0)
    same = {"video_id": video["video_id"], "uri": video["uri"]}
    sections = video.get("sections") or []
    opening = opening_of(video) if video.get("caption") else ""
    topics = "; ".join(s["topic"] for s in sections if s["topic"])
    yield Passage(
        **same, level=VIDEO, place="", start_s=0.0, end_s=end_s, text="\n".join(t for t in (opening, topics) if t)
    )
    spans = {w["window_index"]: (w["start_s"], w["end_s"]) for w in windows}
    for s in sections:
        number, own = s["section_index"], (s["start_s"], s["end_s"])
        if s["text"]:
            yield _made(same, "section", str(number), own, s["text"])
        for k, sentence in enumerate(s["sentences"] or ()):
            cited = [spans[w] for w in sentence["windows"] or () if w in spans]
            span = (min(a for a, _ in cited), max(b for _, b in cited)) if cited else own
            if sentence.get("start_s") is not None:
                span = (sentence["start_s"], sentence["end_s"])
            if sentence["text"]:
                yield _made(same, "sentence", f"{number}.{k}", span, sentence["text"])
    for w in windows:
        if w["text"]:
            yield _made(same, "window", str(w["window_index"]), (w["start_s"], w["end_s"]), w["text"])


def _of_row(row: Row, table: str, columns: Iterable[str], uri: str) -> Iterator[Passage]:
    same, of = {"video_id": row["video_id"], "uri": uri}, row.get("segment_index")
    for column in columns:
        if column == "text":
            found = [row]
        else:
            found = [item for item in row[column] or () if item is not None and item.get("valid") is not False]
        for k, item in enumerate(found):
            if item["text"] and item["start_s"] is not None and item["end_s"] is not None:
                place = f"{of}.{column}.{k}"
                yield _made(same, table, place, (item["start_s"], item["end_s"]), item["text"])


def _made(same: Mapping[str, str], level: str, place: str, span: tuple[float, float], text: str) -> Passage:
    return Passage(**same, level=level, place=place, start_s=float(span[0]), end_s=float(span[1]), text=text.strip())


def searchable(output: Output) -> dict[str, list[str]]:
    """Further table -> its columns of texts with spans: `text` beside `start_s` and `end_s`, or lists of such."""
    found = {}
    for name, table in output.store.derived.items():
        columns = [f.name for f in table.schema if _is_spans(f.type)]
        if set(_SPAN) <= set(table.schema.names) and pa.types.is_string(table.schema.field("text").type):
            columns.append("text")
        if columns and "video_id" in table.schema.names and name not in CORE:
            found[name] = columns
    return found


def _is_spans(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)):
        return False
    fields = {f.name: f.type for f in kind.value_type}
    return set(_SPAN) <= set(fields) and pa.types.is_string(fields["text"])


def _histories(output: Output) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in Annotations(output.store).all().to_pylist():
        found.setdefault(row["video_id"], []).append(row)
    return found
