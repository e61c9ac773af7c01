"""LLaMA-Factory and ms-swift: `messages` with roles, `videos` as a list, and LLaMA-Factory's `dataset_info.json`.

One file serves both. LLaMA-Factory reads only columns and tags that `dataset_info.json` lists, counts `<video>` tags
over all turns, and drops rows whose roles do not alternate. ms-swift prepends a missing tag and ignores surplus ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pipeline.export.base import Problem, Row, Sample
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import (
    Conversation,
    media_faults,
    media_list,
    order_faults,
    tags_in,
    turn_faults,
)
from pipeline.export.formats.dataset_info import INFO, OPENAI, SHAREGPT, Entry, dataset_faults, described
from pipeline.export.media import frames_unsaid

_PATCH_PX = 28  # a token of Qwen's vision encoders covers 28 x 28 px of 2 frames
_WORD = r"[A-Za-z0-9_.-]{1,100}"


@dataclass(frozen=True, kw_only=True)
class ShareGPT(Conversation):
    """LLaMA-Factory and ms-swift: rows of `messages` and `videos`, and `dataset_info.json`.

    Args:
        system: text of the system turn; "": none.
        name: name of the dataset in `dataset_info.json`; splits other than train are named NAME_SPLIT.
        cutoff_len: tokens of a row that the trainer keeps, including those of the video.
        video_fps, video_maxlen, video_max_pixels: the trainer's sampling, which determines the tokens of a video.
        trainer: "swift": check for ms-swift only, without the problems that only LLaMA-Factory has.
    """

    name: Annotated[str, Field(pattern=_WORD)] = "longcap"
    system: str = ""
    cutoff_len: Annotated[int, Field(ge=0, description="tokens; 0: no limit")] = 2048
    video_fps: Annotated[float, Field(gt=0)] = 2.0
    video_maxlen: Annotated[int, Field(ge=1)] = 128
    video_max_pixels: Annotated[int, Field(ge=784)] = 65536
    trainer: Literal["both", "swift"] = "both"

    @property
    def limit_tokens(self) -> int:
        return self.cutoff_len

    def rows(self, sample: Sample) -> Sequence[Row]:
        first = [{"role": "system", "content": self.system}] if self.system else []
        return [
            {
                "messages": [
                    *first,
                    {"role": "user", "content": f"{self.tag}{asked}"},
                    {"role": "assistant", "content": said},
                ],
                "videos": [sample.media],
                "id": key,
            }
            for key, asked, said in self.pairs(sample)
        ]

    def text_of(self, row: Row) -> str:
        return "\n".join(turn["content"] for turn in row["messages"])

    def media_tokens(self, sample: Sample) -> int:
        frames = min(self.video_maxlen, max(2, int(sample.duration_s * self.video_fps)))
        pixels = min(self.video_max_pixels, (sample.width_px * sample.height_px) or self.video_max_pixels)
        return max(1, frames // 2) * max(1, pixels // _PATCH_PX**2)

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        files = list(super().finish(folder, shards))
        entries = {self._entry(split): described(self.file_of(split), ("messages", "videos")) for split in shards}
        return [*files, folder.write(INFO, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")]

    def _entry(self, split: str) -> str:
        return self.name if split == "train" else f"{self.name}_{split}"

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({INFO})

    def check(self, folder: Folder) -> Iterator[Problem]:
        if self.trainer == "both":
            yield from dataset_faults(self, folder, self._faults)
        if self.trainer == "swift" or folder.read(INFO) is None:
            yield from super().check(folder)

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        yield from self._faults(row, folder, SHAREGPT if "conversations" in row else OPENAI)

    def _faults(self, row: Row, folder: Folder, entry: Entry) -> Iterator[str]:
        faults: list[str] = []
        turns = turn_faults(entry.get(row, "messages"), entry.names, entry.roles, faults)
        videos, images, audios = (
            media_list(entry.get(row, name), name, faults) for name in ("videos", "images", "audios")
        )
        yield from faults
        if not turns:
            return
        yield from order_faults(turns)
        texts = tags_in([text for _, text in turns])
        if texts["<video>"] != len(videos):
            yield f"it has {texts['<video>']} <video> tags and {len(videos)} videos; the trainer fails"
        if spoken := [tag for tag, n in tags_in([t for r, t in turns if r == "assistant"]).items() if n]:
            yield f"the answer contains {', '.join(spoken)}, which loaders count as media"
        for tag, key, media in (("<image>", "images", images), ("<audio>", "audios", audios)):
            if texts[tag] != len(media):
                yield f"it has {texts[tag]} {tag} tags and {len(media)} {key}"
        yield from media_faults(videos, folder, "")
        for video in videos if self.trainer == "both" else ():
            if "\x00" not in video and frames_unsaid(folder, video) > self.video_maxlen:
                yield (
                    f"the container of {video} gives no number of frames, and LLaMA-Factory reads its first "
                    f"{self.video_maxlen} only; use --unit section --spans cut, or trainer=swift for ms-swift alone"
                )

    def use(self, folder: Folder) -> list[str]:
        return [
            f"LLaMA-Factory: dataset_dir: {folder.uri}, media_dir: {folder.uri}, dataset: {self.name}",
            f"ms-swift: swift sft --dataset {folder.at('train.jsonl')}  (from {folder.uri}, to find media)",
        ]
