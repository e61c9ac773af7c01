"""Which runs on an output left work to do that no later run has done, from the records of runs alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core.base import Row
from operators.store.store import Store
from pipeline.output.lease import ALL


class Unfinished(NamedTuple):
    """A run that did not finish.

    Attributes:
        share: the shard of the output that it processes, such as `1-of-4`, or `all`.
        left: number of videos that it left to do; None if it ended without a report.
    """

    run_id: str
    share: str
    left: int | None


def unfinished_runs(store: Store, *, at_work: bool = False) -> list[Unfinished]:
    """Return the runs that did not finish and whose work no later run has taken over or done, oldest first.

    Args:
        at_work: whether a run is active, which may be doing what others left.
    """
    asked = store.run_records("asked.json")
    reports = {report["run_id"]: report for report in store.run_records("report.json")}
    last = {run["run_id"] for run in last_runs(asked)}
    found: list[Unfinished] = []
    for k, run in enumerate(asked):
        report = reports.get(run["run_id"])
        if report is not None and report.get("status") == "done" and not report.get("unaccounted"):
            continue
        if run["run_id"] not in last:
            later = [r for r in asked[k + 1 :] if reports.get(r["run_id"], {}).get("status") == "done"]
            if at_work or any(_covers(r, run) for r in later) or not _left(store, run):
                continue
        left = None if report is None else len(report.get("unaccounted") or ())
        found.append(Unfinished(run["run_id"], _share(run), left))
    return found


def last_runs(asked: Sequence[Row]) -> list[Row]:
    """Return the last run on each share of the output, without runs whose work later runs took over.

    A run that was limited to a part of its videos takes over only from others of its kind.
    """
    last: dict[tuple[str, bool], Row] = {}
    for run in asked:
        share, part = _share(run), bool(run.get("part"))
        if share == ALL and not part:
            last.clear()
        last[share, part] = run
        count = int(share.rsplit("-of-", 1)[-1]) if share != ALL else 0
        if count and all((f"{i}-of-{count}", False) in last for i in range(1, count + 1)):
            last.pop((ALL, False), None)
    return list(last.values())


def _share(run: Row) -> str:
    return str(run.get("share") or ALL)


def _covers(run: Row, other: Row) -> bool:
    """Return whether a run was to process all that another one was to process."""
    inputs = set(run.get("inputs") or ())
    return not run.get("part") and _share(run) in (ALL, _share(other)) and inputs >= set(other.get("inputs") or ())


def _left(store: Store, run: Row) -> bool:
    """Return whether the output has neither a long caption nor a failure of a video that a run had planned."""
    plan = store.read_file(f"runs/{run['run_id']}/videos.parquet")
    if plan is None or not store.dataset.exists():  # of a recipe without long captions
        return False
    try:
        planned = set(pq.read_table(io.BytesIO(plan), columns=["video_id"])["video_id"].to_pylist())
    except (pa.ArrowException, OSError):  # `verify` names the file
        return False
    failed = store.failures.read(["video_id"])["video_id"].to_pylist()
    return bool(planned - {*store.done_videos(), *store.filtered_videos(), *failed})
