"""Find the captions of windows that a long caption was made from, when a video has those of several configs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from operators.core.keys import current_key
from operators.store.store import Store
from pipeline.planning.past import planned_by

_COLUMNS = ["video_id", "run_id", "key"]


def current_keys(store: Store, found: Mapping[str, Iterable[tuple[str | None, str]]]) -> dict[str, str]:
    """Return video_id -> key of its rows in `segments` that belong to its long caption.

    A run with other settings may have captioned the segments of a video and then failed to narrate it: the earlier long
    caption stays, and cites the windows of the earlier segments. The plan of the run that made it has their key. If it
    cannot be read, or there is no long caption, the key of the newest run is used.

    Args:
        found: video_id -> run and key of its rows in `segments`. If a video has one key only, nothing is read.
    """
    pairs = {video_id: set(some) for video_id, some in found.items()}
    narrated = _narrated(store, [video_id for video_id, some in pairs.items() if len({key for _, key in some}) > 1])
    of_run: dict[str, set[str]] = {}
    for video_id, (run_id, _) in narrated.items():
        of_run.setdefault(run_id, set()).add(video_id)
    cited: dict[str, str] = {}
    for run_id, some in of_run.items():
        cited |= _planned(store, run_id, some)
    current = {
        video_id: current_key(some, narrated.get(video_id, ("", None))[1], cited.get(video_id))
        for video_id, some in pairs.items()
    }
    return {video_id: key for video_id, key in current.items() if key is not None}


def _narrated(store: Store, video_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return video_id -> run and key of its long caption, be it in `dataset` or in `filtered`."""
    found: dict[str, tuple[str, str]] = {}
    for table in (store.filtered, store.dataset) if video_ids else ():
        rows = table.lookup("video_id", *video_ids, columns=_COLUMNS).to_pylist()
        found |= {row["video_id"]: (str(row["run_id"]), row["key"]) for row in rows}
    return found


def _planned(store: Store, run_id: str, video_ids: Collection[str]) -> dict[str, str]:
    """Return video_id -> key of its segments in the plan of a run."""
    plan = planned_by(store, run_id)
    wanted = pc.is_in(plan["video_id"], value_set=pa.array(list(video_ids), pa.string()))
    some = plan.filter(pc.and_(wanted, pc.is_valid(plan["key"])))
    return dict(zip(some["video_id"].to_pylist(), some["key"].to_pylist(), strict=True))
