from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import psutil
import pytest

from operators.core.base import ItemError
from operators.video.isolation import DecodeChild

JOBS = "tests.operators.video.jobs"


# The start of a child counts, too, and takes seconds where other tests use all cores.
STUCK_S, CPU_S, STORAGE_S = 8.0, 6.0, 10.0


@pytest.fixture
def child() -> Iterator[DecodeChild]:
    with DecodeChild(
        no_progress_s=STUCK_S,
        cpu_limit_s=CPU_S,
        memory_limit_bytes=400 * 2**20,
        storage_timeout_s=STORAGE_S,
        recycle_after=3,
    ) as found:
        yield found


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _eventually(check: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return False


def test_returns_what_the_job_returns_from_another_process(child: DecodeChild) -> None:
    assert child.run(f"{JOBS}:add", a=2, b=3) == 5
    assert child.run(f"{JOBS}:pid") == child.pid != os.getpid()


def test_a_row_of_the_largest_size_comes_through(child: DecodeChild) -> None:
    assert len(child.run(f"{JOBS}:large", size=16 * 2**20)) == 16 * 2**20


def test_what_the_job_refuses_keeps_its_class_and_the_child(child: DecodeChild) -> None:
    before = child.run(f"{JOBS}:pid")
    with pytest.raises(ItemError, match="no such frame") as caught:
        child.run(f"{JOBS}:refuse")
    assert caught.value.failure_class == "undecodable"
    assert child.pid == before


def test_a_bug_is_internal_and_names_its_place(child: DecodeChild) -> None:
    with pytest.raises(ItemError, match=r"KeyError: 'oops' \(in jobs.py:\d+\)") as caught:
        child.run(f"{JOBS}:bug")
    assert caught.value.failure_class == "internal"


@pytest.mark.parametrize(
    ("job", "failure_class", "says"),
    [
        ("hang", "timeout", "no progress for 8 s"),
        ("hang_with_the_interpreter_lock_held", "timeout", "no progress for 8 s"),
        ("burn", "timeout", "CPU limit of 6 s"),
        ("eat_memory", "out_of_memory", "memory limit of 400 MiB"),
        ("crash", "crash", "SIGSEGV"),
        ("leave", "crash", "exit code 3"),
    ],
)
def test_a_job_that_goes_wrong_costs_itself_only(child: DecodeChild, job: str, failure_class: str, says: str) -> None:
    pid = child.run(f"{JOBS}:pid")
    with pytest.raises(ItemError, match=says) as caught:
        child.run(f"{JOBS}:{job}")
    assert caught.value.failure_class == failure_class
    assert _gone(pid)
    assert child.run(f"{JOBS}:add", a=1, b=1) == 2


def test_waiting_for_storage_is_no_hang_but_has_its_own_limit(child: DecodeChild) -> None:
    assert child.run(f"{JOBS}:wait_for_storage", seconds=STUCK_S + 0.7) == "read"  # longer than no_progress_s
    with pytest.raises(ItemError, match="did not answer") as caught:
        child.run(f"{JOBS}:wait_for_storage", seconds=60)
    assert caught.value.failure_class == "storage"


def test_is_recycled_after_so_many_jobs(child: DecodeChild) -> None:
    pids = [child.run(f"{JOBS}:pid") for _ in range(6)]
    assert pids[0] == pids[1] == pids[2] != pids[3] == pids[4] == pids[5]


def test_closing_leaves_no_process_behind() -> None:
    child = DecodeChild()
    pid = child.run(f"{JOBS}:pid")
    child.close()
    assert _gone(pid)
    assert child.pid is None


def test_outlives_the_thread_that_first_used_it(child: DecodeChild) -> None:
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(child.run(f"{JOBS}:pid")))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert child.run(f"{JOBS}:pid") == pids[0]


@pytest.mark.parametrize("job", ["add", "hang_with_the_interpreter_lock_held"])
def test_dies_with_its_parent(job: str) -> None:
    arguments = ", a=1, b=1" if job == "add" else ""
    script = (
        "import threading, time\n"
        "from operators.video.isolation import DecodeChild\n"
        "child = DecodeChild()\n"
        f"threading.Thread(target=lambda: child.run('{JOBS}:{job}'{arguments}), daemon=True).start()\n"
        "while child.pid is None:\n"
        "    time.sleep(0.01)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or str(Path.cwd()) for p in sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not _gone(pid)
        os.kill(parent.pid, signal.SIGKILL)
        assert _eventually(lambda: _gone(pid)), "the child outlived its parent"
    finally:
        parent.kill()
        parent.wait()


def test_the_first_crash_is_tried_again_on_the_same_back_end(child: DecodeChild, tmp_path: Path) -> None:
    once = ("pyav", f"{JOBS}:die_once", {"marker": str(tmp_path / "marker")})
    never = ("pyav-sequential", f"{JOBS}:add", {"a": 1, "b": 1})
    assert child.run_first([once, once, never]) == ("second time", "pyav", 2)


def test_the_second_crash_moves_down_the_chain(child: DecodeChild) -> None:
    crash = ("pyav", f"{JOBS}:crash", {})
    works = ("pyav-sequential", f"{JOBS}:add", {"a": 1, "b": 1})
    assert child.run_first([crash, crash, works]) == (2, "pyav-sequential", 3)


def test_the_last_failure_says_how_often_it_was_tried(child: DecodeChild) -> None:
    crash = ("pyav", f"{JOBS}:crash", {})
    with pytest.raises(ItemError, match="SIGSEGV") as caught:
        child.run_first([crash, crash, crash])
    assert caught.value.attempts == 3


def test_back_ends_that_hang_crash_and_eat_memory_end_in_time_and_leave_nothing(child: DecodeChild) -> None:
    began_s = time.monotonic()
    child.run(f"{JOBS}:add", a=1, b=1)
    start_s = time.monotonic() - began_s  # of a process on this machine, as busy as it is
    before = {p.pid for p in psutil.Process().children(recursive=True)} - {child.pid}
    chain = [("pyav", f"{JOBS}:hang"), ("pyav", f"{JOBS}:crash"), ("pyav-sequential", f"{JOBS}:eat_memory")]
    bad = [(backend, job, {}) for backend, job in chain]
    works = ("ffmpeg", f"{JOBS}:add", {"a": 1, "b": 1})
    began_s = time.monotonic()
    assert child.run_first([*bad, works]) == (2, "ffmpeg", 4)  # type: ignore[list-item]
    with pytest.raises(ItemError, match="memory limit") as caught:
        child.run_first(bad)  # type: ignore[arg-type]
    assert (caught.value.failure_class, caught.value.attempts) == ("out_of_memory", 3)
    # for each of the two: one hangs and one eats memory; some seconds over for each of seven tries
    assert time.monotonic() - began_s < 2 * (STUCK_S + 4 * CPU_S) + 7 * (5.0 + start_s)
    child.close()
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= before


def test_a_plain_answer_is_not_tried_again_except_after_decord(child: DecodeChild) -> None:
    refuse, works = f"{JOBS}:refuse", ("pyav", f"{JOBS}:add", {"a": 1, "b": 1})
    with pytest.raises(ItemError) as caught:
        child.run_first([("pyav", refuse, {}), works])
    assert caught.value.attempts == 1
    assert child.run_first([("decord", refuse, {}), ("decord", refuse, {}), works]) == (2, "pyav", 2)


def test_large_results_come_through_shared_memory(child: DecodeChild) -> None:
    found = child.run(f"{JOBS}:arrays", count=5)
    assert [int(array[0, 0]) for array in found["arrays"]] == list(range(5))
    assert bytes(found["bytes"][:4]) == b"jpeg"
    assert not found["arrays"][0].flags.owndata  # a view, no copy
    child.close()
    assert int(found["arrays"][4].sum()) == 4 * 1000 * 1000  # the memory outlives the child


def test_a_job_that_drips_ends_at_its_time_limit() -> None:
    with DecodeChild(no_progress_s=30, time_limit_s=1.5) as child:
        with pytest.raises(ItemError, match=r"limit of 1\.5 s") as caught:
            child.run(f"{JOBS}:drip")
        assert caught.value.failure_class == "timeout"


def test_a_program_that_the_child_started_goes_with_it(child: DecodeChild) -> None:
    with pytest.raises(ItemError, match="no progress"):
        child.run(f"{JOBS}:start_a_program_and_hang")

    def running() -> bool:
        return any(p.info["cmdline"] == ["sleep", "987.5"] for p in psutil.process_iter(["cmdline"]))

    assert _eventually(lambda: not running())


def test_a_program_counts_against_the_memory_limit(child: DecodeChild) -> None:
    with pytest.raises(ItemError) as caught:
        child.run(f"{JOBS}:let_a_program_eat_memory")
    assert caught.value.failure_class == "out_of_memory"


def test_descriptors_do_not_pile_up(child: DecodeChild) -> None:
    child.run(f"{JOBS}:arrays", count=1)
    gc.collect()  # what other tests left
    before = psutil.Process().num_fds()
    for _ in range(2):
        child.run(f"{JOBS}:arrays", count=1)
    gc.collect()
    assert psutil.Process().num_fds() <= before


def test_closing_ends_the_job_in_flight_and_what_it_started(child: DecodeChild) -> None:
    failures: list[ItemError] = []

    def work() -> None:
        with pytest.raises(ItemError) as caught:
            child.run_first([("pyav", f"{JOBS}:wait_for_storage", {"seconds": 600})] * 3)
        failures.append(caught.value)

    child._storage_timeout_s = child._no_progress_s = 600.0
    working = threading.Thread(target=work, daemon=True)
    working.start()
    assert _eventually(lambda: child.pid is not None)
    pid = child.pid
    assert pid is not None
    child.close()
    working.join(60.0)
    assert [(f.failure_class, f.message) for f in failures] == [("internal", "the decoder was closed")]
    assert child.pid is None and _gone(pid)
    with pytest.raises(ItemError, match="was closed"):
        child.run(f"{JOBS}:add", a=1, b=1)
    child.close()  # again


def test_a_parent_that_was_stopped_does_not_judge_by_the_first_beat_that_it_finds(
    child: DecodeChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("operators.video.isolation.time", SimpleNamespace(monotonic=lambda: now[0]))

    class Beats:
        said: ClassVar[list[tuple[Any, ...]]] = [("beat", 1, None, None), ("beat", 1, None, None)]
        said += [("beat", 2, None, None), ("done", "a row")]

        def poll(self, wait_s: float) -> bool:
            if len(self.said) == 3 and not now[0]:
                if not wait_s:
                    return False
                now[0] = 60.0  # meanwhile two beats have come, of which the first says nothing new
            return True

        def recv(self) -> tuple[Any, ...]:
            return self.said.pop(0)

    child._process = SimpleNamespace(pid=os.getpid())  # type: ignore[assignment]
    child._memory_limit_bytes, child._cpu_limit_s = 2**50, 1e9
    try:
        assert child._watch(cast(Any, Beats())) == ("done", "a row")
    finally:
        child._process = None
