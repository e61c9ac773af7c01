"""Preference pairs, a better text and a worse one, for DPO in LLaMA-Factory, ms-swift and LLaVA."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from pipeline.export.formats.dataset_info import INFO, OPENAI, Entry, dataset_faults, described
from pipeline.export.further import items_of

_OWN = replace(OPENAI, columns={**OPENAI.columns, "chosen": "chosen", "rejected": "rejected"})


@dataclass(frozen=True, kw_only=True)
class Preferences(Conversation):
    """LLaMA-Factory, ms-swift, LLaVA: pairs of a chosen and a rejected text.

    Without `table` the pairs are people's corrections: the corrected text is chosen, the model's text is rejected.
    Samples that nobody corrected make no row. With `table` the pairs are the rows of a further table of the output.

    Args:
        target: "llamafactory": messages, chosen, rejected; "swift": messages and rejected_response; "llava": prompt,
            answer, chosen, rejected.
        chosen, rejected: columns of the table.
        chosen_score, rejected_score: columns of the scores; "": the table has none.
        min_gap: pairs whose scores differ by less are left out.
        name: name of the dataset in LLaMA-Factory's `dataset_info.json`.
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
        """Yield key, prompt, chosen text, rejected text and score gap."""
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
        columns = ("messages", "chosen", "rejected", "videos")
        entries = {
            self.name if split == "train" else f"{self.name}_{split}": described(
                self.file_of(split), columns, ranking=True
            )
            for split in shards
        }
        return [*files, folder.write(INFO, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")]

    def check(self, folder: Folder) -> Iterator[Problem]:
        if self.target == "llamafactory":
            needs = ("messages", "chosen", "rejected")
            yield from dataset_faults(self, folder, self._faults, needs=needs, ranking=True)
        if self.target != "llamafactory" or folder.read(INFO) is None:
            yield from super().check(folder)

    @property
    def other_files(self) -> frozenset[str]:
        return frozenset({INFO})

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        yield from self._faults(row, folder, _OWN)

    def _faults(self, row: Row, folder: Folder, entry: Entry) -> Iterator[str]:
        faults: list[str] = []
        name = "video" if self.target == "llava" else "videos"
        videos = media_list(row.get(name) if self.target == "llava" else entry.get(row, name), name, faults)
        turns: list[tuple[str, str]] = []
        if self.target == "llava":
            good, bad = row.get("chosen"), row.get("rejected")
            if not isinstance(row.get("prompt"), str) or not row["prompt"].strip():
                faults.append("it has no prompt")
        else:
            turns = turn_faults(entry.get(row, "messages"), entry.names, entry.roles, faults)
            good, bad = entry.get(row, "chosen"), entry.get(row, "rejected")
            if self.target == "swift":
                good, bad = (turns[-1][1] if turns else None), row.get("rejected_response")
            else:
                good, bad = (t.get(entry.names[1]) if isinstance(t, dict) else None for t in (good, bad))
        yield from faults
        if turns:
            yield from order_faults(turns, odd=self.target == "llamafactory")
            if tags_in([text for _, text in turns])["<video>"] != len(videos):
                yield "it has different numbers of <video> tags and videos"
        if not isinstance(good, str) or not isinstance(bad, str) or not good.strip() or not bad.strip():
            yield "it has no chosen and rejected text"
        elif good == bad:
            yield "its chosen and rejected texts are equal"
        yield from media_faults(videos, folder, "")


def _different(good: str, bad: str) -> str:
    """Return the rejected text, cleaned. Raises `Unfit` if it equals the chosen one."""
    found: Any = safe(bad).strip()
    if found == safe(good).strip():
        raise Unfit("its chosen and rejected texts are equal")
    return str(found)
