"""Rows of generated tables: any table as it is, summaries with frame masks (VideoXum), dialogues in time (DisTime)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pipeline.export.base import Export, Row, Sample, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.activitynet import span_faults
from pipeline.export.formats.conversation import media_faults, order_faults, safe, tags_in, turn_faults
from pipeline.export.formats.lines import Lines
from pipeline.export.further import items_of

_OWN = ("key", "content_hash", "run_id", "host", "timings", "video_id", "uri")
TIME_STAMP = "<TIME_STAMP>"
"""DisTime's token for one span in `tgt`."""


@dataclass(frozen=True, kw_only=True)
class OfTable(Export):
    """A target whose rows come from a further table; one sample is a whole video.

    Args:
        table: name of the table.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)

    table: str = ""

    @property
    def reads_table(self) -> str:
        return self.table


@dataclass(frozen=True, kw_only=True)
class Records(OfTable, Lines):
    """Rows of a further table as JSON lines: `id`, `video`, `video_id`, `duration_s`, `split`, and the columns of the
    table; with `items`, one line per item.

    Args:
        table: name of the table, such as `questions`, `subcaptions` or `chapters`.
        items: a list column of the table whose items count as its rows.
    """

    table: str = "subcaptions"
    items: str = "items"

    def rows(self, sample: Sample) -> Sequence[Row]:
        whole = {"video": sample.media, "video_id": sample.video_id, "duration_s": round(sample.duration_s, 6)}
        whole["split"] = sample.split
        return [
            {
                "id": f"{sample.key}-r{k:05d}",
                **whole,
                **{n: v for n, v in row.items() if n not in {*_OWN, *whole, "id"}},
            }
            for k, row in enumerate(items_of(sample, self.table, self.items))
        ]

    def text_of(self, row: Row) -> str:
        return "\n".join(
            v for n, v in row.items() if isinstance(v, str) and n not in ("id", "video", "video_id", "split")
        )

    def key_of(self, row: Row) -> str | None:
        return None if row.get("id") is None else str(row["id"])

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        if not isinstance(row.get("video"), str) or not row["video"]:
            yield "it names no video"
        elif "://" not in row["video"]:
            yield from media_faults([row["video"]], folder, "")
        if row.get("start_s") is not None:
            yield from span_faults([row["start_s"], row.get("end_s")], row.get("duration_s") or 0)


@dataclass(frozen=True, kw_only=True)
class VideoXum(OfTable, Lines):
    """VideoXum's annotation files, a JSON list: `sampled_frames` at 1 frame per second, `timestamps` and `tsum` of the
    segments, `vsum` and `vsum_onehot` with one annotator.

    Args:
        table: a table made by the operator `highlights` with `fps=1`.
    """

    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "list"
    suffix: ClassVar[str] = ".json"

    table: str = "highlights"

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({"longcap-export.json"})

    def rows(self, sample: Sample) -> Sequence[Row]:
        if len(sample.beside) != 1:
            raise Unfit(f"table {self.table} has no row of the video")
        row = sample.beside[0]
        items, mask = row.get("items") or (), row.get("mask")
        if not isinstance(mask, list) or row.get("mask_fps") != 1.0:
            raise Unfit(f"table {self.table} has no mask at 1 frame per second; make it with highlights and fps=1")
        if not items:
            raise Unfit("no part of it was chosen")
        return [
            {
                "video_id": sample.key,
                "video": sample.media,
                "duration": round(sample.duration_s, 3),
                "sampled_frames": len(mask),
                "timestamps": [[round(i["event_start_s"], 3), round(i["event_end_s"], 3)] for i in items],
                "tsum": [i["text"] for i in items],
                "vsum": [[[round(i["start_s"], 3), round(i["end_s"], 3)]] for i in items],
                "vsum_onehot": [[int(value) for value in mask]],
            }
        ]

    def text_of(self, row: Row) -> str:
        return " ".join(row["tsum"])

    def key_of(self, row: Row) -> str | None:
        return str(row.get("video_id"))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        duration = row.get("duration")
        masks, frames = row.get("vsum_onehot"), row.get("sampled_frames")
        lists = [row.get(name) for name in ("timestamps", "tsum", "vsum")]
        if not isinstance(duration, int | float) or not duration > 0:
            yield f"duration is {duration!r:.40}; it must be seconds above 0"
            return
        if not all(isinstance(some, list) and some for some in lists) or len({len(some or ()) for some in lists}) != 1:
            yield "timestamps, tsum and vsum are not lists of equal length, above 0"
            return
        if frames not in (math.floor(duration), math.ceil(duration), round(duration)):
            yield f"sampled_frames is {frames!r}, and the video lasts {duration:g} s at 1 frame per second"
        if not isinstance(masks, list) or not masks or not all(isinstance(m, list) and len(m) == frames for m in masks):
            yield "vsum_onehot is not a list of masks with sampled_frames values each"
        elif not all(any(m) and set(m) <= {0, 1} for m in masks):
            yield "a mask of vsum_onehot chooses no frame, or has values other than 0 and 1"
        for k, stamp in enumerate(row["timestamps"]):
            yield from (f"segment {k}: {why}" for why in span_faults(stamp, duration))
            for span in row["vsum"][k] if isinstance(row["vsum"][k], list) else ():
                yield from (f"vsum of segment {k}: {why}" for why in span_faults(span, duration))


@dataclass(frozen=True, kw_only=True)
class DisTime(OfTable, Lines):
    """DisTime's dialogues: `conversations`, in which `<TIME_STAMP>` stands for a span, and `tgt`, the flat list of the
    starts and ends of these spans in order; `scores` has one value per span, null if it was not measured.

    Args:
        table: a table made by the operator `dialogues`.
    """

    table: str = "dialogues"

    def rows(self, sample: Sample) -> Sequence[Row]:
        found = []
        for k, item in enumerate(items_of(sample, self.table)):
            turns, spans = item.get("turns"), item.get("spans")
            if not turns or not spans:
                raise Unfit(f"table {self.table} has no turns and spans in row {k} of the video")
            said = [{"from": "human" if t["role"] == "user" else "gpt", "value": _placed(t["text"])} for t in turns]
            said[0]["value"] = f"<video>\n{said[0]['value']}"
            found.append(
                {
                    "id": f"{sample.key}-d{k:04d}",
                    "video": sample.media,
                    "duration": round(sample.duration_s, 3),
                    "tgt": [round(s[name], 3) for s in spans for name in ("start_s", "end_s")],
                    "scores": [s.get("score") for s in spans],
                    "conversations": said,
                }
            )
        return found

    def text_of(self, row: Row) -> str:
        return "\n".join(turn["value"] for turn in row["conversations"])

    def key_of(self, row: Row) -> str | None:
        return None if row.get("id") is None else str(row["id"])

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        faults: list[str] = []
        roles = {"human": "user", "gpt": "assistant"}
        turns = turn_faults(row.get("conversations"), ("from", "value"), roles, faults)
        yield from faults
        if turns:
            yield from order_faults(turns)
            if tags_in([text for _, text in turns])["<video>"] != 1 or not turns[0][1].startswith("<video>\n"):
                yield "its first turn does not begin with its only <video>"
        times = row.get("tgt")
        if not isinstance(times, list) or len(times) % 2:
            yield f"tgt is {times!r:.40}; it must be a flat list of starts and ends"
            return
        marks = sum(text.count(TIME_STAMP) for _, text in turns)
        if turns and marks * 2 != len(times):
            yield f"its turns have {marks} {TIME_STAMP}, and tgt has {len(times) / 2:g} spans"
        for k in range(0, len(times), 2):
            yield from span_faults(times[k : k + 2], row.get("duration") or 1e12)
        yield from media_faults([str(row.get("video"))], folder, "")


def _placed(text: Any) -> str:
    """Return a turn with DisTime's token for each mark; tokens in the text itself are neutralised."""
    return "".join(
        TIME_STAMP if k % 2 else safe(part).replace(TIME_STAMP, "[TIME_STAMP]")
        for k, part in enumerate(_split(str(text)))
    )


def _split(text: str) -> Iterator[str]:
    parts = text.split("<time>")
    yield parts[0]
    for part in parts[1:]:
        yield "<time>"
        yield part
