"""From a listing to a plan: probes new and changed videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operators.core import rows
from operators.core.arrow import to_table
from operators.core.base import Row
from operators.core.keys import source_key
from operators.store.commit import RECEIPT, CommitVideos
from operators.store.store import Store
from operators.store.table import Claim
from pipeline.config.types import Config
from pipeline.execution.aggregators import AggregatorSpec
from pipeline.execution.stage import CommitStage, Stage, StageSpec
from pipeline.planning.plan import Plan, make_plan
from pipeline.sources.listing import Listing
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import RunFailed

PROBED = pa.schema([*rows.VIDEO, rows.ACCESS_URI, *(rows.COLUMNS[name] for name in ("key", "attempts", "passes"))])
"""Schema of rows to be probed: the columns of the videos table, and those for signed URLs and failure events."""

PASS_ROWS = 2**18
"""Maximum number of rows of one graph, which stay in the object store until they are processed."""
_FRESH = object()  # marks, in place of a failure, a video that must be probed
_PROBED_HERE = 64  # maximum number of videos probed in this process; for more a pool is started


class Prober:
    """Plans the selected videos of a listing.

    Args:
        chosen: the selected rows of the listing.
        claim: the claim of the run that writes; None for planning only.
        share: name of the run's share of the store, or of the plan.
        say: prints one line for the user.

    Attributes:
        probed: number of videos that `plan` has written to the store.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        listing: Listing,
        selection: Selection,
        chosen: Sequence[Row],
        *,
        run_id: str,
        claim: Claim | None,
        share: str,
        say: Callable[[str], None],
    ) -> None:
        self._config = config
        self._store = store
        self._listing = listing
        self._selection = selection
        self._chosen = chosen
        self._run_id = run_id
        self._claim = claim
        self._share = share
        self._say = say
        self.probed = 0

    def plan(self, connect: Callable[[], object], run_graph: Callable[[pa.Table], None]) -> Plan:
        """Probe new and changed videos, and plan.

        Args:
            connect: called before `run_graph`.
            run_graph: probes rows of `PROBED` on a cluster, if there are too many for this process.

        Raises:
            RunFailed: probing returned no answer for a video.
        """
        failed = self._store.failed()
        todo = []
        for row, before in zip(self._chosen, self._before(self._chosen), strict=True):
            key = source_key(row["video_id"], row["source_version"])
            tried = failed.get((key, None))
            again = before is not _FRESH and before is not None and (tried is None or not tried.final)
            if before is _FRESH or again:
                passes, attempts = (tried.passes, tried.attempts) if again and tried else (0, 0)
                todo.append({**row, "key": key, "passes": passes, "attempts": attempts})
        self.probed = len(todo)
        if todo:
            self._say(f"probing {len(todo)} of {len(self._chosen)} videos")
            if len(todo) <= _PROBED_HERE:
                self._probe_here(todo)
            else:
                connect()
                for start in range(0, len(todo), PASS_ROWS):
                    run_graph(to_table(todo[start : start + PASS_ROWS], PROBED, stage="list"))
        known = self._known()
        at = pc.index_in(pa.array([row["video_id"] for row in self._chosen], pa.string()), known["video_id"])
        if at.null_count:
            lost = [row["uri"] for row, found in zip(self._chosen, at.is_valid().to_pylist(), strict=True) if not found]
            raise RunFailed(
                f"{len(lost)} videos came back from probing without an answer, such as {lost[0]}; run again"
            )
        # signed URLs are known only from the listing, because they are not stored
        access = pa.array([row["access_uri"] for row in self._chosen], pa.string())
        probed = known.take(at).append_column(rows.ACCESS_URI, access)
        return make_plan(self._config, probed, self._selection, self._listing.ignored)

    def _probe_here(self, todo: list[Row]) -> None:
        """Probe in this process instead of a graph, which is faster for a few files than starting Ray."""
        stage = Stage(StageSpec(operators=(self._config.probe,), output=PROBED))
        writer = f"probe {self._share}"
        arguments = {"store_uri": self._store.uri, "run_id": self._run_id, "writer": writer, "claim": self._claim}
        commit = CommitStage(AggregatorSpec(committer=CommitVideos, arguments=arguments), RECEIPT)
        commit(stage(to_table(todo, PROBED, stage="list")))
        stage.close()

    def _known(self) -> pa.Table:
        """The probed facts of the selected videos, from this run or earlier ones."""
        known = self._store.videos.read()
        return known.filter(pc.is_in(known["video_id"], pa.array([r["video_id"] for r in self._chosen], pa.string())))

    def _before(self, chosen: Sequence[Row]) -> list[Any]:
        """For each row the failure of its probe, None on success, or `_FRESH` if it must be probed because it is new or
        its source changed."""
        if not chosen:
            return []
        known = self._known()
        stored = [rows.VIDEO.field(name) for name in chosen[0] if name in rows.VIDEO.names and name != "failure"]
        wanted = to_table(list(chosen), pa.schema(stored))
        at = pc.index_in(wanted["video_id"], known["video_id"])
        same = at.is_valid()
        for name in wanted.column_names:
            was, is_ = known[name].take(at), wanted[name]
            both_null = pc.and_(pc.is_null(was), pc.is_null(is_))
            same = pc.and_(same, pc.or_(pc.fill_null(pc.equal(was, is_), False), both_null))
        failures = known["failure"].take(at)
        found = zip(same.to_pylist(), pc.is_valid(failures).to_pylist(), failures.to_pylist(), strict=True)
        return [(failure if bad else None) if equal else _FRESH for equal, bad, failure in found]

    def known_plan(self) -> Plan | None:
        """The plan of the selected videos that were probed before and have not changed. Reads no source.

        With `max_hours` it ends at the first video of unknown duration, on which the rest of the plan depends. None if
        there is no output.
        """
        if not self._store.exists():
            return None
        known = self._known()
        known = known.filter(pc.is_null(known["failure"]))
        at = pc.index_in(pa.array([row["video_id"] for row in self._chosen], pa.string()), known["video_id"])
        now = pa.array([row["source_version"] for row in self._chosen], pa.string())
        same = pc.fill_null(pc.equal(known["source_version"].take(at), now), False).to_numpy()
        if self._selection.max_hours is not None and not same.all():
            same[int(same.argmin()) :] = False
        return make_plan(self._config, known.take(at.filter(pa.array(same))), self._selection, self._listing.ignored)
