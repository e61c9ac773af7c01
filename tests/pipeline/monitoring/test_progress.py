from __future__ import annotations

import io
import sys
import threading
from typing import Any

import pytest

from operators.core.base import Row
from operators.store.commit import RECEIPT, STOPPED
from pipeline.monitoring import progress as module
from pipeline.monitoring.progress import Counts, Progress, clock
from tests.pipeline.monitoring.conftest import Clock


def receipt(kind: str, failure_class: str | None = None, *, final: bool = False, **values: Any) -> Row:
    failure = {"stage": "s", "class": failure_class, "message": "m", "attempts": 1} if failure_class else None
    return {**dict.fromkeys(RECEIPT.names), "kind": kind, "failure": failure, "final": final, **values}


def segment(seconds: float = 60.0, **values: Any) -> Row:
    return receipt("segment", seconds=seconds, frames=60, windows=12, **values)


def test_counts_are_the_sums_of_the_receipts() -> None:
    counts = Counts(videos=2, seconds=240.0)
    for made in (segment(), segment(40.0), receipt("whole"), receipt("video", seconds=100.0, words=321)):
        counts.add(made)
    assert (counts.segments_done, counts.seconds_done, counts.frames, counts.windows) == (2, 100.0, 120, 24)
    assert (counts.videos_done, counts.words) == (1, 321)
    assert not counts.failures


def test_only_failures_that_are_final_count() -> None:
    counts = Counts(seconds=600.0)
    counts.add(receipt("segment", "engine", final=False, seconds=60.0, frames=0, windows=0))
    assert (counts.failures, counts.seconds_done, counts.segments_done) == ({}, 0.0, 0)
    counts.add(receipt("segment", "engine", final=True, seconds=60.0, frames=0, windows=0))
    counts.add(receipt("segment", "crash", final=True, seconds=60.0, frames=0, windows=0))
    counts.add(receipt("video", "engine", final=True, seconds=100.0, words=0))
    counts.add(receipt("segment", STOPPED, final=False, seconds=60.0, frames=0, windows=0))
    assert counts.failures == {"engine": 2, "crash": 1}
    assert counts.seconds_done == 120.0  # nothing of them is left to do
    assert (counts.segments_done, counts.videos_done) == (0, 0)


def test_the_line_says_how_far_how_fast_and_how_long(hands: Clock) -> None:
    counts = Counts(videos=3, seconds=7200.0, began=hands.now)
    assert counts.line() == (
        "videos 0/3 · video-hours 0.00/2.00 · 0.0 captions/s · 0.0x real time · failures: none · 0:00 elapsed"
    )
    hands.now += 90.0
    for _ in range(30):
        counts.add(segment())
    counts.add(receipt("video", words=5))
    counts.add(receipt("segment", "timeout", final=True, seconds=0.0))
    counts.add(receipt("segment", "crash", final=True, seconds=0.0))
    assert counts.line() == (
        "videos 1/3 · video-hours 0.50/2.00 · 24.0 captions/s · 20.0x real time · failures: 1 crash, 1 timeout · "
        "1:30 elapsed, about 4:30 left"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (59.9, "0:59"), (60.0, "1:00"), (3599.0, "59:59"), (36_061.0, "10:01:01")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_log_gets_a_line_at_its_pace(hands: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=30.0)
    progress.counts.began = hands.now
    progress.say("run 1: to do 3")
    for _ in range(100):
        hands.now += 1.0
        progress.add(segment(1.0))
        progress.tick()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("run 1: to do 3")
    clocks = [line.split(" · ")[-1].split(",")[0] for line in lines[1:]]
    assert clocks == ["0:30 elapsed", "1:00 elapsed", "1:30 elapsed"]
    assert all(len(line.split()[0]) == len("12:00:00") for line in lines)


class Shown:
    """A display that keeps its lines; `enough` is set with the third one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.enough = threading.Event()

    def show(self, line: str, *, last: bool) -> None:
        self.lines.append(line)
        if len(self.lines) == 3:
            self.enough.set()


def test_a_stall_is_seen_and_the_end_is_told_once() -> None:
    progress, shown = Progress(every_s=0.01), Shown()
    progress._display = shown
    progress.counts.videos = 7
    progress.start()
    assert shown.enough.wait(60.0)  # though nothing comes
    progress.close()
    assert not progress._clock.is_alive()
    assert all("videos 0/7" in line for line in shown.lines)
    count = len(shown.lines)
    progress._shown -= 60.0
    progress.tick()
    assert len(shown.lines) == count


def test_quiet_is_silent(hands: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_s=0.01, quiet=True)
    progress.start()
    progress.say("hello")
    progress.add(segment())
    hands.now += 1.0
    progress.tick()
    progress.close()
    assert capsys.readouterr().err == ""
    assert progress.counts.segments_done == 1


def test_a_signals_handler_may_speak_in_the_middle_of_a_write(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python refuses a second write to the same buffer by the same thread; the line must come, and no exception."""

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            if not said:
                said.append(1)
                progress.say("SIGINT: finishing work in flight")  # the handler runs while the write waits
            return len(data)

    said: list[int] = []
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BufferedWriter(Pipe())))
    progress = Progress(every_s=60.0)
    progress._display = module._Log()
    progress.say("the line that is being written")
    assert said and "SIGINT: finishing work in flight" in capfd.readouterr().err


def test_a_signals_handler_may_speak_while_a_line_is_shown() -> None:
    progress = Progress(every_s=60.0)
    done = threading.Event()

    class Display:
        def show(self, line: str, *, last: bool) -> None:
            if line == "first":
                progress.say("the handler, on the same thread")
                done.set()

    progress._display = Display()
    thread = threading.Thread(target=progress.say, args=("first",), daemon=True)
    thread.start()
    assert done.wait(60.0)
