"""Preference pairs: a text that is better than another one, for DPO in LLaMA-Factory, ms-swift and LLaVA."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.export.base import Problem, Row, Sample, Unfit
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import (
    Conversation,
    media_faults,
    media_list,
    order_faults,
    safe,
    tags_in,
    turn_faults,
)
from pipeline.export.formats.sharegpt import INFO
from pipeline.export.further import items_of

_ROLES = {"system": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, kw_only=True)
class Preferences(Conversation):
    """LLaMA-Factory, ms-swift, LLaVA: pairs of a chosen and a rejected text.

    Without `table` the pairs are what people corrected: the corrected text is chosen, the model's text that it replaced
    is rejected. Samples that nobody corrected make no row. With `table` they are the rows of a further table of the
    output.

    Args:
        target: "llamafactory": messages, chosen, rejected; "swift": messages and rejected_response; "llava": prompt,
            answer, chosen, rejected.
        chosen, rejected: columns of the table.
        chosen_score, rejected_score: columns with the scores; "": the table has none.
        min_gap: pairs whose scores differ by less make no row.
        name: of the dataset in LLaMA-Factory's `dataset_info.json`.
    """

    target: Literal["llamafactory", "swift", "llava"] = "llamafactory"
    chosen: str = "chosen"
    rejected: str = "rejected"
    chosen_score: str = ""
    rejected_score: str = ""
    min_gap: Annotated[float, Field(ge=0)] = 0.0
    name: Annotated[str, Field(pattern=r"[A-Za-z0-9_.-]{1,100}")] = "longcap"

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.chosen_score) != bool(self.rejected_score) or (self.min_gap and not self.chosen_score):
            raise ValueError("chosen_score, rejected_score and min_gap belong together: name both columns")

    def rows(self, sample: Sample) -> Sequence[Row]:
        return [self._row(sample, pair) for pair in self._pairs(sample)]

    def _pairs(self, sample: Sample) -> Iterator[tuple[str, str, str, str, float | None]]:
        """Key, prompt, chosen and rejected text, score gap."""
        if not self.table:
            if sample.replaced is not None:
                asked, said = self.turns(sample)
                yield sample.key, asked, said, _different(said, sample.replaced), None
            return
        for k, row in enumerate(items_of(sample, self.table, self.items)):
            good, bad = row.get(self.chosen), row.get(self.rejected)
            if not isinstance(good, str) or not isinstance(bad, str) or not good.strip() or not bad.strip():
                raise Unfit(f"table {self.table} has no {self.chosen} and {self.rejected} in row {k} of the video")
            gap = row[self.chosen_score] - row[self.rejected_score] if self.chosen_score else None
            if gap is None or gap >= self.min_gap:
                asked = str(row.get(self.question) or self.prompt)
                yield f"{sample.key}-p{k:04d}", safe(asked), safe(good).strip(), _different(good, bad), gap

    def _row(self, sample: Sample, pair: tuple[str, str, str, str, float | None]) -> Row:
        key, asked, good, bad, gap = pair
        scored = {} if gap is None else {"score_gap": round(gap, 6)}
        if self.target == "llava":
            row = {"id": key, "video": sample.media, "prompt": asked, "answer": good, "chosen": good, "rejected": bad}
            return {**row, **scored}
        user = {"role": "user", "content": f"<video>{asked}"}
        if self.target == "swift":
            turns = [user, {"role": "assistant", "content": good}]
            return {"messages": turns, "rejected_response": bad, "videos": [sample.media], "id": key, **scored}
        both = {name: {"role": "assistant", "content": text} for name, text in (("chosen", good), ("rejected", bad))}
        return {"messages": [user], **both, "videos": [sample.media], "id": key, **scored}

    def text_of(self, row: Row) -> str:
        texts = [row.get("rejected"), row.get("rejected_response"), row.get("prompt")]
        turns = [*row.get("messages", ()), *(t for t in texts if isinstance(t, dict))]
        return "\n".join([*(t["content"] for t in turns), *(t for t in texts if isinstance(t, str))])

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        files = list(super().finish(folder, shards))
        if self.target != "llamafactory":
            return files
        columns = {name: name for name in ("messages", "chosen", "rejected", "videos")}
        tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
        entries = {
            self.name if split == "train" else f"{self.name}_{split}": {
                "file_name": self.file_of(split),
                "formatting": "sharegpt",
                "ranking": True,
                "columns": columns,
                "tags": {**tags, "system_tag": "system"},
            }
            for split in shards
        }
        return [*files, folder.write(INFO, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")]

    def check(self, folder: Folder) -> Iterator[Problem]:
        data = folder.read(INFO) if self.target == "llamafactory" else None
        if self.target == "llamafactory" and data is None:
            yield Problem(INFO, "it is not there, and LLaMA-Factory finds no dataset without it")
        for name, entry in (json.loads(data) if data else {}).items():
            if not entry.get("ranking"):
                yield Problem(f"{INFO}: {name}", "ranking is not true; the trainer stops at a stage of preferences")
            for key in ("messages", "chosen", "rejected", "videos"):
                if key not in entry.get("columns", {}):
                    yield Problem(f"{INFO}: {name}", f"columns does not list {key}, so the loader takes it for absent")
        yield from super().check(folder)

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        faults: list[str] = []
        videos = media_list(row, "video" if self.target == "llava" else "videos", faults)
        turns: list[tuple[str, str]] = []
        if self.target == "llava":
            good, bad = row.get("chosen"), row.get("rejected")
            if not isinstance(row.get("prompt"), str) or not row["prompt"].strip():
                faults.append("it has no prompt")
        else:
            turns = turn_faults(row.get("messages"), ("role", "content"), _ROLES, faults)
            good, bad = row.get("chosen"), row.get("rejected")
            if self.target == "swift":
                good, bad = (turns[-1][1] if turns else None), row.get("rejected_response")
            else:
                good, bad = (t.get("content") if isinstance(t, dict) else None for t in (good, bad))
        yield from faults
        if turns:
            yield from order_faults(turns, odd=self.target == "llamafactory")
            if tags_in([text for _, text in turns])["<video>"] != len(videos):
                yield "its <video> tags are not as many as its videos"
        if not isinstance(good, str) or not isinstance(bad, str) or not good.strip() or not bad.strip():
            yield "it has no chosen and rejected text"
        elif good == bad:
            yield "its chosen and rejected texts are equal"
        yield from media_faults(videos, folder, "")


def _different(good: str, bad: str) -> str:
    """The rejected text, cleaned; it must not be the chosen one."""
    found: Any = safe(bad).strip()
    if found == safe(good).strip():
        raise Unfit("its chosen and rejected texts are equal")
    return str(found)
