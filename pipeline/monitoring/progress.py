"""Progress display of a run: videos, hours of video, captions per second, failures, and the remaining time.

A terminal gets one live line, a log one line every half minute, a notebook one output that is overwritten.
The remaining time is estimated from seconds of video, not from rows, since segments and videos differ in length.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Protocol

from operators.core.addresses import redacted_text
from operators.core.base import Row
from operators.core.text import printable
from operators.engines.ask import Usage
from pipeline.monitoring.timeline import Timeline

_JOIN_S = 5.0  # a write to a terminal that is stopped, or a coordinator that does not answer


@dataclass
class Counts:
    """Totals of the receipts of a run.

    Attributes:
        videos, seconds: videos and seconds of video that remain at the start.
        repeated: number of sentences of the long captions that repeat an event.
        usage: usage of the engines; rejected: gate -> number of rejected answers;
                cleaned: rule -> number of answers from which it removed text.
        timeline: when the work became durable.
    """

    videos: int = 0
    seconds: float = 0.0
    videos_done: int = 0
    seconds_done: float = 0.0
    segments_done: int = 0
    frames: int = 0
    windows: int = 0
    words: int = 0
    repeated: int = 0
    usage: Usage = field(default_factory=Usage)
    rejected: Counter[str] = field(default_factory=Counter)
    cleaned: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    timeline: Timeline = field(default_factory=Timeline)
    began: float = field(default_factory=time.monotonic)

    def add(self, receipt: Row) -> None:
        failure = receipt["failure"]
        usage = Usage.of(receipt["usage"])
        self.rejected.update(usage.rejected)
        self.cleaned.update(usage.cleaned)
        self.usage += replace(usage, rejected=(), cleaned=())
        if failure is not None:
            if receipt["final"]:
                self.failures[failure["class"]] += 1
                self.seconds_done += (receipt["seconds"] or 0.0) if receipt["kind"] == "segment" else 0.0
            return
        self.timeline.add(self.elapsed_s, receipt)
        if receipt["kind"] == "segment":
            self.segments_done += 1
            self.seconds_done += receipt["seconds"]
            self.frames += receipt["frames"]
            self.windows += receipt["windows"]
        elif receipt["kind"] == "video":
            self.videos_done += 1
            self.words += receipt["words"]
            self.repeated += receipt["repeated_sentences"] or 0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def line(self) -> str:
        elapsed = self.elapsed_s
        rate = self.seconds_done / elapsed if elapsed > 0 else 0.0
        left = (self.seconds - self.seconds_done) / rate if rate > 0 else None
        captions = (self.frames + self.windows) / elapsed if elapsed > 0 else 0.0
        failures = ", ".join(f"{n} {cls}" for cls, n in sorted(self.failures.items())) or "none"
        return (
            f"videos {self.videos_done}/{self.videos} · video-hours {self.seconds_done / 3600:.2f}/"
            f"{self.seconds / 3600:.2f} · {captions:.1f} captions/s · {rate:.1f}x real time · failures: {failures} · "
            f"{clock(elapsed)} elapsed" + (f", about {clock(left)} left" if left is not None else "")
        )


class _Display(Protocol):
    def show(self, line: str, *, last: bool) -> None: ...


class Progress:
    """Displays `Counts` at an interval that suits the terminal, log or notebook.

    Args:
        every_s: seconds between two lines in a log.
        stall_s: seconds without a receipt after which a stall is reported, and reported again.
        quiet: show only stalls.

    Attributes:
        holding: returns the stage that holds the run and the reason; None if unknown.
    """

    def __init__(self, *, every_s: float, stall_s: float = float("inf"), quiet: bool = False) -> None:
        self.counts = Counts()
        self.holding: Callable[[], tuple[str, str]] | None = None
        self._stall_s = stall_s
        self._came = self._warned = time.monotonic()
        self._every_s = every_s
        self._display: _Display | None = None
        if not quiet:
            self._display = _Notebook() if _in_notebook() else _Terminal() if sys.stderr.isatty() else _Log()
            if not isinstance(self._display, _Log):
                self._every_s = min(every_s, 0.5)
        self._shown = time.monotonic()
        self._lock = threading.RLock()  # a signal handler may print while the lock is held
        self._closed = threading.Event()
        self._clock = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        """Start the clock and the thread that shows the line, so that a stall is visible without receipts."""
        self.counts.began = self._came = self._warned = time.monotonic()
        if not self._clock.is_alive():
            self._clock.start()

    @property
    def started(self) -> bool:
        """Whether work has begun; `Counts.elapsed_s` counts from there."""
        return self._clock.ident is not None

    @property
    def idle_s(self) -> float:
        """Return the seconds since the last receipt, or since the start."""
        return time.monotonic() - self._came

    def _run(self) -> None:
        while not self._closed.wait(min(1.0, self._every_s)):
            self.tick()
            self._look_for_a_stall()

    def _look_for_a_stall(self) -> None:
        """Report which stage holds up the run after `stall_s` without a receipt, and again after every `stall_s`."""
        now = time.monotonic()
        if self.holding is None or now - max(self._came, self._warned) < self._stall_s:
            return
        self._warned = now
        stage, why = self.holding()
        text = f"STALLED for {clock(now - self._came)}, held by {stage}: {why}"
        if self._display is None:
            _Log().show(printable(redacted_text(text), lines=True), last=True)
        else:
            self.say(text)

    def say(self, text: str) -> None:
        """Print a permanent line."""
        if self._display is not None:
            line = printable(redacted_text(text), lines=True)
            with self._lock:
                try:
                    self._display.show(line, last=True)
                except RuntimeError:  # "reentrant call": a signal's handler speaks, and its thread is writing a line
                    with suppress(OSError):
                        os.write(2, f"\n{time.strftime('%H:%M:%S')} {line}\n".encode(errors="replace"))

    def add(self, receipt: Row) -> None:
        """Count a receipt."""
        self._came = time.monotonic()
        self.counts.add(receipt)

    def tick(self) -> None:
        """Show the counts if the interval has passed."""
        with self._lock:
            now = time.monotonic()
            if self._display is not None and not self._closed.is_set() and now - self._shown >= self._every_s:
                self._shown = now
                self._display.show(printable(self.counts.line()), last=False)

    def close(self) -> None:
        """Show the counts a last time."""
        self._closed.set()
        if self._clock.is_alive() and self._clock is not threading.current_thread():
            self._clock.join(_JOIN_S)  # it may be writing; what follows is the last line
        if self._display is not None and self._clock.ident is not None:
            self.say(self.counts.line())


class _Log:
    def show(self, line: str, *, last: bool) -> None:  # noqa: ARG002  # every line of a log stays
        stamp = time.strftime("%H:%M:%S")
        sys.stderr.write(f"{stamp} {line}\n")
        sys.stderr.flush()


class _Terminal:
    """One line at the bottom that is overwritten, below permanent lines."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._status: Any = None

    def show(self, line: str, *, last: bool) -> None:
        from rich.text import Text

        if last:
            if self._status is not None:
                self._status.stop()
                self._status = None
            self._console.print(Text(line), soft_wrap=True)
        elif self._status is None:
            self._status = self._console.status(Text(line))
            self._status.start()
        else:
            self._status.update(Text(line))


class _Notebook:
    """One output that is overwritten: a widget, or text if ipywidgets is not installed.

    The state of a widget is in the kernel: a reopened page or a second display shows the current line.
    """

    def __init__(self) -> None:
        import IPython.display

        display: Any = IPython.display.display  # untyped
        self._kept: list[str] = []
        self._widget = _widget()
        if self._widget is None:
            self._handle = display({"text/plain": ""}, raw=True, display_id=True)
        else:
            display(self._widget)

    def show(self, line: str, *, last: bool) -> None:
        text = "\n".join([*self._kept, line])
        if self._widget is None:
            self._handle.update({"text/plain": text}, raw=True)
        else:
            self._widget.value = f"<pre>{escape(text)}</pre>"
        if last:
            self._kept.append(line)


def _widget() -> Any:
    """Return an `ipywidgets.HTML`, or None if the package is not installed."""
    try:
        from ipywidgets import HTML
    except ImportError:
        return None
    return HTML()


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and getattr(running, "kernel", None) is not None


def clock(seconds: float) -> str:
    """Format seconds as `m:ss`, or `h:mm:ss` from an hour."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
