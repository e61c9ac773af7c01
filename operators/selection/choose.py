"""`choose_frames`: a budget of frames for a question, by one of four policies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.embedding.vectors import Vectors, unpacked

Policy = Literal["semantic", "motion", "both", "neither"]
POLICIES: tuple[str, ...] = get_args(Policy)

CHOSEN = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # the frame represents [start_s, end_s)
        pa.field("end_s", pa.float64()),
        pa.field("pts_s", pa.float64()),
        pa.field("why", pa.string()),  # change, even, or begin, middle, end
    ]
)


@dataclass(frozen=True, kw_only=True)
class ChooseFrames(Operator):
    """Chooses at most `budget` frames of a video from its `frame_vectors`; writes `chosen_frames`, in order of time.

    The policy comes from the column `policy`, as text or as JSON with that field, else it is `policy` of the options.
    `semantic`: frames at which the content changes most (cosine with the previous frame). `motion`: evenly spaced.
    `both`: half of each. `neither`: start, middle and end. The policies and the budget of 32 are VideoITG's (arXiv
    2507.13353, github.com/NVlabs/VideoITG); how a policy draws its frames is our interpretation.
    """

    name: ClassVar[str] = "choose_frames"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"frame_vectors"})
    may_read: ClassVar[frozenset[str]] = frozenset({"policy"})
    writes: ClassVar[frozenset[str]] = frozenset({"chosen_frames", "chosen_policy"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"chosen_frames": pa.list_(CHOSEN), "chosen_policy": pa.string()}

    budget: Annotated[int, Field(ge=3, description="maximum number of frames")] = 32
    policy: Annotated[Policy, Field(description="the policy if no column `policy` gives one")] = "both"

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        frames = sorted(row["frame_vectors"] or (), key=lambda f: float(f["start_s"]))
        if not frames:
            raise ItemError("undecodable", "none of its frames has a vector")
        policy = self._policy(row.get("policy"))
        chosen = choose(unpacked([bytes(f["vector"]) for f in frames]), policy, self.budget)
        found = [{**{k: frames[i][k] for k in ("start_s", "end_s", "pts_s")}, "why": why} for i, why in chosen]
        return {**row, "chosen_frames": found, "chosen_policy": policy}

    def _policy(self, said: str | None) -> str:
        found = said
        if said and said.lstrip().startswith("{"):
            try:
                found = json.loads(said).get("policy")
            except ValueError:
                found = None
        word = (found or "").strip().lower()
        return word if word in POLICIES else self.policy


def choose(vectors: Vectors, policy: str, budget: int) -> list[tuple[int, str]]:
    """Return index and reason of the frames that a policy selects, in order.

    Args:
        vectors: vectors of all frames ordered by time; shape (n, d), unit length, n at least 1.
        budget: maximum number of frames, at least 3.
    """
    count = len(vectors)
    if policy == "neither":
        return sorted({0: "begin", count // 2: "middle", count - 1: "end"}.items())
    found: dict[int, str] = {}
    if policy in ("semantic", "both"):
        share = budget if policy == "semantic" else budget // 2
        step = 1.0 - (vectors[1:] * vectors[:-1]).sum(1)
        order = np.argsort(-step, kind="stable") + 1  # of equal changes the earlier one
        found |= {0: "change"} | {int(i): "change" for i in order[: share - 1]}
    if policy in ("motion", "both"):
        for i in _even(count, budget - len(found)):
            found.setdefault(i, "even")
    return sorted(found.items())


def _even(count: int, wanted: int) -> Sequence[int]:
    if wanted >= count:
        return range(count)
    return [int((k + 0.5) * count / wanted) for k in range(wanted)]
