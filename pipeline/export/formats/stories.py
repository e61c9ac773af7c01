"""Long-form datasets: Vript's scripts, SceneWalk's parallel lists, and documents that alternate clips and texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pipeline.export.base import Row, Sample, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.activitynet import span_faults, title_of
from pipeline.export.formats.conversation import media_faults, safe
from pipeline.export.formats.lines import Lines


@dataclass(frozen=True, kw_only=True)
class Vript(Lines):
    """One object per video: `{"meta": …, "data": {"ID-Scene-001": {…, "caption": {…}, "voiceover": […]}}}`.

    A scene is a section. `content` is its text and `scene_title` its topic; `shot_type` and `camera_movement` are
    empty, since no column has them. Each scene has its times, as in Vript's own cut files.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)

    def rows(self, sample: Sample) -> Sequence[Row]:
        parts = [p for p in sample.parts if p.text]
        if not parts:
            raise Unfit("it has no section with a text")
        title = sample.uri.rsplit("/", 1)[-1]
        meta = {"video_id": sample.key, "video_title": title, "num_clips": len(parts)}
        scenes = {
            f"{sample.key}-Scene-{k:03d}": {
                "video_id": sample.key,
                "clip_id": f"{sample.key}-Scene-{k:03d}",
                "video_title": title,
                "caption": {"shot_type": "", "camera_movement": "", "content": p.text, "scene_title": title_of(p)},
                "voiceover": [],
                "start": round(p.start_s, 3),
                "end": round(p.end_s, 3),
                "duration": round(p.end_s - p.start_s, 3),
            }
            for k, p in enumerate(parts, 1)
        }
        meta |= {"integrity": bool(sample.row["integrity"]), "duration": round(sample.duration_s, 3)}
        return [{"meta": meta, "data": scenes, "video": sample.media}]

    def text_of(self, row: Row) -> str:
        return "\n".join(scene["caption"]["content"] for scene in row["data"].values())

    def key_of(self, row: Row) -> str | None:
        return str((row.get("meta") or {}).get("video_id"))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        meta, data = row.get("meta"), row.get("data")
        if not isinstance(meta, dict) or not isinstance(data, dict) or not data:
            yield "it has no meta, or no data"
            return
        if meta.get("num_clips") != len(data):
            yield f"num_clips is {meta.get('num_clips')} but it has {len(data)} scenes"
        for name, scene in data.items():
            caption = scene.get("caption") if isinstance(scene, dict) else None
            if not isinstance(caption, dict) or not str(caption.get("content") or "").strip():
                yield f"{name} has no caption with content"
            elif "start" in scene:
                for why in span_faults([scene["start"], scene.get("end")], meta.get("duration", 1e12)):
                    yield f"{name}: {why}"


@dataclass(frozen=True, kw_only=True)
class SceneWalk(Lines):
    """A JSON list, one row per video, with parallel lists in order of time: `timestamps`, `captions`.

    Args:
        events: parts to write, "section" or "window".
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)
    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "list"
    suffix: ClassVar[str] = ".json"
    needs_windows: ClassVar[bool] = True

    events: Literal["section", "window"] = "window"

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({"longcap-export.json"})

    def rows(self, sample: Sample) -> Sequence[Row]:
        parts = [p for p in (sample.windows if self.events == "window" else sample.parts) if p.text]
        if not parts:
            raise Unfit(f"it has no {self.events} with a text")
        return [
            {
                "video_id": sample.key,
                "video": sample.media,
                "duration": round(sample.duration_s, 3),
                "timestamps": [[round(p.start_s, 3), round(p.end_s, 3)] for p in parts],
                "captions": [p.text for p in parts],
            }
        ]

    def text_of(self, row: Row) -> str:
        return "\n".join(row["captions"])

    def key_of(self, row: Row) -> str | None:
        return str(row.get("video_id"))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        stamps, texts = row.get("timestamps"), row.get("captions")
        if not isinstance(stamps, list) or not isinstance(texts, list) or len(stamps) != len(texts) or not texts:
            yield "timestamps and captions are not lists of equal length, above 0"
            return
        for k, (stamp, text) in enumerate(zip(stamps, texts, strict=True)):
            yield from (f"clip {k}: {why}" for why in span_faults(stamp, row.get("duration") or 0))
            if not str(text or "").strip():
                yield f"clip {k} has no caption"
        starts = [s[0] for s in stamps if isinstance(s, list) and s]
        if starts != sorted(starts):
            yield "its clips are not in order of time"


@dataclass(frozen=True, kw_only=True)
class Interleaved(Lines):
    """Documents that alternate clips and texts, for COSMO and interleaved pretraining: `content` is a list of parts,
    `{"type": "video", "path", "start_s", "end_s"}` and `{"type": "text", "text"}`.

    Args:
        events: parts to write, "section" or "window".
        opening: whether to begin with the opening of the long caption.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)
    needs_windows: ClassVar[bool] = True

    events: Literal["section", "window"] = "section"
    opening: bool = True

    def rows(self, sample: Sample) -> Sequence[Row]:
        parts = [p for p in (sample.windows if self.events == "window" else sample.parts) if p.text]
        if not parts:
            raise Unfit(f"it has no {self.events} with a text")
        content: list[dict[str, Any]] = []
        if self.opening and sample.opening:
            content.append({"type": "text", "text": safe(sample.opening)})
        for p in parts:
            times = {"start_s": round(p.start_s, 3), "end_s": round(p.end_s, 3)}
            content += [{"type": "video", "path": sample.media, **times}, {"type": "text", "text": safe(p.text)}]
        return [{"id": sample.key, "duration_s": round(sample.duration_s, 3), "content": content}]

    def text_of(self, row: Row) -> str:
        return "\n\n".join(part["text"] for part in row["content"] if part["type"] == "text")

    def key_of(self, row: Row) -> str | None:
        return str(row.get("id"))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        content = row.get("content")
        if not isinstance(content, list) or not content:
            yield "it has no content"
            return
        kinds = [part.get("type") if isinstance(part, dict) else None for part in content]
        if set(kinds) - {"text", "video"} or "video" not in kinds or kinds[-1] != "text":
            yield "its content is not a sequence of video and text parts that ends with a text"
            return
        last = -1.0
        for k, part in enumerate(content):
            if part["type"] == "text":
                if not str(part.get("text") or "").strip():
                    yield f"part {k} is an empty text"
                continue
            yield from (
                f"part {k}: {why}"
                for why in span_faults([part.get("start_s"), part.get("end_s")], row.get("duration_s") or 0)
            )
            if isinstance(part.get("start_s"), int | float):
                if part["start_s"] < last:
                    yield f"part {k} is not in order of time"
                last = part["start_s"]
        yield from media_faults(sorted({p["path"] for p in content if p.get("path")}), folder, "")


@dataclass(frozen=True, kw_only=True)
class Storyboards(Lines):
    """Whole videos with a prompt per range of frames, for generators of long videos (FAR; prompts as in NarrLV):
    `{"video", "prompt", "num_frames", "fps", "prompts": [{"start_frame", "end_frame", "prompt"}]}`.

    Frames are counted in the file. `prompt` is the opening. The ranges are disjoint and in order; a section that
    overlaps the previous one begins where that one ends.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)
    media_facts: ClassVar[bool] = True

    @property
    def limit_tokens(self) -> int:
        return 512  # tokens of one prompt: umT5 in the trainers of Wan

    def rows(self, sample: Sample) -> Sequence[Row]:
        if not sample.frames or sample.frames < 2:
            raise Unfit("its file has no frames")
        prompts: list[dict[str, Any]] = []
        rate = sample.frames / sample.duration_s
        for p in sample.parts:
            start = max(round(p.start_s * rate), prompts[-1]["end_frame"] if prompts else 0)
            end = min(round(p.end_s * rate), sample.frames)
            if p.text and end > start:
                prompts.append({"start_frame": start, "end_frame": end, "prompt": " ".join(p.text.split())})
        if not prompts:
            raise Unfit("it has no section with a text")
        opening = " ".join((sample.opening or sample.text).split())
        size = {"num_frames": sample.frames, "fps": round(sample.fps, 3), "width": sample.width_px}
        return [{"video": sample.media, "prompt": opening, **size, "height": sample.height_px, "prompts": prompts}]

    def text_of(self, row: Row) -> str:
        return str(max((p["prompt"] for p in row["prompts"]), key=len))

    def key_of(self, row: Row) -> str | None:
        return str(row.get("video"))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        prompts, frames = row.get("prompts"), row.get("num_frames")
        if not isinstance(prompts, list) or not prompts or not isinstance(frames, int):
            yield "it has no prompts, or no num_frames"
            return
        last = 0
        for k, p in enumerate(prompts):
            if not str(p.get("prompt") or "").strip():
                yield f"prompt {k} has no text"
            if not last <= p.get("start_frame", -1) < p.get("end_frame", -1) <= frames:
                yield f"prompt {k} is not a range of the {frames} frames that follows the previous one"
                return
            last = p["end_frame"]
        yield from media_faults([str(row.get("video"))], folder, "")
