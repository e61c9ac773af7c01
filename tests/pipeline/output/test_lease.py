"""Who may work on an output: in a folder, and on a real S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fsspec
import psutil
import pytest

from operators.core.storage import files_below
from pipeline.output import lease as module
from pipeline.output.lease import Lease
from pipeline.terminal.errors import RunFailed
from tests.support.command import wait_until

TTL_S = 9.0  # a heartbeat comes every third of it, and that is how long a newcomer waits for one
SHORT_S = 1.5  # where nobody is alive, so that all of it is waited for


def lease(place: str, share: str = "all", run_id: str = "run", said: list[str] | None = None, **how: Any) -> Lease:
    return Lease(place, share, run_id, (said if said is not None else []).append, **{"ttl_s": TTL_S, **how})


def leave_behind(place: str, *, share: str = "all", number: int = 1, **changes: Any) -> None:
    """A lease whose holder died without recording its end."""
    holder = {"run_id": "old", "host": "there", "machine": "another", "pid": 1, "started": 0.0, "beat": 7, **changes}
    files, folder = fsspec.core.url_to_fs(place)
    files.makedirs(f"{folder}/runs/lease/{share}", exist_ok=True)
    files.pipe_file(f"{folder}/runs/lease/{share}/{number:08d}.json", json.dumps(holder).encode())


def lying(place: str) -> list[str]:
    return list(files_below(f"{place}/runs/lease"))


def held_now(place: str) -> list[str]:
    """The names of lease files whose holders have not ended."""
    files, _ = fsspec.core.url_to_fs(place)
    return [p.rsplit("/", 1)[-1] for p in lying(place) if not json.loads(files.cat_file(p)).get("ended")]


def test_a_free_output_is_taken_at_once_and_given_back(place: str) -> None:
    said: list[str] = []
    for k in (1, 2):
        with lease(place, said=said).held() as held:
            assert held_now(place) == [f"{k:08d}.json"] and not held.lost
        assert held_now(place) == []
    assert said == []
    assert len(lying(place)) == 1, "the last one stays and says that it ended"


def test_a_holder_that_is_alive_is_not_disturbed(place: str) -> None:
    said: list[str] = []
    with lease(place, run_id="first").held() as held:
        with pytest.raises(RunFailed, match=r"run first \(process \d+ on .*\) is at work on .*the same command again"):
            lease(place, said=said).held().__enter__()
        assert not held.lost
    assert "run first on" in said[0] and "waiting 9 s for a heartbeat" in said[0]
    with lease(place).held():
        pass


def test_of_several_that_begin_at_once_one_works_and_the_others_are_told(place: str) -> None:
    ready = threading.Barrier(4)
    ended = threading.Event()
    refused: list[str] = []

    def begin(k: int) -> bool:
        ready.wait()
        try:
            with lease(place, run_id=f"run{k}").held():
                ended.wait(60)
                return True
        except RunFailed as error:
            refused.append(str(error))
            if len(refused) == 3:
                ended.set()
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(begin, range(4))) == [False, False, False, True]
    assert len(refused) == 3 and all("run" in r and "again" in r for r in refused)


def test_who_saw_the_output_free_and_is_late_does_not_work_beside_who_was_quicker(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, looked = lease(place, run_id="late"), threading.Event()
    quick = threading.Event()
    wait = late._wait_for

    def wait_and_sleep(share: str) -> int:
        number = wait(share)
        looked.set()
        assert quick.wait(30)
        return number

    monkeypatch.setattr(late, "_wait_for", wait_and_sleep)
    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(late.held().__enter__)
        assert looked.wait(30)
        with lease(place, run_id="quick").held() as held:
            quick.set()
            with pytest.raises(RunFailed, match=r"run quick .* began at the same moment"):
                failing.result(30)
            assert held_now(place) == ["00000001.json"] and not held.lost


def test_a_late_one_is_told_even_where_who_was_quicker_has_ended(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    late = lease(place, run_id="late")
    wait = late._wait_for

    def wait_and_sleep(share: str) -> int:
        number = wait(share)
        with lease(place, run_id="quick").held():
            pass
        return number

    monkeypatch.setattr(late, "_wait_for", wait_and_sleep)
    with pytest.raises(RunFailed, match=r"run quick .* began at the same moment"), late.held():
        pass


def test_a_process_of_this_machine_that_died_is_not_waited_for(place: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    leave_behind(place, machine=module._machine(), pid=child.pid)
    said: list[str] = []
    with lease(place, said=said, ttl_s=600.0).held():  # would be ten minutes
        pass
    assert said == []


@pytest.mark.parametrize("known", [{"started": 12.0}, {"start_ticks": 12}], ids=["older version", "this version"])
def test_a_process_with_the_same_number_is_not_the_same_process(place: str, known: dict[str, Any]) -> None:
    leave_behind(place, machine=module._machine(), pid=os.getpid(), **known)
    with lease(place, ttl_s=600.0).held():
        pass


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="start times are not derived from the boot time here")
def test_a_step_of_the_clock_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lease(str(tmp_path)).held():
        monkeypatch.setattr(psutil.Process, "create_time", lambda _: 12.0)
        number, holder = lease(str(tmp_path)).newest("all")
        assert number == 1 and holder is not None and holder.is_here and not holder.gone


def test_a_lease_of_a_newer_version_is_read(tmp_path: Path) -> None:
    leave_behind(str(tmp_path), mood="good")
    _, holder = lease(str(tmp_path)).newest("all")
    assert holder is not None and holder.run_id == "old"


@pytest.mark.parametrize("content", ["a holder", "half a file"])
def test_silence_of_one_ttl_is_enough_whatever_the_clocks_say(
    place: str, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(place)
    if content == "half a file":
        files, _ = fsspec.core.url_to_fs(place)
        files.pipe_file(lying(place)[0], b'{"run_id": "o')
    monkeypatch.setattr(time, "time", lambda: 0.0)  # a clock that is half a century off
    said: list[str] = []
    with lease(place, said=said, ttl_s=SHORT_S).held() as held:
        assert [p.rsplit("/", 1)[-1] for p in lying(place)] == ["00000002.json"]
        assert not held.lost
    assert "resuming from its work" in said[-1]


def test_who_lost_the_lease_knows_it(place: str) -> None:
    with lease(place, ttl_s=SHORT_S).held() as sleeper:
        leave_behind(place, number=2, run_id="newer")
        end = time.monotonic() + 30
        while not sleeper.lost:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert [p.rsplit("/", 1)[-1] for p in lying(place)] == ["00000002.json"]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("1-of-2", "2-of-2", True),
        ("1-of-2", "1-of-2", False),
        ("1-of-2", "1-of-3", False),
        ("all", "1-of-2", False),
        ("2-of-2", "all", False),
    ],
)
def test_shares_of_one_number_go_together_and_nothing_else(place: str, one: str, other: str, together: bool) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(lease(place, one, "first").held())
        if together:
            stack.enter_context(lease(place, other, "second").held())
            assert len(held_now(place)) == 2
        else:
            with pytest.raises(RunFailed, match="run first"):
                stack.enter_context(lease(place, other, "second").held())
            assert first.retire(), "who was refused counts as ended"
    assert held_now(place) == []


def test_the_last_one_to_retire_is_told_so(place: str) -> None:
    with lease(place, "1-of-3", ttl_s=SHORT_S).held() as first, lease(place, "2-of-3").held() as second:
        assert not first.retire()
        time.sleep(2 * SHORT_S)  # its heart goes on beating, and does not take it back
        with lease(place, "3-of-3").held():
            pass
        assert second.retire()
        assert first.retire(), "both are still there"


def test_who_died_has_not_retired(place: str) -> None:
    leave_behind(place, share="1-of-2")
    with lease(place, "2-of-2").held() as held:
        assert not held.retire()


def test_of_many_that_retire_at_the_same_moment_one_at_least_is_the_last(place: str) -> None:
    at_once = threading.Barrier(4)

    def end(held: Lease) -> bool:
        at_once.wait(30)
        return held.retire()

    for _ in range(5):
        with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
            shares = [stack.enter_context(lease(place, f"{i}-of-4").held()) for i in range(1, 5)]
            assert any(pool.map(end, shares))


def test_a_holder_that_still_waits_for_another_share_sends_heartbeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That wait takes a TTL, after which a third run would take over."""
    waits: list[Lease] = []

    def look(self: Lease) -> None:
        waits.append(self)
        if len(waits) == 2:  # it has its file
            wait_until(lambda: self.newest("all")[1].beat > 0, "a heartbeat")  # type: ignore[union-attr]

    monkeypatch.setattr(Lease, "_wait_for_the_excluded", look)
    with lease(str(tmp_path), ttl_s=0.3).held():
        assert len(waits) == 2


@pytest.mark.parametrize("error", [RunFailed("taken"), OSError(5, "no answer"), KeyboardInterrupt()])
def test_a_lease_that_is_not_taken_in_the_end_leaves_no_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    waits: list[Lease] = []

    def look(self: Lease) -> None:
        waits.append(self)
        if len(waits) == 2:
            raise error

    monkeypatch.setattr(Lease, "_wait_for_the_excluded", look)
    with pytest.raises(type(error)), lease(str(tmp_path)).held():
        pass
    assert not waits[0]._heart.is_alive()
    assert held_now(str(tmp_path)) == []
