"""Make samples from rows of an output: videos, sections, sentences or windows, with annotations and media."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

from operators.core.base import Row
from operators.store.reader import TableReader
from pipeline.export import media
from pipeline.export.base import Export, Media, Part, Sample, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.further import rows_of, standing_rows, texts_gone
from pipeline.export.selection import Chosen
from pipeline.export.times import on_clip
from pipeline.output.annotations import corrected, opening_of, standing, without_rejected
from pipeline.output.output import Output
from pipeline.output.windows import window_captions

_VIDEOS_AT_ONCE = 16  # videos whose captions are in memory
_SEAM_S = 1e-6


@dataclass(frozen=True, kw_only=True)
class Making:
    """How samples are made; see `pipeline.export.base` for `unit`, `spans` and `media`. `tables` are further tables."""

    spec: Export
    unit: Unit
    spans: Spans
    media: Media
    tables: Mapping[str, TableReader]
    jobs: int = 2

    @property
    def reads_windows(self) -> bool:
        return self.unit in ("window", "sentence") or self.spec.needs_windows


@dataclass(frozen=True)
class Piece:
    """A sample without its media file; times are seconds of the video."""

    key: str
    span: tuple[float, float] | None
    text: str
    parts: tuple[Part, ...]
    opening: str = ""


@dataclass(frozen=True)
class _Of:
    """Values that all samples of one video share: `whole` is its media file, `before` the uncorrected texts by key."""

    row: Row
    windows: list[Row]
    split: str
    whole: str
    beside: tuple[Row, ...]
    before: Mapping[str, str]


def samples(
    output: Output, chosen: Sequence[Chosen], histories: Mapping[str, list[Row]], making: Making, folder: Folder
) -> Iterator[tuple[str, Sample | Unfit]]:
    """Yield the key and the sample of every unit, ordered by uri and time; `Unfit` if a unit cannot be a sample."""
    with ThreadPoolExecutor(making.jobs, thread_name_prefix="export") as pool:
        for row, original, windows, beside, split in _videos(output, chosen, histories, making):
            pieces = list(pieces_of(row, windows, making.unit))
            if not pieces:
                yield media.key_of(row["video_id"]), Unfit(f"it has no {making.unit} with a text")
                continue
            try:
                whole = _whole(row, split, making, folder)
            except Unfit as why:
                yield media.key_of(row["video_id"]), why
                continue

            was = () if original is row else pieces_of(original, windows, making.unit)
            before = {piece.key: piece.text for piece in was}
            given = _Of(row, windows, split, whole, beside, before)

            def make(piece: Piece, of: _Of = given) -> Sample | Unfit:
                try:
                    return _sample(piece, of, making, folder)
                except Unfit as why:
                    return why

            rest = iter(pieces)
            while some := list(islice(rest, 4 * making.jobs)):
                yield from zip((piece.key for piece in some), pool.map(make, some), strict=True)


def pieces_of(row: Row, windows: Sequence[Row], unit: Unit) -> Iterator[Piece]:
    """Yield the units of one long caption that have a text."""
    key, duration_s = media.key_of(row["video_id"]), row["duration_s"]
    sections = row["sections"] or []
    if unit == "video":
        parts = tuple(_part(s["start_s"], s["end_s"], s["text"], duration_s, topic=s["topic"]) for s in sections)
        if row["caption"]:
            yield Piece(key, None, row["caption"], tuple(p for p in parts if p.text), _opening(row))
    elif unit == "window":
        for w in windows:
            part = _part(w["start_s"], w["end_s"], w["text"], duration_s)
            if part.text:
                yield Piece(f"{key}-w{w['window_index']:06d}", (part.start_s, part.end_s), part.text, (part,))
    spans = {w["window_index"]: (w["start_s"], w["end_s"]) for w in windows}
    for section in sections if unit in ("section", "sentence") else ():
        whole = _part(section["start_s"], section["end_s"], section["text"], duration_s, topic=section["topic"])
        said = tuple(_sentence(s, whole, spans, duration_s) for s in section["sentences"] or ())
        if unit == "section" and whole.text:
            name = f"{key}-s{section['section_index']:04d}"
            yield Piece(name, (whole.start_s, whole.end_s), whole.text, said or (whole,))
        for k, part in enumerate(said) if unit == "sentence" else ():
            if part.text:
                name = f"{key}-s{section['section_index']:04d}-{k:03d}"
                yield Piece(name, (part.start_s, part.end_s), part.text, (part,))


# -- inside ------------------------------------------------------------------------------------------------------------


def _videos(
    output: Output, chosen: Sequence[Chosen], histories: Mapping[str, list[Row]], making: Making
) -> Iterator[tuple[Row, Row, list[Row], tuple[Row, ...], str]]:
    """Yield long captions with and without corrections, their windows, rows of a further table, and the split."""
    for start in range(0, len(chosen), _VIDEOS_AT_ONCE):
        some = {c.video_id: c.split for c in chosen[start : start + _VIDEOS_AT_ONCE]}
        windows = window_captions(output, list(some)) if making.reads_windows else {}
        name = making.spec.reads_table
        beside = rows_of(making.tables[name], list(some)) if name else {}
        found = output.store.dataset.lookup("video_id", *some).to_pylist()
        for row in sorted(found, key=lambda r: (r["uri"], r["video_id"])):
            acts = standing(histories.get(row["video_id"], []), row["content_hash"])
            changed = without_rejected(corrected(row, acts), acts)
            video_id = row["video_id"]
            brought = standing_rows(beside.get(video_id, ()), texts_gone(row, changed))
            yield changed, row, windows.get(video_id, []), brought, some[video_id]


def _whole(row: Row, split: str, making: Making, folder: Folder) -> str:
    """Return the media file of a whole video, copied or linked if requested; "" if only clips are needed."""
    if making.spans == "cut" and making.unit != "video":
        return ""
    if making.media == "path":
        return media.place_of(row["uri"])
    place = making.spec.media_path(media.key_of(row["video_id"]), split, media.suffix_of(row["uri"]))
    if making.spec.needs_files:
        media.bring(row["uri"], folder, place, link=making.media == "link")
    return place


def _sample(piece: Piece, of: _Of, making: Making, folder: Folder) -> Sample:
    spec, row = making.spec, of.row
    cut = making.spans == "cut" and piece.span is not None
    shows = "whole" if cut or piece.span is None else spec.shows
    moved = cut or shows == "clip"
    start_s, end_s = piece.span or (0.0, row["duration_s"])
    if end_s - start_s <= _SEAM_S:
        raise Unfit(f"its span from {start_s:g} to {end_s:g} s is empty")
    place = of.whole
    if cut:
        name = f"{piece.key}-{round(start_s * 1000):09d}-{round(end_s * 1000):09d}"
        place = spec.media_path(name, of.split, ".mp4")
        if spec.needs_files:
            media.cut(row["uri"], (start_s, end_s), row, folder, place, fps=spec.clip_fps)
    shift, length = (start_s, end_s - start_s) if moved else (0.0, row["duration_s"])

    def said(text: str) -> str:
        return on_clip(text, start_s, end_s) if moved else text

    inside = [w for w in of.windows if w["start_s"] < end_s and w["end_s"] > start_s] if spec.needs_windows else []
    made = Sample(
        key=piece.key,
        video_id=row["video_id"],
        uri=row["uri"],
        split=of.split,
        media=place,
        duration_s=length,
        span=None if cut or shows != "whole" else piece.span,
        clip=None if shows == "whole" else piece.span,
        text=said(piece.text),
        parts=tuple(_moved(part, shift, length, moved=moved) for part in piece.parts),
        opening=piece.opening,
        windows=tuple(
            _moved(_part(w["start_s"], w["end_s"], w["text"], row["duration_s"]), shift, length, moved=moved)
            for w in inside
        ),
        row=row,
        beside=of.beside,
        replaced=said(old) if (old := of.before.get(piece.key)) is not None and old != piece.text else None,
        fps=(cut and spec.clip_fps) or row["fps"] or 0.0,
        width_px=row["width_px"] or 0,
        height_px=row["height_px"] or 0,
    )
    if not spec.media_facts:
        return made
    frames, fps, width_px, height_px = media.facts_of(folder, place, relative=made.relative)
    return replace(made, frames=frames, fps=fps, width_px=width_px, height_px=height_px)


def _part(start_s: float, end_s: float, text: str | None, duration_s: float, topic: str | None = None) -> Part:
    return Part(start_s=max(0.0, start_s), end_s=min(end_s, duration_s), text=(text or "").strip(), topic=topic)


def _sentence(sentence: Row, section: Part, windows: Mapping[int, tuple[float, float]], duration_s: float) -> Part:
    """Return a sentence of a section with its corrected times, or else those of the windows that support it."""
    if sentence.get("start_s") is not None:
        return _part(sentence["start_s"], sentence["end_s"], sentence["text"], duration_s)
    spans = merged(windows[w] for w in sentence["windows"] or () if w in windows)
    if not spans:
        return replace(section, text=sentence["text"].strip(), topic=None)
    whole = _part(spans[0][0], spans[-1][1], sentence["text"], duration_s)
    return replace(whole, spans=tuple((max(0.0, a), min(b, duration_s)) for a, b in spans))


def merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return spans in order, with those that touch or overlap merged."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + _SEAM_S:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _moved(part: Part, shift: float, length: float, *, moved: bool) -> Part:
    """Return a part with the times of the clip that begins at `shift`, also in its text."""
    if not moved:
        return part
    return replace(
        part,
        start_s=max(0.0, part.start_s - shift),
        end_s=min(part.end_s - shift, length),
        text=on_clip(part.text, shift, shift + length),
        spans=tuple((max(0.0, a - shift), min(b - shift, length)) for a, b in part.spans),
    )


def _opening(row: Row) -> str:
    opening = opening_of(row)
    sections = row["sections"] or []
    return "" if sections and opening == sections[0]["text"] else opening
