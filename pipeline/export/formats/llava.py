"""LLaVA, the finetuning code of Qwen-VL, InternVL and VILA: `conversations` of from and value, one `video` per row.

They differ in the tag (LLaVA writes `<image>` for a video, too), in what must follow it (InternVL replaces `<video>`
only before a newline), in the file name (InternVL accepts only names that end in jsonl) and in spans (only InternVL
reads one: `clip`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.export.base import Problem, Row, Sample, Seen, Unfit
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import (
    Conversation,
    media_faults,
    media_list,
    order_faults,
    repeated_share,
    tags_in,
    turn_faults,
)

Target = Literal["llava", "qwen", "internvl", "vila"]
META = "meta.json"
REGISTRY = "datasets.yaml"
_ROLES = {"human": "user", "gpt": "assistant", "system": "system"}
_TAGS: dict[str, str] = {"llava": "<image>\n", "qwen": "<video>\n", "internvl": "<video>\n", "vila": "<video>\n"}
_REPEATED = 0.4


@dataclass(frozen=True, kw_only=True)
class Llava(Conversation):
    """LLaVA, Qwen-VL finetuning, InternVL, VILA: rows of `video` and `conversations`.

    Args:
        target: the target whose loader reads the files.
        name: name of the dataset in the target's registry.
    """

    version: ClassVar[int] = 2
    suffix: ClassVar[str] = ".jsonl"

    target: Target = "llava"
    name: Annotated[str, Field(pattern=r"[A-Za-z0-9_.-]{1,100}")] = "longcap"

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({META})

    def data_files(self, folder: Folder) -> list[str]:
        found = super().data_files(folder)
        return [f for f in found if f.endswith(self.suffix)] if self.target == "internvl" else found

    @property
    def shows(self) -> Seen:
        return "clip" if self.target == "internvl" else "whole"  # frames of a clip are numbered, without times

    def rows(self, sample: Sample) -> Sequence[Row]:
        return [self._row(sample, *pair) for pair in self.pairs(sample)]

    def _row(self, sample: Sample, key: str, asked: str, said: str) -> Row:
        row: dict[str, object] = {"id": key, "video": sample.media, "data_source": self.name}
        if self.target == "internvl":
            if repeated_share(said) > _REPEATED:
                raise Unfit("its text is repetitive: InternVL drops texts of which more than 0.4 is repeated")
            if sample.clip is not None:
                row["clip"] = [round(t, 3) for t in sample.clip]
        turns = [{"from": "human", "value": f"{_TAGS[self.target]}{asked}"}, {"from": "gpt", "value": said}]
        return {**row, "conversations": turns}

    def text_of(self, row: Row) -> str:
        return "\n".join(turn["value"] for turn in row["conversations"])

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        files = list(super().finish(folder, shards))
        root = folder.at("").rstrip("/")
        if self.target == "internvl":
            meta = {
                self._entry(split): {
                    "root": root,
                    "annotation": folder.at(self.file_of(split)),
                    "data_augment": False,
                    "repeat_time": 1,
                    "length": sum(1 for _ in folder.lines(self.file_of(split))),
                }
                for split in shards
            }
            files.append(folder.write(META, json.dumps(meta, indent=2, ensure_ascii=False) + "\n"))
        elif self.target in ("llava", "vila"):
            files.append(folder.write(REGISTRY, self._registry(folder, root, list(shards))))
        return files

    def _registry(self, folder: Folder, root: str, names: list[str]) -> str:
        import yaml

        value: object
        if self.target == "llava":
            value = {"datasets": [{"json_path": folder.at(self.file_of(n)), "sampling_strategy": "all"} for n in names]}
        else:
            value = {
                self._entry(n): {
                    "_target_": "llava.data.LLaVADataset",
                    "data_path": folder.at(self.file_of(n)),
                    "media_dir": root,
                }
                for n in names
            }
        return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))

    def _entry(self, split: str) -> str:
        return self.name if split == "train" else f"{self.name}_{split}"

    def check(self, folder: Folder) -> Iterator[Problem]:
        yield from super().check(folder)
        data = folder.read(META) if self.target == "internvl" else None
        for name, entry in (json.loads(data) if data else {}).items():
            if not str(entry.get("annotation", "")).endswith("jsonl"):
                yield Problem(f"{META}: {name}", "annotation does not end in jsonl, which the loader requires")
            times = entry.get("repeat_time", 1)
            if times > 1 and times != int(times):
                yield Problem(f"{META}: {name}", f"repeat_time is {times}; above 1 it must be a whole number")

    def key_of(self, row: Row) -> str | None:
        return None if row.get("id") is None else str(row["id"])

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        faults: list[str] = []
        turns = turn_faults(row.get("conversations"), ("from", "value"), _ROLES, faults)
        videos = media_list(row.get("video"), "video", faults)
        images = len(media_list(row.get("image"), "image", faults))
        yield from faults
        if row.get("video") and "image" in row:
            yield "it has both image and video; the loader accepts only one of them, and a null image makes it fail"
        if isinstance(row.get("video"), list) and self.target in ("llava", "internvl"):
            yield "video is a list; the loader accepts one path"
        if turns:
            yield from order_faults(turns)
            yield from self._tag_faults(turns, len(videos), images)
            if self.target == "internvl" and repeated_share(turns[-1][1]) > _REPEATED:
                yield "its answer is repetitive; the loader drops it"
        clip = row.get("clip")
        if clip is not None and not (
            isinstance(clip, list)
            and len(clip) == 2
            and all(isinstance(t, int | float) for t in clip)
            and 0 <= clip[0] < clip[1]
        ):
            yield f"clip is {clip!r}; it must be [start, end] in seconds"
        elif clip is not None and self.target != "internvl":
            yield f"it has clip, which the loader of {self.target} does not read: it sees the whole video"
        yield from media_faults(videos, folder, "")

    def _tag_faults(self, turns: Sequence[tuple[str, str]], videos: int, images: int) -> Iterator[str]:
        """Yield wrong numbers of tags; a row of images or of text alone is as good as one of a video."""
        tag = _TAGS[self.target].strip()
        asked = tags_in([text for role, text in turns if role == "user"])
        said = tags_in([text for role, text in turns if role == "assistant"])
        media = Counter({tag: videos}) + Counter({"<image>": images})
        if asked[tag] != media[tag]:
            also = f" and {images} images" if images and tag == "<image>" else ""
            yield f"its user turns have {asked[tag]} {tag} tags for {videos} videos{also}"
        if wrong := [t for t in asked if t != tag and asked[t] != media[t]]:
            yield f"its user turns contain {', '.join(wrong)}; a video's tag is {tag} here"
        if said:
            yield f"its answer contains {', '.join(said)}"
        bare = [text for role, text in turns if role == "user" and text.count(tag) != text.count(f"{tag}\n")]
        if self.target == "internvl" and bare:
            yield f"no newline follows {tag}, so the loader never replaces it by the video"

    def use(self, folder: Folder) -> list[str]:
        root, data = folder.at("").rstrip("/"), folder.at("train.jsonl")
        return {
            "llava": [f"LLaVA: --data_path {folder.at(REGISTRY)} --video_folder {root} --image_folder {root}"],
            "qwen": [
                "Qwen-VL finetuning, in qwenvl/data/__init__.py:",
                f'    {self.name.upper().replace("-", "_")} = {{"annotation_path": "{data}", "data_path": "{root}"}}',
            ],
            "internvl": [f"InternVL: --meta_path {folder.at(META)}"],
            "vila": [f"VILA: add {folder.at(REGISTRY)} to the registry of datasets"],
        }[self.target]
