"""Plain rows of all data, for programs of your own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.export.base import Row, Sample
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import media_faults
from pipeline.export.formats.lines import Lines as Base


@dataclass(frozen=True, kw_only=True)
class Lines(Base):
    """One JSON object per line: `id`, `video`, `caption`, times, sections, and the measured columns."""

    def rows(self, sample: Sample) -> Sequence[Row]:
        return [row_of(sample)]

    def text_of(self, row: Row) -> str:
        return str(row["caption"])

    def key_of(self, row: Row) -> str | None:
        return None if row.get("id") is None else str(row["id"])

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        if not isinstance(row.get("caption"), str) or not row["caption"].strip():
            yield "it has no caption"
        if not isinstance(row.get("video"), str) or not row["video"]:
            yield "it names no video"
        elif "://" not in row["video"]:
            yield from media_faults([row["video"]], folder, "")


def row_of(sample: Sample) -> dict[str, object]:
    """Return a sample as plain values; every row has the same keys."""
    row = sample.row
    start_s, end_s = sample.span or (0.0, sample.duration_s)
    return {
        "id": sample.key,
        "video_id": sample.video_id,
        "video": sample.media,
        "caption": sample.text,
        "words": len(sample.text.split()),
        "start_s": round(start_s, 6),
        "end_s": round(end_s, 6),
        "duration_s": round(sample.duration_s, 6),
        "segments": [
            {"start_s": round(p.start_s, 6), "end_s": round(p.end_s, 6), "topic": p.topic, "text": p.text}
            for p in sample.parts
        ],
        "source": sample.uri,
        "split": sample.split,
        **{
            name: row[name]
            for name in (
                *("width_px", "height_px", "fps", "codec", "has_audio"),
                *("coverage", "integrity", "motion", "moving_camera", "still", "duplicate", "text_share", "shots"),
            )
        },
        "engine": (row["provenance"] or {}).get("engine"),
        "model": (row["provenance"] or {}).get("model"),
        "metadata": json.dumps(json.loads(row["metadata"] or "{}"), ensure_ascii=False, sort_keys=True),
    }
