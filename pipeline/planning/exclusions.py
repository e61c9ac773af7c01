"""Which videos the filter leaves out of which table.

Outside the bounds of `duration_s`, a video is left out of every table: nothing more is made of it, and rows that it has
already stay, as its captions do. Outside another bound, it is left out of `dataset` and of the tables that are made
from it, and rows that it has there are removed as its long caption is. A job over finished outputs leaves out the
videos that the filter of an output has left out there.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from operators.store.store import Store
from pipeline.config.table import VIDEOS
from pipeline.planning.foreign import foreign_store
from pipeline.planning.plan import Plan
from pipeline.planning.videos import Mask


class Exclusions:
    """The videos that the filter leaves out, table by table.

    Args:
        filtered: ids of the videos that the filter leaves out of the dataset, as far as it is known.
    """

    def __init__(self, plan: Plan, filtered: Collection[str] = ()) -> None:
        self._plan = plan
        self._filtered = filtered
        self._found: dict[str, Mask] = {}

    def of(self, name: str) -> Mask:
        """Return a mask of the planned videos that a table leaves out."""
        if name not in self._found:
            self._found[name] = self._of(name)
        return self._found[name]

    def follows(self, name: str) -> bool:
        """Return whether rows of a table are removed when the filter leaves out their videos."""
        spec = self._plan.tables.get(name)
        if name == "dataset" or "." in name:
            return True
        return spec is not None and spec.level != "run" and any(map(self.follows, spec.parents))

    def _of(self, name: str) -> Mask:
        plan = self._plan
        spec = plan.tables.get(name)
        if name == VIDEOS or (spec is not None and spec.level == "run"):  # its one row is of the whole output
            return np.zeros(len(plan.videos), bool)
        if spec is None:
            return self._in_finished(name)
        found = plan.unwanted
        if name == "dataset":
            return found | self._mask(self._filtered)
        for parent in spec.parents:
            found = found | self.of(parent)
        return found

    def _in_finished(self, name: str) -> Mask:
        """Return the videos without a row in a table of a finished output whose filter has left them out."""
        plan = self._plan
        output = name.partition(".")[0]
        out = set(Store(plan.config.inputs[output].rstrip("/")).filtered_videos()) & set(plan.videos.ids)
        if not out:
            return self._mask(out)
        for batch in foreign_store(plan.config, name).batches(["video_id"]):
            out -= set(batch["video_id"].unique().to_pylist())
        return self._mask(out)

    def _mask(self, ids: Collection[str]) -> Mask:
        return np.fromiter((v in ids for v in self._plan.videos.ids), bool, len(self._plan.videos))
