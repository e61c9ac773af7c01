"""Messages whose content is a list of parts: axolotl, and chat templates of Hugging Face processors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pipeline.export.base import Row, Sample, Seen
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import Conversation, media_faults, order_faults

_PARTS = ("text", "video", "image", "audio")


@dataclass(frozen=True, kw_only=True)
class Messages(Conversation):
    """axolotl and processors of transformers: rows of `messages` whose content is a list of parts.

    Args:
        video_key: key of a video part: "path" (axolotl), "url" or "video" (qwen-vl-utils).
        native_spans: with `video_key="video"`, write a span as `video_start` and `video_end`, which qwen-vl-utils
            reads, and use the prompt for a whole video.
        native_times: what times in answers count from with `native_spans`: "video": the start of the video, as the
            times that Qwen3-VL reads beside the frames do; "clip": `video_start`, for Qwen2.5-VL and others, which
            read no times, or times from 0.
    """

    version: ClassVar[int] = 2

    video_key: Literal["path", "url", "video"] = "path"
    native_spans: bool = False
    native_times: Literal["video", "clip"] = "video"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.native_spans and self.video_key != "video":
            raise ValueError("native_spans needs video_key=video: only qwen-vl-utils reads video_start and video_end")

    @property
    def shows(self) -> Seen:
        if not self.native_spans:
            return "whole"
        return "part" if self.native_times == "video" else "clip"

    def rows(self, sample: Sample) -> Sequence[Row]:
        return [self._row(sample, *pair) for pair in self.pairs(sample)]

    def _row(self, sample: Sample, key: str, asked: str, said: str) -> Row:
        video: dict[str, Any] = {"type": "video", self.video_key: sample.media}
        if sample.clip is not None:
            video |= {"video_start": sample.clip[0], "video_end": sample.clip[1]}
        user = [video, {"type": "text", "text": asked}]
        turns = [
            {"role": "user", "content": user},
            {"role": "assistant", "content": [{"type": "text", "text": said}]},
        ]
        return {"messages": turns, "id": key}

    def text_of(self, row: Row) -> str:
        return "\n".join(part["text"] for turn in row["messages"] for part in turn["content"] if part["type"] == "text")

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        turns = row.get("messages")
        if not isinstance(turns, list) or not turns:
            yield "it has no messages"
            return
        roles, media, text = [], [], False
        for k, turn in enumerate(turns):
            parts = turn.get("content") if isinstance(turn, dict) else None
            if isinstance(parts, str):
                parts = [{"type": "text", "text": parts}]
            if not isinstance(parts, list) or turn.get("role") not in ("system", "user", "assistant", "tool"):
                yield f"message {k} has no content, or a role that chat templates do not support"
                return
            roles.append((turn["role"], ""))
            for part in parts:
                kind = part.get("type") if isinstance(part, dict) else None
                if kind not in _PARTS:
                    yield f"message {k} has a part of type {kind!r}; allowed are {', '.join(_PARTS)}"
                elif kind == "text":
                    text = bool(part.get("text", "").strip())
                else:
                    places = [part[key] for key in ("path", "url", kind) if part.get(key)]
                    if len(places) != 1:
                        yield f"message {k} has a {kind} part with {len(places)} of path, url, {kind}; it needs one"
                    if turn["role"] != "user":
                        yield f"message {k} of {turn['role']} has a {kind} part"
                    media += [place for place in places if isinstance(place, str)]
                    yield from (f"message {k}: {why}" for why in _span_faults(part))
        if not text:
            yield "its last message has no text"
        yield from order_faults(roles)
        yield from media_faults(media, folder, "")

    def use(self, folder: Folder) -> list[str]:
        return [
            f"axolotl: datasets: [{{path: {folder.at('train.jsonl')}, type: chat_template}}], "
            "skip_prepare_dataset: true, remove_unused_columns: false, sample_packing: false"
        ]


def _span_faults(part: Mapping[str, Any]) -> Iterator[str]:
    """Yield what qwen-vl-utils refuses in a video part."""
    start, end = part.get("video_start"), part.get("video_end")
    if start is not None and end is not None and not 0 <= start < end:
        yield f"video_start {start} and video_end {end} are not a span"
    if part.get("fps") is not None and part.get("nframes") is not None:
        yield "it has fps and nframes; the loader accepts only one of them"
