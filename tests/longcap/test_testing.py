"""The contract kit: our own operators and engines pass, and each breach is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest

from longcap.testing import check_engine, check_operator
from operators.analysis.filter import Bounds, Filter
from operators.analysis.measure import Measure
from operators.caption.caption import Caption
from operators.core.base import SIZING, Apply, Operator, Row
from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from operators.engines.template import MeasureEngine
from operators.narrate.narrate import Narrate
from operators.video.decode import Decode
from operators.video.probe import Probe
from tests.operators.analysis.reel import reel
from tests.support import rows
from tests.support.engines import Scripted
from tests.support.video import render

WINDOWS = [Request(kind="window", start_s=5.0 * k, end_s=5.0 * k + 10, prompt="Tell.", seed=k) for k in range(4)]


def test_our_operators_keep_the_contract(tmp_path: Path) -> None:
    """One after the other on a real video, each shown only what it declares to read."""
    path = tmp_path / "clip.mp4"
    render(path, count=250, fps=10.0)
    row: Row = {**dict.fromkeys(Decode.reads | Probe.reads), "uri": str(path), "video_id": "v", "segment_index": 0}
    row |= check_operator(Probe(), [row])[0]
    spans = {"start_s": 0.0, "end_s": row["duration_s"], "decode_start_s": 0.0, "decode_end_s": row["duration_s"]}
    row |= spans
    row |= check_operator(Decode(), [row], other={"fps": 2.0, "no_progress_s": 90.0})[0]
    row |= check_operator(Measure(), [row], other={"cell_s": 2.5})[0]
    row |= check_operator(Caption(), [row], other={"tries": 5, "concurrency": 7, "engine": Scripted()})[0]
    video = {**rows.LAYOUT, **rows.video(duration_s=row["duration_s"]), "captioned": [row], "segments": 1}
    check_operator(Filter(), [video], other={"motion": Bounds(min=0.5)})
    (told,) = check_operator(Narrate(), [video], other={"section_s": 30.0, "concurrency": 9})
    assert told["words"] > 5 and told["coverage"] == 1.0


def test_our_engines_keep_the_contract() -> None:
    measured = [replace(request, facts=reel()[2].slice(request.start_s, request.end_s)) for request in WINDOWS]
    assert len(check_engine(MeasureEngine(), measured)) == 4
    check_engine(Scripted(threads=3), WINDOWS, other={"stride_s": 2.5, "threads": 1})


@dataclass(frozen=True, kw_only=True)
class Sound(Operator):
    """Keeps the contract; each of those below breaks it in one way."""

    name: ClassVar[str] = "sound"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"uri"})
    writes: ClassVar[frozenset[str]] = frozenset({"loudness"})

    gain: float = 1.0
    threads: Annotated[int, SIZING] = 1

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self.apply

    def apply(self, row: Row) -> Row:
        return {**row, "loudness": self.gain * len(row["uri"])}


class Greedy(Sound):
    def apply(self, row: Row) -> Row:
        return {**row, "loudness": row["duration_s"]}


class Silent(Sound):
    def apply(self, row: Row) -> Row:
        return row


class Talkative(Sound):
    def apply(self, row: Row) -> Row:
        return {**row, "loudness": 1.0, "pitch": 2.0}


class Rough(Sound):
    def apply(self, row: Row) -> Row:
        row["loudness"] = 1.0
        return row


class Fickle(Sound):
    def apply(self, row: Row) -> Row:
        return {**row, "loudness": time.perf_counter_ns()}


class Careless(Sound):
    @contextmanager
    def open(self) -> Iterator[Apply]:
        threading.Thread(target=time.sleep, args=(1.0,), name="forgotten").start()
        yield self.apply


class Deaf(Sound):
    def identity_extra(self) -> dict[str, Any]:
        return {"gain": "any", "threads": self.threads}


@pytest.mark.parametrize(
    ("operator", "line"),
    [
        (Greedy, "needs the column 'duration_s', which is not in its reads"),
        (Silent, "does not write loudness, which is in its writes"),
        (Talkative, "writes pitch, which is not in its writes"),
        (Rough, "changes the row that it is given"),
        (Fickle, "writes other values for equal rows: loudness of row 0"),
        (Careless, "leaves the thread forgotten behind"),
    ],
)
def test_a_breach_of_an_operator_is_named(
    operator: Callable[[], Operator], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longcap.testing._END_S", 0.1)
    with pytest.raises(AssertionError, match=f"^operator sound:? {line}"):
        check_operator(operator(), [{"uri": "a.mp4", "duration_s": 3.0}])


def test_fields_count_in_the_fingerprint_unless_they_are_sizing() -> None:
    row: Row = {"uri": "a.mp4"}
    assert check_operator(Sound(), [row], other={"gain": 2.0, "threads": 4}) == [{"loudness": 5.0}]
    with pytest.raises(AssertionError, match="operator sound: gain does not change the fingerprint"):
        check_operator(Deaf(), [row], other={"gain": 2.0})
    with pytest.raises(AssertionError, match="operator sound: threads is marked SIZING and changes the fingerprint"):
        check_operator(Deaf(), [row], other={"threads": 2})
    with pytest.raises(AssertionError, match="operator sound has no field volume"):
        check_operator(Sound(), [row], other={"volume": 2.0})
    with pytest.raises(AssertionError, match="operator sound reads uri, which a row of this test lacks"):
        check_operator(Sound(), [{}])


@dataclass(frozen=True, kw_only=True)
class Moody(EngineSpec):
    """Answers with how often it was asked."""

    version: ClassVar[int] = 1

    @property
    def model_id(self) -> str:
        return "moody"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        class Running(RunningEngine):
            asked = 0

            def submit(self, request: Request) -> Future[Generation]:
                Running.asked += 1
                future: Future[Generation] = Future()
                future.set_result(Generation(text=f"asked {Running.asked} times"))
                return future

        yield Running()


def test_an_engine_whose_answers_depend_on_others_is_named() -> None:
    with pytest.raises(AssertionError, match=r"answers a window with 'asked 1 times' among others and 'asked 5 times'"):
        check_engine(Moody(), WINDOWS)
