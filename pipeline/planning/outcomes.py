"""Outcomes of videos without remaining segments: done, excluded by the filter, given up, or to be narrated.

The filter is applied again to the rows in the tables, so that a changed filter takes effect without decoding or
captioning anything again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from operators.analysis.filter import Filter
from operators.core.base import Row
from operators.core.keys import video_key, video_keys
from operators.store.store import Failed, narration_failure_key
from pipeline.config.tables import strict
from pipeline.planning.plan import Plan

TODO, DONE, FAILED, UNWANTED = 0, 1, 2, 3
"""States of a segment; unwanted: it has no row and gets none, because the filter leaves its video out; see
`pipeline.planning.exclusions`."""


class LeftOut(NamedTuple):
    """A video that the filter excludes.

    Attributes:
        misses: rows of `structs.MISS`.
        key: current or expected key of its row in the table `filtered`.
    """

    misses: list[Row]
    key: str


@dataclass(kw_only=True)
class Standing:
    """The videos in a table, and the result of the filter for their columns.

    Attributes:
        keys: video_id -> key of its row.
        misses: video_id -> the bounds that it misses; only videos that miss any.
        unmeasured: video_id -> bounded columns without a value; only videos that have any.
        narrated: the excluded videos whose rows hold a caption.
    """

    keys: dict[str, str] = field(default_factory=dict)
    misses: dict[str, list[Row]] = field(default_factory=dict)
    unmeasured: dict[str, tuple[str, ...]] = field(default_factory=dict)
    narrated: set[str] = field(default_factory=set)

    @staticmethod
    def of(batches: Iterable[pa.RecordBatch], rule: Filter) -> Standing:
        """Build from batches with `video_id`, `key`, the bounded columns and, for excluded videos, `words`."""
        found = Standing()
        for batch in batches:
            ids = batch["video_id"].to_pylist()
            found.keys.update(zip(ids, batch["key"].to_pylist(), strict=True))
            if "words" in batch.schema.names:
                found.narrated.update(i for i, words in zip(ids, batch["words"].to_pylist(), strict=True) if words)
            for row in batch.to_pylist() if rule.limits else ():
                if misses := rule.misses(row):
                    found.misses[row["video_id"]] = misses
                if unmeasured := rule.unmeasured(row):
                    found.unmeasured[row["video_id"]] = unmeasured
        return found


@dataclass(kw_only=True)
class Outcomes:
    """The outcomes of the videos without remaining segments."""

    rule: Filter
    dataset: Standing
    out: Standing
    whole: list[int] = field(default_factory=list)  # positions of the videos to narrate
    given_up: dict[str, str] = field(default_factory=dict)
    filtered: dict[str, LeftOut] = field(default_factory=dict)
    returning: set[str] = field(default_factory=set)
    unmeasured: Counter[str] = field(default_factory=Counter)

    def stands(self, video_id: str, key: str) -> bool:
        """Return whether a table has the video under this key, so that it is done; record the table and reasons."""
        if self.dataset.keys.get(video_id) == key:
            where = self.dataset
        elif self.out.keys.get(video_id) == key:
            where = self.out
        else:
            return False
        if misses := where.misses.get(video_id):
            self.filtered[video_id] = LeftOut(misses, key)
            return True
        if where is self.out:
            if video_id not in self.out.narrated:
                return False
            self.returning.add(video_id)
        self.unmeasured.update(where.unmeasured.get(video_id, ()))
        return True


def decide(plan: Plan, outcomes: Outcomes, failures: Mapping[tuple[str, int | None], Failed], state: Any) -> None:
    """Add the videos without remaining segments to `outcomes`."""
    videos, narrators, unwanted = plan.videos, plan.narrators, plan.unwanted
    whole_only = strict(plan.config)
    setting = (
        "run.on_incomplete is fail" if plan.config.run.on_incomplete == "fail" else "tables.dataset.missing is fail"
    )
    refused = plan.refused.get("dataset", {})
    if not len(videos):
        return
    counts, begins = videos.counts, np.cumsum(videos.counts) - videos.counts
    over = np.flatnonzero(np.add.reduceat(state == TODO, begins, dtype=np.int64) == 0)
    ids = videos.facts["video_id"].take(pa.array(over)).to_pylist()
    complete = (np.add.reduceat(state == DONE, begins, dtype=np.int64) == counts)[over]
    up_to_date = video_keys((videos.keys[i], int(counts[i]), narrators[i]) for i in over.tolist())
    for i, video_id, is_complete, key in zip(over.tolist(), ids, complete.tolist(), up_to_date, strict=True):
        captions, narrator = videos.keys[i], narrators[i]
        if video_id in refused and not unwanted[i]:
            outcomes.given_up[video_id] = refused[video_id]
            continue
        if is_complete and not unwanted[i] and outcomes.stands(video_id, key):
            continue
        marks = state[begins[i] : begins[i] + counts[i]]
        have, lost = np.flatnonzero(marks == DONE).tolist(), np.flatnonzero(marks == FAILED).tolist()
        now = key if is_complete else video_key(captions, have, narrator)
        if unwanted[i]:
            length = {"duration_s": float(videos.durations_s[i])}
            outcomes.filtered[video_id] = LeftOut(outcomes.rule.misses(length), now)
            continue
        if not is_complete and not whole_only and outcomes.stands(video_id, now):
            continue
        narration = failures.get((narration_failure_key(captions, narrator), None))
        if not have:
            outcomes.given_up[video_id] = failures[captions, lost[0]].message
        elif lost and whole_only:
            outcomes.given_up[video_id] = (
                f"{len(lost)} of {counts[i]} segments failed (coverage at most {videos[i].share(have):.2f}, "
                f"{setting}): {failures[captions, lost[0]].message}"
            )
        elif narration is not None and narration.final:
            outcomes.given_up[video_id] = narration.message
        else:
            outcomes.whole.append(i)
