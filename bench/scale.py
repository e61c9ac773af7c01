"""Model how a run scales over nodes: a discrete-event simulation of the graph with given stage times.

    plan ─► decoders ─► a bounded buffer ─► engines' slots ─► one gather actor ─► narrators' slots ─► done

Decoders hold a finished segment until the buffer accepts it, as with back-pressure; gather commits all waiting rows,
up to the rows of a commit, one commit at a time; a video is narrated when its last segment is durable. Time is virtual,
so the figures are equal on every machine.
"""

from __future__ import annotations

import argparse
import heapq
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

_COMMIT_ROWS = 256
_HOUR = 30  # segments


@dataclass(frozen=True, kw_only=True)
class Takes:
    """Durations, and the resources of a node.

    Attributes:
        decode_s: time of a segment in a decoder.
        caption_s: time of a segment in a slot of a full engine.
        narrate_s: time of an hour of video, 30 segments, in a slot of a narrator, whose sections are sequential.
        commit_s, row_s: time of a commit, and additional time per row.
        decoders, slots, narrators: number per node.
    """

    decode_s: float = 8.0
    caption_s: float = 8.0
    narrate_s: float = 30.0
    commit_s: float = 0.5
    row_s: float = 0.002
    decoders: int = 15
    slots: int = 16
    narrators: int = 4


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A simulated run: its duration, the time at which decoders became idle, the time at which nine tenths of all
    segments were durable, and the utilization of gather."""

    seconds: float
    drained_s: float
    most_s: float
    gather_busy_s: float
    rows_a_s: float


def simulate(takes: Takes, nodes: int, lengths: Sequence[int]) -> Ran:
    """Simulate videos with these numbers of segments, in this order, on this number of nodes."""
    model = _Model(takes, nodes, lengths)
    model.begin()
    while model.events:
        model.end(heapq.heappop(model.events))
        model.begin()
    if model.narrated != len(lengths):
        raise AssertionError(f"{model.narrated} of {len(lengths)} videos were narrated")
    return Ran(
        seconds=model.now,
        drained_s=model.drained_s,
        most_s=model.most_s,
        gather_busy_s=model.gather_busy_s,
        rows_a_s=sum(lengths) / model.now,
    )


class _Model:
    """The state at one time: start everything that can start, then advance to the next end."""

    def __init__(self, takes: Takes, nodes: int, lengths: Sequence[int]) -> None:
        self.takes, self.lengths = takes, lengths
        self.plan = deque(video for video, length in enumerate(lengths) for _ in range(length))
        self.free_decoders = nodes * takes.decoders
        self.free_slots = nodes * takes.slots
        self.free_narrators = nodes * takes.narrators
        self.room = 2 * self.free_slots
        self.blocked: deque[int] = deque()
        self.ready: deque[int] = deque()
        self.waiting: deque[int] = deque()
        self.whole: deque[int] = deque()
        self.left = list(lengths)
        self.durable = 0
        self.committing = False
        self.events: list[tuple[float, int, str, list[int]]] = []
        self.now = self.drained_s = self.most_s = self.gather_busy_s = 0.0
        self.count = self.narrated = 0

    def begin(self) -> None:
        while self.blocked and len(self.ready) < self.room:
            self.ready.append(self.blocked.popleft())
            self.free_decoders += 1
        while self.plan and self.free_decoders:
            self.free_decoders -= 1
            self.drained_s = self.now
            self._later(self.takes.decode_s, "decoded", [self.plan.popleft()])
        while self.ready and self.free_slots:
            self.free_slots -= 1
            self._later(self.takes.caption_s, "captioned", [self.ready.popleft()])
        if self.waiting and not self.committing:
            rows = [self.waiting.popleft() for _ in range(min(_COMMIT_ROWS, len(self.waiting)))]
            self.committing = True
            spent = self.takes.commit_s + self.takes.row_s * len(rows)
            self.gather_busy_s += spent
            self._later(spent, "durable", rows)
        while self.whole and self.free_narrators:
            self.free_narrators -= 1
            video = self.whole.popleft()
            self._later(self.takes.narrate_s * self.lengths[video] / _HOUR, "narrated", [video])

    def end(self, event: tuple[float, int, str, list[int]]) -> None:
        self.now, _, what, items = event
        if what == "decoded":
            self.blocked.extend(items)
        elif what == "captioned":
            self.free_slots += 1
            self.waiting.extend(items)
        elif what == "durable":
            self.committing = False
            self.durable += len(items)
            if self.durable >= 0.9 * sum(self.lengths) and not self.most_s:
                self.most_s = self.now
            for video in items:
                self.left[video] -= 1
                if not self.left[video]:
                    self.whole.append(video)
        else:
            self.free_narrators += 1
            self.narrated += 1

    def _later(self, seconds: float, what: str, items: list[int]) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + seconds, self.count, what, items))


def measure_commit(rows: int = _COMMIT_ROWS, commits: int = 8) -> tuple[float, float]:
    """Return seconds of a commit and per row, in a store in a folder: commits of one row against full ones."""
    import tempfile

    from operators.store.commit import CommitSegments
    from tests.support.rows import captioned

    took: dict[int, float] = {}
    for size in (1, rows):
        with tempfile.TemporaryDirectory(prefix="longcap-scale-") as folder:
            commit = CommitSegments(folder, "bench", "here", partial=False)
            batches = [[captioned(f"v{n}-{k}") for k in range(size)] for n in range(commits)]
            commit.commit(batches[0])
            began = time.perf_counter()
            for batch in batches[1:]:
                commit.commit(batch)
            took[size] = (time.perf_counter() - began) / (commits - 1)
    each = max(0.0, (took[rows] - took[1]) / (rows - 1))
    return took[1] - each, each


def table(takes: Takes, nodes: Sequence[int], videos: int, segments: int) -> str:
    """Print one line per number of nodes."""
    lines = ["nodes  hours   efficiency  tail share  gather busy  segments/s"]
    lengths = [segments] * videos
    one = simulate(takes, 1, lengths).seconds
    for count in nodes:
        ran = simulate(takes, count, lengths)
        lines.append(
            f"{count:>5}  {ran.seconds / 3600:>6.2f}  {one / count / ran.seconds:>9.1%}  "
            f"{1 - ran.drained_s / ran.seconds:>9.1%}  {ran.gather_busy_s / ran.seconds:>10.1%}  {ran.rows_a_s:>9.1f}"
        )
    return "\n".join(lines)


def skewed(takes: Takes, nodes: Sequence[int], clips: int, film: int) -> str:
    """Print one line per number of nodes: a film among clips of one to five segments, at several plan positions."""
    lengths = [1 + k % 5 for k in range(clips)]
    orders = {"first": [film, *lengths], "middle": [*lengths[::2], film, *lengths[1::2]], "last": [*lengths, film]}
    lines = ["nodes  film     seconds  from 90 % of the segments on"]
    for count in nodes:
        for where, order in orders.items():
            ran = simulate(takes, count, order)
            lines.append(f"{count:>5}  {where:7}{ran.seconds:>9.0f}  {1 - ran.most_s / ran.seconds:>26.1%}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Efficiency from 1 to 64 nodes, and what would become the limit")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4, 8, 64])
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--segments", type=int, default=30, help="segments of a video")
    parser.add_argument("--skewed", type=int, metavar="CLIPS", help="one film of six hours among this number of clips")
    parser.add_argument("--measure", action="store_true", help="measure commits here instead of the given times")
    for name, default in vars(Takes()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    takes = Takes(**{name: given[name] for name in vars(Takes())})
    if given["measure"]:
        commit_s, row_s = measure_commit()
        print(f"measured here: a commit {commit_s * 1000:.0f} ms, and {row_s * 1000:.2f} ms a row")
        takes = Takes(**{**vars(takes), "commit_s": commit_s, "row_s": row_s})
    if given["skewed"]:
        print(skewed(takes, given["nodes"], given["skewed"], 6 * _HOUR))
        return
    print(table(takes, given["nodes"], given["videos"], given["segments"]))
    most = _COMMIT_ROWS / (takes.commit_s + takes.row_s * _COMMIT_ROWS)
    a_node = min(takes.decoders / takes.decode_s, takes.slots / takes.caption_s)
    print(f"one gather actor commits {most:.0f} segments/s: the limit at {most / a_node:.0f} such nodes")


if __name__ == "__main__":
    main()
