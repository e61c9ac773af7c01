"""A text file beside each video (diffusion-pipe, finetrainers, musubi-tuner), and the folders of Cosmos-Predict2.5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.export.base import Media, Problem, Row, Sample, Shard, Unfit
from pipeline.export.folder import Folder
from pipeline.export.formats.generators import Encoder, Generator
from pipeline.export.media import facts_of, fault_of
from pipeline.export.plan import STATE

_VIDEOS = (".mp4", ".webm", ".avi", ".mkv", ".mov", ".flv", ".wmv", ".m4v", ".mpg", ".mpeg")


@dataclass(frozen=True, kw_only=True)
class StemText(Generator):
    """`SPLIT/NAME.mp4` and `SPLIT/NAME.txt`. For diffusion-pipe: `[[directory]] path`; for others: the folder."""

    suffix: ClassVar[str] = ".txt"
    media: ClassVar[tuple[Media, ...]] = ("copy", "link")
    suffixes: ClassVar[tuple[str, ...]] = _VIDEOS

    def media_path(self, sample_key: str, split: str, suffix: str) -> str:
        return f"{split}/{sample_key}{suffix}"

    def text_path(self, media: str) -> str:
        """Return the path of a video's caption."""
        return str(PurePosixPath(media).with_suffix(".txt"))

    def rows(self, sample: Sample) -> Sequence[Row]:
        if not sample.media.lower().endswith(self.suffixes):
            raise Unfit(f"its file has none of the suffixes {', '.join(self.suffixes)}, which the loader looks for")
        if sample.span is not None:
            raise Unfit("a video can have only one caption; use --spans cut")
        return [(self.text_path(sample.media), self.caption(sample))]

    def text_of(self, row: Row) -> str:
        return str(row[1])

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        return [shard.folder.write(path, text) for _, (path, text) in rows]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        return []

    def check(self, folder: Folder) -> Iterator[Problem]:
        files = _visible(folder)
        videos = [path for path in files if path.lower().endswith(_VIDEOS)]
        texts = {path for path in files if path.endswith(".txt")}
        if not videos:
            yield Problem(folder.uri, "it contains no video")
        stems: dict[str, str] = {}
        for path in videos:
            stem = str(PurePosixPath(path).with_suffix(""))
            if stem in stems:
                yield Problem(path, f"{stems[stem]} has the same stem; the loader fails")
            stems[stem] = path
            if not path.lower().endswith(self.suffixes):
                yield Problem(path, f"its suffix is none of {', '.join(self.suffixes)}; the loader ignores it")
            text = f"{stem}.txt"
            if text not in texts:
                yield Problem(path, f"it has no caption {text}; the loader skips it, or trains on an empty one")
            else:
                yield from _text_faults(folder, text)
            if why := fault_of(folder, path):
                yield Problem(path, why)
        for text in sorted(texts - {f"{stem}.txt" for stem in stems}):
            yield Problem(text, "it has no video of the same name")

    def use(self, folder: Folder) -> list[str]:
        return [f'diffusion-pipe: [[directory]] path = "{folder.at("train")}"']


@dataclass(frozen=True, kw_only=True)
class Cosmos(StemText):
    """`SPLIT/videos/NAME.mp4` and `SPLIT/metas/NAME.txt`. The loader sees only names in `.mp4`, and replaces a video
    that is too short by a random other one.

    Args:
        num_frames: frames of a training sample; a video needs at least one more.
    """

    media_facts: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".mp4",)

    text_encoder: Encoder = "cosmos-predict2.5"
    num_frames: Annotated[int, Field(ge=1)] = 93

    def media_path(self, sample_key: str, split: str, suffix: str) -> str:
        return f"{split}/videos/{sample_key}{suffix}"

    def text_path(self, media: str) -> str:
        return media.replace("/videos/", "/metas/").removesuffix(".mp4") + ".txt"

    def rows(self, sample: Sample) -> Sequence[Row]:
        if (sample.frames or 0) <= self.num_frames:
            raise Unfit(f"it has {sample.frames} frames; num_frames={self.num_frames} needs {self.num_frames + 1}")
        return super().rows(sample)

    def check(self, folder: Folder) -> Iterator[Problem]:
        files = _visible(folder)
        videos = [path for path in files if "/videos/" in f"/{path}"]
        if not videos:
            yield Problem(folder.uri, "it contains no folder videos with a video")
        texts = {path for path in files if "/metas/" in f"/{path}"}
        expected = set()
        for path in videos:
            if not path.endswith(".mp4"):
                yield Problem(path, "its name does not end in .mp4; the loader ignores it")
                continue
            text = f"/{path}".replace("/videos/", "/metas/")[1:].removesuffix(".mp4") + ".txt"
            expected.add(text)
            if text not in texts:
                yield Problem(path, f"there is no {text}; the loader trains on an empty caption")
            else:
                yield from _text_faults(folder, text)
            try:
                frames = facts_of(folder, path, relative=True)[0]
            except Unfit as why:
                yield Problem(path, str(why))
                continue
            if frames <= self.num_frames:
                yield Problem(
                    path, f"it has {frames} frames; with num_frames={self.num_frames} the loader takes another video"
                )
        for text in sorted(texts - expected):
            yield Problem(text, "it has no video of the same name")

    def use(self, folder: Folder) -> list[str]:
        return [f"Cosmos-Predict2.5: dataset_dir={folder.at('train')}"]


def _visible(folder: Folder) -> list[str]:
    return [path for path in folder.files() if not path.startswith(f"{STATE}/")]


def _text_faults(folder: Folder, path: str) -> Iterator[Problem]:
    try:
        text = (folder.read(path) or b"").decode()
    except UnicodeDecodeError:
        yield Problem(path, "it is not UTF-8")
        return
    if not text.strip():
        yield Problem(path, "it is empty")
