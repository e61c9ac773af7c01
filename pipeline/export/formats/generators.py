"""Tables of paths and captions for trainers of video generators: musubi-tuner, DiffSynth-Studio, VideoX-Fun, Open-Sora.

Their text encoders read 77 to 1,024 tokens and cut the rest silently. `text_encoder` selects the limit, and the length
report counts the captions that exceed it. So the default unit is the window, not the video.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.core.base import Was
from pipeline.export.base import Media, Problem, Row, Sample, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import media_faults
from pipeline.export.formats.lines import Lines
from pipeline.export.media import facts_of, frame_rate

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
"""Tokens that the text encoder of each model reads in its usual trainers."""

Encoder = Literal[
    "wan", "hunyuan", "hunyuan-1.5", "framepack", "kandinsky5", "open-sora-2", "cosmos-predict2.5", "cogvideox",
    "ltx-video", "mochi", "clip"
]  # fmt: skip
_CONFIG = "dataset.toml"
_SLOW = 0.95  # a video at this share of the expected frame rate still looks natural
_SUFFIXES = (".mp4", ".webm", ".avi", ".mkv", ".mov", ".flv", ".wmv", ".m4v", ".mpg", ".mpeg")
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
UNITS: tuple[Unit, ...] = ("window", "section", "sentence", "video")


@dataclass(frozen=True, kw_only=True)
class Generator(Lines):
    """The options and checks that these targets share.

    Class attributes:
        video_key, text_key: columns of the target.
        suffixes: suffixes of videos that the loader lists or opens.

    Args:
        text_encoder: text encoder of the model, which sets the limit of the length report.
        over_limit: whether to "report" captions above the limit or to "leave_out" them.
        max_tokens: a limit to use instead of the text encoder's; 0: the text encoder's.
        model_fps: frame rate that the model is trained at, such as 16 for Wan 2.1, 24 for HunyuanVideo, 30 for
            FramePack; clips are cut at this constant rate, because most loaders take frames by number, not by time. 0:
            clips have the frames of the source.
    """

    units: ClassVar[tuple[Unit, ...]] = UNITS
    spans: ClassVar[tuple[Spans, ...]] = ("cut",)
    video_key: ClassVar[str] = "video"
    text_key: ClassVar[str] = "prompt"
    suffixes: ClassVar[tuple[str, ...]] = _SUFFIXES

    text_encoder: Encoder = "wan"
    over_limit: Literal["report", "leave_out"] = "report"
    max_tokens: Annotated[int, Field(ge=0)] = 0
    model_fps: Annotated[float, Field(ge=0, le=240)] = 0.0

    @property
    def clip_fps(self) -> float:
        return self.model_fps

    @property
    def limit_tokens(self) -> int:
        return self.max_tokens or TEXT_TOKENS[self.text_encoder]

    def caption(self, sample: Sample) -> str:
        """Return the caption in one line, since lists of captions have one per line."""
        text = " ".join(sample.text.split())
        if not text:
            raise Unfit("its caption is empty")
        if self.over_limit == "leave_out":
            from pipeline.export.lengths import estimate

            if (tokens := estimate(text)) > self.limit_tokens:
                raise Unfit(f"its caption has about {tokens} tokens; the text encoder reads {self.limit_tokens}")
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
            yield f"it has no {self.text_key}; the loader trains on an empty caption or on the word nan"
        if not isinstance(place, str) or not place:
            yield f"it has no {self.video_key}"
            return
        if not place.lower().endswith(self.suffixes):
            yield f"{place} has none of the suffixes {', '.join(self.suffixes)}"
        yield from media_faults([place], folder, "")


@dataclass(frozen=True, kw_only=True)
class Musubi(Generator):
    """musubi-tuner: `video_path`, `caption` and `fps`, and a `dataset.toml` as a template.

    The loader takes the videos of a dataset to have its `source_fps`, and skips frames to get the rate of the model. So
    there is one dataset per frame rate, rounded to half a frame per second. Clips have the rate of the model. A whole
    video with a lower rate is left out, since the loader repeats no frame and would show it too fast.

    Args:
        target_frames: frames of a training sample, of the form 4N + 1.
        model_fps: frame rate that the model is trained at: 16 for Wan 2.1, 24 for HunyuanVideo, 30 for FramePack; clips
            are cut at this constant rate.
    """

    version: ClassVar[int] = 2

    video_key: ClassVar[str] = "video_path"
    text_key: ClassVar[str] = "caption"
    media: ClassVar[tuple[Media, ...]] = ("copy", "path", "link")

    target_frames: Annotated[int, Field(ge=1)] = 81
    model_fps: Annotated[float, Field(gt=0, le=240), Was("source_fps")] = 16.0
    width_px: Annotated[int, Field(ge=16)] = 960
    height_px: Annotated[int, Field(ge=16)] = 544

    def __post_init__(self) -> None:
        if self.target_frames % 4 != 1:
            raise ValueError(f"target_frames is {self.target_frames}; it must be 4N + 1, such as 81")

    def rows(self, sample: Sample) -> Sequence[Row]:
        if "://" in sample.media:
            raise Unfit("the loader cannot open URIs; use --media copy")
        fps = sample.fps if sample.fps == self.model_fps else round(2 * sample.fps) / 2
        if fps <= 0:
            raise Unfit("its frame rate is unknown; use --unit window, whose clips have the rate of the model")
        if fps < _SLOW * self.model_fps:
            raise Unfit(
                f"it has {sample.fps:.4g} frames per second, the model {self.model_fps:g}; the loader would show it "
                "too fast; use --unit window, whose clips have the rate of the model"
            )
        return [{"video_path": sample.media, "caption": self.caption(sample), "fps": fps}]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        files = []
        lines = [
            "[general]",
            f"resolution = [{self.width_px}, {self.height_px}]",
            'caption_extension = ".txt"',
            "batch_size = 1",
            "enable_bucket = true",
            "bucket_no_upscale = true",
        ]
        for split, parts in shards.items():
            rates = sorted({json.loads(line)["fps"] for part in parts for line in folder.lines(part)})
            for fps in rates:
                name = split if fps == self.model_fps else f"{split}-{fps:g}fps"
                files.append(self.file_of(name))
                with folder.writing(files[-1]) as file:
                    for line in (line for part in parts for line in folder.lines(part)):
                        if json.loads(line)["fps"] == fps:
                            file.write(line + b"\n")
                lines += [
                    "",
                    "[[datasets]]",
                    f"video_jsonl_file = {_toml(folder.at(files[-1]))}",
                    f"cache_directory = {_toml(folder.at(f'cache_{name}'))}",
                    f"target_frames = [{self.target_frames}]",
                    'frame_extraction = "head"',
                    f"source_fps = {float(fps)!r}",  # the loader accepts no whole number
                ]
        return [*files, folder.write(_CONFIG, "\n".join(lines) + "\n")]

    def check(self, folder: Folder) -> Iterator[Problem]:
        yield from super().check(folder)
        try:
            config = tomllib.loads((folder.read(_CONFIG) or b"").decode())
        except ValueError as error:
            yield Problem(_CONFIG, f"it is not valid TOML: {error}")
            return
        for entry in config.get("datasets", ()):
            path = str(entry.get("video_jsonl_file", "")).removeprefix(f"{folder.at('').rstrip('/')}/")
            fps = entry.get("source_fps")
            if fps is not None and not isinstance(fps, float):
                yield Problem(_CONFIG, f"source_fps is {fps!r}; the loader accepts only decimal numbers such as 24.0")
            elif fps and path in self.data_files(folder):
                yield from self._rate_faults(folder, path, fps)

    def _rate_faults(self, folder: Folder, path: str, fps: float) -> Iterator[Problem]:
        for where, row in self.read(folder, path):
            place = row.get(self.video_key) if isinstance(row, dict) else None
            found = frame_rate(folder, place) if isinstance(place, str) else 0.0
            if found and abs(found / fps - 1) > 1 - _SLOW:
                yield Problem(
                    where,
                    f"{place} has {found:.4g} frames per second, but source_fps in {_CONFIG} is {fps:g}; it is trained "
                    f"{'too slow' if found > fps else 'too fast'}",
                )

    def use(self, folder: Folder) -> list[str]:
        return [f"musubi-tuner, from the folder {folder.uri}: --dataset_config {folder.at('dataset.toml')}"]


@dataclass(frozen=True, kw_only=True)
class DiffSynth(Generator):
    """DiffSynth-Studio: `metadata.jsonl` with `video` and `prompt`; not CSV, whose empty cells pandas reads as nan."""

    lists: ClassVar[bool] = True
    media: ClassVar[tuple[Media, ...]] = ("copy", "path", "link")

    def file_of(self, split: str) -> str:
        return "metadata.jsonl" if split == "train" else f"metadata_{split}.jsonl"

    def use(self, folder: Folder) -> list[str]:
        base, data = folder.at("").rstrip("/"), folder.at("metadata.jsonl")
        return [f"DiffSynth-Studio: --dataset_base_path {base} --dataset_metadata_path {data} --data_file_keys video"]


@dataclass(frozen=True, kw_only=True)
class VideoXFun(Generator):
    """VideoX-Fun: a JSON list of `file_path`, `text`, `type`; the loader opens a row without a type as an image."""

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
        if str(row.get(self.video_key)).lower().endswith(_IMAGES) and row.get("type", "image") == "image":
            return  # the loader accepts images beside videos
        yield from super().faults(row, folder)
        if row.get("type") != "video":
            yield f"type is {row.get('type')!r}; without video the loader opens it as an image"

    def use(self, folder: Folder) -> list[str]:
        return [f"VideoX-Fun: --train_data_dir {folder.at('').rstrip('/')} --train_data_meta {folder.at('train.json')}"]


_OPENSORA = ("path", "text", "num_frames", "height", "width", "aspect_ratio", "resolution", "fps")
# all texts that `pandas.read_csv` reads as a missing value
_MISSING = frozenset(["#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"])
_MISSING |= {"N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}


@dataclass(frozen=True, kw_only=True)
class OpenSora(Generator):
    """Open-Sora 2: CSV of path, text, num_frames, height, width, aspect_ratio, resolution and fps. Frames are counted,
    since the loader assigns rows to buckets by them and drops the others."""

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
            raise Unfit("its media file has no frames, no size or no frame rate")
        values = {"path": sample.media, "text": self.caption(sample), "num_frames": sample.frames}
        if why := _missing(values["text"]):
            raise Unfit(why)
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
        if why := _missing(row["text"]):
            yield why
        try:
            frames, height, width = (int(float(row[c])) for c in ("num_frames", "height", "width"))
            aspect, size, fps = (float(row[c]) for c in ("aspect_ratio", "resolution", "fps"))
        except (TypeError, ValueError):
            yield "num_frames, height, width, aspect_ratio, resolution or fps is not a number"
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
                return  # the file cannot be opened, which was reported already
            if there[0] != frames:
                yield f"num_frames is {frames}, but the file has {there[0]} frames; the loader chooses the bucket by it"

    def use(self, folder: Folder) -> list[str]:
        return [f"Open-Sora, from the folder {folder.uri}: --dataset.data-path {folder.at('train.csv')}"]


def _missing(text: Any) -> str | None:
    """Return why pandas, which reads the table for the loader, reads a text as a missing value; None: it does not."""
    return f"its text is {text}, which the loader reads as a missing value" if text in _MISSING else None


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a TOML basic string has the escapes of JSON
