"""Tables of paths and captions for trainers of video generators: musubi-tuner, DiffSynth-Studio, VideoX-Fun, Open-Sora.

Their text encoders see 77 to 1,024 tokens and cut the rest silently: `text_encoder` says which, and the length report
how many captions are cut. So the default unit is the window, not the video.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pipeline.export.base import Media, Problem, Row, Sample, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import media_faults
from pipeline.export.formats.lines import Lines
from pipeline.export.media import facts_of

TEXT_TOKENS: dict[str, int] = {
    "wan": 512,
    "hunyuan": 256,
    "hunyuan-1.5": 1024,
    "framepack": 256,
    "kandinsky5": 512,
    "open-sora-2": 512,
    "cosmos-predict2.5": 512,
    "cogvideox": 226,
    "ltx-video": 256,
    "mochi": 256,
    "clip": 77,
}
"""Tokens that the text encoder of a model sees in its usual trainers."""

Encoder = Literal[
    "wan", "hunyuan", "hunyuan-1.5", "framepack", "kandinsky5", "open-sora-2", "cosmos-predict2.5", "cogvideox",
    "ltx-video", "mochi", "clip"
]  # fmt: skip
_SUFFIXES = (".mp4", ".webm", ".avi", ".mkv", ".mov", ".flv", ".wmv", ".m4v", ".mpg", ".mpeg")
UNITS: tuple[Unit, ...] = ("window", "section", "sentence", "video")


@dataclass(frozen=True, kw_only=True)
class Generator(Lines):
    """What they have in common.

    Class attributes:
        video_key, text_key: columns of the target.
        suffixes: of videos that its loader lists or opens.

    Args:
        text_encoder: of the model; decides the limit of the length report.
        over_limit: what becomes of captions that exceed it: "report", or "leave_out".
        max_tokens: a limit of your own in place of the text encoder's; 0: that one.
    """

    units: ClassVar[tuple[Unit, ...]] = UNITS
    spans: ClassVar[tuple[Spans, ...]] = ("cut",)
    video_key: ClassVar[str] = "video"
    text_key: ClassVar[str] = "prompt"
    suffixes: ClassVar[tuple[str, ...]] = _SUFFIXES

    text_encoder: Encoder = "wan"
    over_limit: Literal["report", "leave_out"] = "report"
    max_tokens: Annotated[int, Field(ge=0)] = 0

    @property
    def limit_tokens(self) -> int:
        return self.max_tokens or TEXT_TOKENS[self.text_encoder]

    def caption(self, sample: Sample) -> str:
        """The caption in one line: several of these loaders read captions line by line."""
        text = " ".join(sample.text.split())
        if not text:
            raise Unfit("its caption is empty")
        if self.over_limit == "leave_out":
            from pipeline.export.lengths import estimate

            if (tokens := estimate(text)) > self.limit_tokens:
                raise Unfit(f"its caption has about {tokens} tokens; the text encoder sees {self.limit_tokens}")
        return text

    def rows(self, sample: Sample) -> Sequence[Row]:
        return [{self.video_key: sample.media, self.text_key: self.caption(sample)}]

    def text_of(self, row: Row) -> str:
        return str(row[self.text_key])

    def key_of(self, row: Row) -> str | None:
        return str(row.get(self.video_key))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        place, text = row.get(self.video_key), row.get(self.text_key)
        if not isinstance(text, str) or not text.strip():
            yield f"it has no {self.text_key}; the loader trains on an empty caption, or on the word nan"
        elif "\n" in text:
            yield f"its {self.text_key} has a line break"
        if not isinstance(place, str) or not place:
            yield f"it has no {self.video_key}"
            return
        if not place.lower().endswith(self.suffixes):
            yield f"{place} has none of the suffixes {', '.join(self.suffixes)}"
        yield from media_faults([place], folder, "")


@dataclass(frozen=True, kw_only=True)
class Musubi(Generator):
    """musubi-tuner: `video_path` and `caption`, and a `dataset.toml` to start from.

    Args:
        target_frames: frames of a training sample, 4N + 1.
        source_fps: frames a second that the model is trained at: 16 for Wan 2.1, 24 for HunyuanVideo, 30 for FramePack.
    """

    video_key: ClassVar[str] = "video_path"
    text_key: ClassVar[str] = "caption"
    media: ClassVar[tuple[Media, ...]] = ("copy", "path", "link")

    target_frames: Annotated[int, Field(ge=1)] = 81
    source_fps: Annotated[float, Field(gt=0)] = 16.0
    width_px: Annotated[int, Field(ge=16)] = 960
    height_px: Annotated[int, Field(ge=16)] = 544

    def __post_init__(self) -> None:
        if self.target_frames % 4 != 1:
            raise ValueError(f"target_frames is {self.target_frames}; the trainer cuts all but 4N + 1, such as 81")

    def rows(self, sample: Sample) -> Sequence[Row]:
        if "://" in sample.media:
            raise Unfit("the loader opens no URI; use --media copy")
        place = sample.media if sample.media.startswith("/") else f"{sample.media}"
        return [{"video_path": place, "caption": self.caption(sample)}]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        files = list(super().finish(folder, shards))
        lines = [
            "[general]",
            f"resolution = [{self.width_px}, {self.height_px}]",
            'caption_extension = ".txt"',
            "batch_size = 1",
            "enable_bucket = true",
            "bucket_no_upscale = true",
        ]
        for split in shards:
            lines += [
                "",
                "[[datasets]]",
                f"video_jsonl_file = {_toml(folder.at(self.file_of(split)))}",
                f"cache_directory = {_toml(folder.at(f'cache_{split}'))}",
                f"target_frames = [{self.target_frames}]",
                'frame_extraction = "head"',
                f"source_fps = {float(self.source_fps)!r}",
            ]
        return [*files, folder.write("dataset.toml", "\n".join(lines) + "\n")]

    def use(self, folder: Folder) -> list[str]:
        return [f"musubi-tuner, from the folder {folder.uri}: --dataset_config {folder.at('dataset.toml')}"]


@dataclass(frozen=True, kw_only=True)
class DiffSynth(Generator):
    """DiffSynth-Studio: `metadata.jsonl` with `video` and `prompt`; no CSV, whose empty cells pandas reads as nan."""

    media: ClassVar[tuple[Media, ...]] = ("copy", "path", "link")

    def file_of(self, split: str) -> str:
        return "metadata.jsonl" if split == "train" else f"metadata_{split}.jsonl"

    def use(self, folder: Folder) -> list[str]:
        base, data = folder.at("").rstrip("/"), folder.at("metadata.jsonl")
        return [f"DiffSynth-Studio: --dataset_base_path {base} --dataset_metadata_path {data} --data_file_keys video"]


@dataclass(frozen=True, kw_only=True)
class VideoXFun(Generator):
    """VideoX-Fun: a JSON list of `file_path`, `text`, `type`; a row without a type is taken for an image."""

    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "list"
    suffix: ClassVar[str] = ".json"
    video_key: ClassVar[str] = "file_path"
    text_key: ClassVar[str] = "text"
    media: ClassVar[tuple[Media, ...]] = ("copy", "path", "link")

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({"longcap-export.json"})

    def rows(self, sample: Sample) -> Sequence[Row]:
        (row,) = super().rows(sample)
        return [{**row, "type": "video", "width": sample.width_px, "height": sample.height_px}]

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        yield from super().faults(row, folder)
        if row.get("type") != "video":
            yield f"type is {row.get('type')!r}; without video the loader opens it as an image"

    def use(self, folder: Folder) -> list[str]:
        return [f"VideoX-Fun: --train_data_dir {folder.at('').rstrip('/')} --train_data_meta {folder.at('train.json')}"]


_OPENSORA = ("path", "text", "num_frames", "height", "width", "aspect_ratio", "resolution", "fps")


@dataclass(frozen=True, kw_only=True)
class OpenSora(Generator):
    """Open-Sora 2: CSV of path, text, num_frames, height, width, aspect_ratio, resolution and fps; frames are counted,
    since its buckets drop rows by them."""

    form: ClassVar[Literal["jsonl", "list", "dict", "text"]] = "text"
    suffix: ClassVar[str] = ".csv"
    video_key: ClassVar[str] = "path"
    text_key: ClassVar[str] = "text"
    media_facts: ClassVar[bool] = True
    media: ClassVar[tuple[Media, ...]] = ("copy", "path", "link")

    text_encoder: Encoder = "open-sora-2"

    def head(self) -> bytes:
        return (",".join(_OPENSORA) + "\n").encode()

    def rows(self, sample: Sample) -> Sequence[Row]:
        height, width = sample.height_px, sample.width_px
        if not sample.frames or not height or not width or not sample.fps:
            raise Unfit("its media file has no frames, size or rate")
        values = {"path": sample.media, "text": self.caption(sample), "num_frames": sample.frames}
        size = {"height": height, "width": width, "aspect_ratio": height / width, "resolution": height * width}
        return [{**values, **size, "fps": round(sample.fps, 3)}]

    def line(self, row: Row) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="", quoting=csv.QUOTE_NONNUMERIC).writerow([row[c] for c in _OPENSORA])
        return text.getvalue()

    def read(self, folder: Folder, path: str) -> Iterator[tuple[str, Any]]:
        with folder.open(path) as file:
            table = csv.DictReader(io.TextIOWrapper(file, "utf-8", errors="replace", newline=""))
            missing = [c for c in _OPENSORA if c not in (table.fieldnames or ())]
            if missing:
                yield path, Problem(path, f"it has no column {', '.join(missing)}")
                return
            for row in table:
                yield f"{path}:{table.line_num}", row

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        yield from super().faults(row, folder)
        try:
            frames, height, width = (int(float(row[c])) for c in ("num_frames", "height", "width"))
            aspect, size, fps = (float(row[c]) for c in ("aspect_ratio", "resolution", "fps"))
        except (TypeError, ValueError):
            yield "num_frames, height, width, aspect_ratio, resolution or fps is no number"
            return
        if min(frames, height, width) < 1 or fps <= 0:
            yield "num_frames, height, width or fps is not above 0"
        elif abs(aspect - height / width) > 1e-3 or size != height * width:
            yield "aspect_ratio is not height / width, or resolution not height * width"
        else:
            try:
                there = facts_of(
                    folder, row["path"], relative=not row["path"].startswith("/") and "://" not in row["path"]
                )
            except Unfit:
                return  # it has been said that the file cannot be opened
            if there[0] != frames:
                yield f"num_frames is {frames}, and the file has {there[0]}; the loader chooses its bucket by it"

    def use(self, folder: Folder) -> list[str]:
        return [f"Open-Sora, from the folder {folder.uri}: --dataset.data-path {folder.at('train.csv')}"]


def _toml(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)  # a TOML basic string escapes as JSON does
