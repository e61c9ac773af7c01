"""The protocol as a state machine: real tables, real committers, and everything that can happen between two steps.

Writers are killed between any two steps, their deliveries come twice and out of order, acknowledgements get lost, a
writer sleeps from before its commit until after its successor has worked, two run side by side under different names,
files are joined and swept. Whatever the order: no key stands twice, what was acknowledged is there, a fenced writer has
added nothing, and in the end a fresh pass completes the work.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from operators.core.base import ItemError
from operators.core.rows import CAPTIONED_SEGMENT
from operators.store import patience
from operators.store import table as module
from operators.store.commit import CommitDataset, CommitSegments
from operators.store.store import Store
from operators.store.table import Claim, Fenced
from tests.support import rows

VIDEOS = ("a", "b", "c")
SEGMENTS = (0, 1)
WRITERS = (1, 2)


class Killed(BaseException):
    """SIGKILL, as far as this process can tell."""


class Protocol(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="longcap-protocol-")
        self.out = f"{self.folder}/out"
        self.real = module.land
        self.kill: str | None = None  # at the next write: before it, or after it and before its answer
        self.acknowledged: set[tuple[str, int]] = set()
        self.narrated: set[str] = set()
        self.hints: set[str] = set()
        self.claim: Claim = Store(self.out).claim()
        self.writers: dict[str, CommitSegments] = {}
        self.sleepers: list[tuple[str, Any]] = []
        self.narrator: CommitDataset | None = None
        module.land = self.write

    def teardown(self) -> None:
        try:
            self.kill = None
            self.finish()
        finally:
            module.land = self.real
            shutil.rmtree(self.folder)

    def write(self, *args: Any, **kwargs: Any) -> None:
        kill, self.kill = self.kill, None
        if kill == "before":
            raise Killed
        self.real(*args, **kwargs)
        if kill == "after":
            raise Killed
        if kill == "answer lost":
            raise OSError("connection reset")

    # -- what happens --------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        for number in WRITERS:
            self.start(number)

    @rule(number=st.sampled_from(WRITERS))
    def start(self, number: int) -> None:
        """A writer begins, or another life of it, while the old one may still be alive somewhere."""
        name = f"gather {number} of run {self.claim.version}"
        if name in self.writers:
            self.sleepers.append((name, self.writers[name]))
        self.writers[name] = CommitSegments(self.out, "run", "here", writer=name, claim=self.claim)

    @rule()
    def new_run(self) -> None:
        """Another driver takes over, with writers of other names: all those of the run before are zombies."""
        self.sleepers += list(self.writers.items())
        self.writers.clear()
        self.narrator = None
        self.claim = Store(self.out).claim()
        self.begin()

    @precondition(lambda self: self.writers)
    @rule(
        data=st.data(),
        batch=st.lists(st.tuples(st.sampled_from(VIDEOS), st.sampled_from(SEGMENTS)), min_size=1, max_size=4),
        kill=st.sampled_from([None, None, None, "before", "after", "answer lost"]),
    )
    def deliver(self, data: st.DataObject, batch: list[tuple[str, int]], kill: str | None) -> None:
        """Some segments arrive, repeated ones among them, at a writer that may die over it."""
        name = data.draw(st.sampled_from(sorted(self.writers)))
        self.kill = kill
        try:
            answers = self.writers[name].commit([rows.captioned(v, i) for v, i in batch])
        except Killed:
            del self.writers[name]
            return
        finally:
            self.kill = None
        self.acknowledged |= set(batch)
        self.hints |= {a["video_id"] for some in answers for a in some if a["kind"] == "whole"}

    @precondition(lambda self: self.sleepers)
    @rule(data=st.data(), video=st.sampled_from(VIDEOS), index=st.sampled_from(SEGMENTS))
    def wake(self, data: st.DataObject, video: str, index: int) -> None:
        """A superseded writer wakes up in the middle of its work; it must not add anything."""
        name, sleeper = data.draw(st.sampled_from(self.sleepers), label="sleeper")
        before = self.durable()
        try:
            sleeper.commit([rows.captioned(video, index)])
        except Fenced:
            pass
        else:  # it had nothing to add: all of it was there
            assert (video, index) in before
        assert self.durable() == before, f"{name} wrote although it was superseded"

    @precondition(lambda self: self.hints)
    @rule(data=st.data(), kill=st.sampled_from([None, None, "before", "after", "answer lost"]))
    def narrate(self, data: st.DataObject, kill: str | None) -> None:
        """A hint arrives; hints are not used up, so that they come again and again."""
        video = data.draw(st.sampled_from(sorted(self.hints)))
        if self.narrator is None:
            self.narrator = CommitDataset(self.out, "run", "here", "narrator", claim=self.claim)
        self.kill = kill
        try:
            self.narrator.commit([rows.narrated(video)])
        except Killed:
            self.narrator = None
            return
        finally:
            self.kill = None
        self.narrated.add(video)

    @rule()
    def join_files(self) -> None:
        Store(self.out).segments.compact()

    @rule()
    def sweep(self) -> None:
        """Files that no table needs go, also those of writers that sleep."""
        for table in (Store(self.out).segments, Store(self.out).dataset):
            table.tidy()

    # -- what must hold ------------------------------------------------------------------------------------------------

    def durable(self) -> Counter[tuple[str, int]]:
        found = Store(self.out).segments.read(["video_id", "segment_index"]).to_pylist()
        return Counter((r["video_id"], r["segment_index"]) for r in found)

    @invariant()
    def nothing_is_twice_and_nothing_acknowledged_is_lost(self) -> None:
        durable = self.durable()
        assert not [at for at, n in durable.items() if n > 1]
        assert self.acknowledged <= set(durable)
        dataset = Store(self.out).dataset.read(["video_id"])["video_id"].to_pylist()
        assert len(dataset) == len(set(dataset)) and self.narrated <= set(dataset)
        told_whole = {(video, index) for video in self.hints for index in SEGMENTS}
        assert told_whole <= set(durable), "a video is called whole only if it is"

    def finish(self) -> None:
        """What a driver does that starts anew: compare with the store, do the rest."""
        self.new_run()
        gather = CommitSegments(self.out, "run", "here", claim=self.claim)
        done = Store(self.out).done_segments()
        left = [(v, i) for v in VIDEOS for i in SEGMENTS if not done.has(f"captions-{v}", i)]
        if left:
            gather.commit([rows.captioned(v, i) for v, i in left])
        dataset = CommitDataset(self.out, "run", "here", "narrator", claim=self.claim)
        dataset.commit([rows.narrated(v) for v in VIDEOS])
        assert self.durable() == Counter({(v, i): 1 for v in VIDEOS for i in SEGMENTS})
        assert sorted(Store(self.out).done_videos()) == list(VIDEOS)
        hashes = Store(self.out).segments.read(["video_id", "segment_index", "content_hash"]).sort_by("video_id")
        assert len(set(hashes["content_hash"].to_pylist())) == len(VIDEOS) * len(SEGMENTS)


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,  # the same walks every time: this suite gates what lands
    suppress_health_check=list(HealthCheck),
)


def test_a_conflict_that_never_ends_is_given_up(tmp_path: Any, monkeypatch: Any) -> None:
    """Another writer is always quicker than this one: storage's error after a bounded time."""
    store = Store(str(tmp_path))
    store.segments.fence()
    other = Store(str(tmp_path), writer="other").segments
    other.fence()
    real = module.land
    monkeypatch.setattr(patience, "_CONFLICT_S", 0.5)

    def overtaken(delta: Any, data: pa.Table, *how: Any, **more: Any) -> None:
        monkeypatch.setattr(module, "land", real)
        other.append(_one(f"{delta.version()}"))
        monkeypatch.setattr(module, "land", overtaken)
        real(delta, data, *how, **more)

    monkeypatch.setattr(module, "land", overtaken)
    try:
        store.segments.append(_one("never"))
    except ItemError as error:
        assert "for 0.5 s every commit met another writer's" in str(error)
    else:
        raise AssertionError("it landed on a version that it had not looked at")
    assert "never" not in store.segments.read(["video_id"])["video_id"].to_pylist()


def _one(video_id: str) -> pa.Table:
    return pa.Table.from_pylist([rows.captioned(video_id, 0)], schema=CAPTIONED_SEGMENT)
