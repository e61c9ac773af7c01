"""The protocol with two tables that share a pass and a table that is made from both.

Writers are killed at any commit, deliveries come again and out of order, owing one table, the other or both, and other
runs take over. Whatever the order: no key stands twice, what was acknowledged is there, and a row of the child is made
again exactly when the rows that it was made from have changed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from operators.core import rows
from operators.core.base import Row
from operators.core.branch import MISSING, column_of
from operators.core.fingerprint import digest
from operators.store import table as module
from operators.store.commit_pass import KEYS, CommitPass
from operators.store.commit_rows import CommitRows
from operators.store.store import Store
from operators.store.table import Fenced

VIDEOS, SEGMENTS, PARENTS = ("a", "b"), (0, 1), ("one", "two")
_END = [rows.COLUMNS[name] for name in ("content_hash", "run_id", "host", "timings")]
SEGMENT = pa.schema(
    [*(rows.SEGMENT.field(n) for n in ("video_id", "segment_index", "key")), pa.field("n", pa.int64()), *_END]
)
CHILD = pa.schema([*(rows.SEGMENT.field(n) for n in ("video_id", "key")), pa.field("n", pa.int64()), *_END])
TABLES = {"one": SEGMENT, "two": SEGMENT, "child": CHILD}


class Killed(BaseException):
    """SIGKILL, as far as this process can tell."""


class Tables(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="longcap-protocol-")
        self.out = f"{self.folder}/out"
        self.real = module.land
        self.kill: tuple[str, int] | None = None  # how, and at which write from now
        self.acknowledged: set[tuple[str, str, int]] = set()
        self.made: dict[str, str] = {}
        module.land = self.write

    def teardown(self) -> None:
        try:
            self.kill = None
            self.finish()
        finally:
            module.land = self.real
            shutil.rmtree(self.folder)

    def write(self, *args: Any, **kwargs: Any) -> None:
        how, left = self.kill or ("", 0)
        now = bool(how) and left == 0
        self.kill = None if not how or now else (how, left - 1)
        if now and how == "before":
            raise Killed
        self.real(*args, **kwargs)
        if now and how == "after":
            raise Killed
        if now and how == "answer lost":
            raise OSError("connection reset")

    @initialize()
    def first(self) -> None:
        self.begin()

    @rule()
    def begin(self) -> None:
        """A run takes over."""
        self.claim = Store(self.out, tables=TABLES).claim()
        self.start()

    @rule()
    def start(self) -> None:
        """Another life of the writers."""
        given: dict[str, Any] = {"store_uri": self.out, "run_id": "run", "host": "here", "claim": self.claim}
        parts = {name: (CommitRows, {"table": name, "schema": SEGMENT, "level": "segment"}) for name in PARENTS}
        self.parents = CommitPass(parts, writer="pass all", **given)
        self.child = CommitRows(table="child", schema=CHILD, level="video", writer="child all", **given)

    @rule(
        batch=st.lists(
            st.tuples(
                st.sampled_from(VIDEOS), st.sampled_from(SEGMENTS), st.sets(st.sampled_from(PARENTS), min_size=1)
            ),
            min_size=1,
            max_size=4,
        ),
        kill=st.sampled_from([None, None, ("before", 0), ("before", 1), ("after", 0), ("answer lost", 1)]),
    )
    def deliver(self, batch: list[tuple[str, int, set[str]]], kill: tuple[str, int] | None) -> None:
        """Segments arrive that are owed to one table or to both; the writer may die between the two commits."""
        self.kill = kill
        try:
            self.parents.commit([row(video, index, owed) for video, index, owed in batch])
        except Killed:
            self.start()
            return
        finally:
            self.kill = None
        self.acknowledged |= {(table, video, index) for video, index, owed in batch for table in owed}

    @precondition(lambda self: self.acknowledged)
    @rule(video=st.sampled_from(VIDEOS), kill=st.sampled_from([None, None, ("before", 0), ("after", 0)]))
    def make_child(self, video: str, kill: tuple[str, int] | None) -> None:
        """The child's row is made from what stands in both parents now."""
        key = self.expected(video)
        if key is None:
            return
        self.kill = kill
        try:
            self.child.commit([{"video_id": video, "key": key, "n": 1, "failure": None}])
        except Killed:
            self.start()
            return
        finally:
            self.kill = None
        self.made[video] = key

    @rule(video=st.sampled_from(VIDEOS), index=st.sampled_from(SEGMENTS))
    def wake(self, video: str, index: int) -> None:
        """A writer of the life before wakes up; it must not add anything."""
        old, before = self.parents, self.durable()
        self.start()
        try:
            old.commit([row(video, index, set(PARENTS))])
        except Fenced:
            pass
        else:
            assert {(table, video, index) for table in PARENTS} <= set(before)
        assert self.durable() == before

    @rule()
    def join_files(self) -> None:
        for table in Store(self.out, tables=TABLES).derived.values():
            table.compact()

    @invariant()
    def nothing_is_lost_or_twice(self) -> None:
        if not hasattr(self, "claim"):
            return
        there = self.durable()
        assert not [at for at, count in there.items() if count > 1]
        assert self.acknowledged <= set(there)
        children = Store(self.out, tables=TABLES).table("child").read(["video_id", "key"]).to_pylist()
        assert len({r["video_id"] for r in children}) == len(children)
        assert {r["video_id"]: r["key"] for r in children}.items() >= self.made.items()

    def durable(self) -> Counter[tuple[str, str, int]]:
        store = Store(self.out, tables=TABLES)
        return Counter(
            (name, r["video_id"], r["segment_index"])
            for name in PARENTS
            for r in store.table(name).read(["video_id", "segment_index"]).to_pylist()
        )

    def expected(self, video: str) -> str | None:
        """Key of the child's row, from what stands in the parents; None where one of them has nothing."""
        there = self.durable()
        have = [[index for index in SEGMENTS if (name, video, index) in there] for name in PARENTS]
        return digest([video, have]) if all(have) else None

    def finish(self) -> None:
        """A fresh run completes the work."""
        self.begin()
        self.parents.commit([row(video, index, set(PARENTS)) for video in VIDEOS for index in SEGMENTS])
        for video in VIDEOS:
            self.make_child(video, None)
        assert set(self.durable()) == {(t, v, i) for t in PARENTS for v in VIDEOS for i in SEGMENTS}
        children = Store(self.out, tables=TABLES).table("child").read(["video_id", "key"]).to_pylist()
        assert {r["video_id"]: r["key"] for r in children} == {video: self.expected(video) for video in VIDEOS}


def row(video: str, index: int, owed: set[str]) -> Row:
    keys = {table: (f"{table}-{video}", 0, 0) for table in owed}
    own = {column_of(table): {"n": index, "failure": None} for table in owed}
    return {
        **dict.fromkeys(rows.SEGMENT.names),
        "video_id": video,
        "segment_index": index,
        "failure": None,
        MISSING: sorted(owed),
        KEYS: json.dumps(keys),
        **own,
    }


TestTables = Tables.TestCase
TestTables.settings = settings(
    max_examples=12,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,  # as in test_protocol
    suppress_health_check=list(HealthCheck),
)
