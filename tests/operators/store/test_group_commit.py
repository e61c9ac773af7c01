from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.store.group_commit import GroupCommit, Grouping


class Recorder:
    """A commit that takes a while, and answers each item with itself, itself twice, or nothing."""

    def __init__(self, *, takes_s: float = 0.0) -> None:
        self.commits: list[list[int]] = []
        self.durable: set[int] = set()
        self._takes_s = takes_s
        self._inside = threading.Lock()

    def __call__(self, items: list[int]) -> list[list[str]]:
        assert self._inside.acquire(blocking=False), "two commits at once"
        time.sleep(self._takes_s)
        self.commits.append(list(items))
        if any(item < 0 for item in items):
            self._inside.release()
            raise OSError(f"no room for {items}")
        self.durable.update(items)
        self._inside.release()
        return [[str(item)] * (item % 3) for item in items]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 10**6), max_size=5), min_size=1, max_size=24), st.integers(0, 2**16))
def test_every_caller_gets_his_own_answers_once_his_items_are_durable(calls: list[list[int]], seed: int) -> None:
    commit = Recorder(takes_s=0.001)
    group = GroupCommit(commit)
    pauses = random.Random(seed)

    def call(items: list[int], pause_s: float) -> None:
        time.sleep(pause_s)
        answers = group(items)
        assert commit.durable >= set(items)
        assert answers == [str(i) for i in items for _ in range(i % 3)]

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(call, items, pauses.random() / 200) for items in calls]:
            done.result(60)
    assert sorted(i for c in commit.commits for i in c) == sorted(i for c in calls for i in c)


def test_many_callers_make_few_commits() -> None:
    blocked, recorder = threading.Event(), Recorder()

    def commit(items: list[int]) -> list[list[str]]:
        blocked.wait(60)
        return recorder(items)

    group = GroupCommit(commit)
    assert _together(group, blocked, list(range(32))) == [None] * 32
    assert [len(c) for c in recorder.commits] == [1, 31]
    assert sorted(i for c in recorder.commits for i in c) == list(range(32))


def test_one_caller_alone_is_committed_at_once() -> None:
    commit = Recorder()
    assert GroupCommit(commit)([1, 2]) == ["1", "2", "2"]
    assert commit.commits == [[1, 2]]


def _together(group: GroupCommit[int, str], blocked: threading.Event, calls: list[int]) -> list[BaseException | None]:
    """Make `calls` wait behind a commit that goes on until `blocked` is set; what each of them got."""
    found: list[BaseException | None] = [None] * len(calls)

    def call(k: int) -> None:
        try:
            group([calls[k]])
        except BaseException as error:
            found[k] = error

    threads = [threading.Thread(target=call, args=(k,), daemon=True) for k in range(len(calls))]
    threads[0].start()
    _until(lambda: group._committing)
    for thread in threads[1:]:
        thread.start()
    _until(lambda: group._came == len(calls))
    blocked.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found


def test_an_exception_reaches_all_callers_of_that_commit_and_only_them() -> None:
    blocked, recorder = threading.Event(), Recorder()

    def commit(items: list[int]) -> list[list[str]]:
        blocked.wait(60)
        return recorder(items)

    group = GroupCommit(commit)
    first, *rest = _together(group, blocked, [1, 2, -3, 4])
    assert first is None
    assert recorder.commits[0] == [1]
    assert [type(e) for e in rest] == [OSError] * 3
    assert "no room for" in str(rest[0])
    assert group([5]) == ["5", "5"]  # and it goes on


def test_nobody_returns_as_if_done_when_the_leader_is_interrupted() -> None:
    blocked = threading.Event()
    commits: list[list[int]] = []

    def commit(items: list[int]) -> list[list[str]]:
        commits.append(items)
        blocked.wait(60)
        if len(commits) == 2:
            raise KeyboardInterrupt
        return [[str(i)] for i in items]

    group = GroupCommit(commit)
    found = _together(group, blocked, [1, 2, 3])
    assert [type(e) for e in found] == [type(None), KeyboardInterrupt, KeyboardInterrupt]
    assert group([4]) == ["4"]


def test_no_items_are_no_trouble() -> None:
    assert GroupCommit(Recorder())([]) == []


@pytest.mark.parametrize("size", [1, 7])
def test_answers_follow_the_order_of_the_items(size: int) -> None:
    group = GroupCommit(Recorder())
    assert group([4] * size + [2]) == ["4"] * size + ["2", "2"]


# -- when a commit is made ---------------------------------------------------------------------------------------------


def _grown(grouping: Grouping, recorder: Recorder) -> GroupCommit[int, str]:
    """A group commit that has lived for so long that rows may wait for as long as `flush_s` says."""
    group = GroupCommit(recorder, grouping, urgent=lambda item: item == 0)
    group._born -= 10**6
    return group


def _in_threads(group: GroupCommit[int, str], calls: list[list[int]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=group, args=(items,), daemon=True) for items in calls]
    for k, thread in enumerate(threads):
        thread.start()
        _until(lambda k=k: group._came >= sum(len(c) for c in calls[: k + 1]))  # type: ignore[misc]
    return threads


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("grouping", "first", "last"),
    [
        (Grouping(size=6, flush_s=1e6), [[1, 2], [3, 4]], [5, 6]),
        (Grouping(callers=3, flush_s=1e6), [[1], [2]], [3]),
        (Grouping(expected=5, flush_s=1e6), [[1], [2, 3]], [4, 5]),
        (Grouping(flush_s=1e6), [[1], [2]], [0]),
    ],
    ids=["enough rows", "all callers wait", "no more will come", "one may not wait"],
)
def test_calls_wait_for_others_until_a_commit_is_worth_it(
    grouping: Grouping, first: list[list[int]], last: list[int]
) -> None:
    recorder = Recorder()
    group = _grown(grouping, recorder)
    threads = _in_threads(group, first)
    assert recorder.commits == []
    group(last)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert [sorted(c) for c in recorder.commits] == [sorted([i for c in first for i in c] + last)]


def test_nobody_waits_longer_than_flush_s() -> None:
    recorder = Recorder()
    group = _grown(Grouping(size=100, callers=100, flush_s=0.2), recorder)
    for thread in _in_threads(group, [[1], [2], [3]]):
        thread.join(60)
    assert sorted(i for c in recorder.commits for i in c) == [1, 2, 3]


def test_a_young_writer_answers_soon_whatever_flush_s_says() -> None:
    recorder = Recorder()
    group = GroupCommit(recorder, Grouping(size=100, flush_s=1e6))
    (thread,) = _in_threads(group, [[1]])
    thread.join(60)
    assert recorder.commits == [[1]]


def test_after_the_last_expected_row_repeated_ones_are_not_waited_with() -> None:
    recorder = Recorder()
    group = _grown(Grouping(expected=1, flush_s=1e6), recorder)
    group([1])
    group([1])
    assert recorder.commits == [[1], [1]]
