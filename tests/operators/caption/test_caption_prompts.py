"""What a prompt loses that is too long for a context."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from operators.analysis.facts import Facts, Light, Line, Piece
from operators.caption.caption import Caption
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.engines.base import PromptTooLong, Request, RunningEngine
from operators.video.images import to_jpeg
from tests.operators.caption.segments import apply, model, previous_in, run
from tests.support.engines import Scripted, asked
from tests.support.rows import decoded, image

LONG = " ".join(f"detail{k}" for k in range(300)) + "."


def measured(*lines: str) -> str:
    """Facts of the second segment, with subtitle lines from 60 s to 62 s."""
    cells = tuple(
        Piece(start_s=5.0 * k, end_s=5.0 * k + 5, light=Light(level="bright", mean=0.7, contrast=0.1))
        for k in range(11, 20)
    )
    subtitles = tuple(Line(text=text, start_s=60.0, end_s=62.0) for text in lines)
    return Facts(start_s=55.0, end_s=100.0, pieces=cells, subtitles=subtitles or None).dump()


def sizes(row: Row, log: str, **options: Any) -> list[Request]:
    """Requests for window 12, in order, by an engine that has no room for any."""
    seen: list[Request] = []

    class Full(Scripted):
        @contextmanager
        def open(self) -> Iterator[RunningEngine]:
            with Scripted.open(self) as running:
                answer = running.submit

                def submit(request: Request) -> Any:
                    if request.kind == "frame" or request.start_s != 60.0:
                        return answer(request)
                    seen.append(request)
                    future: Future[Any] = Future()
                    future.set_exception(PromptTooLong(None, 10))
                    return future

                running.submit = submit  # type: ignore[method-assign]
                yield running

    made = apply(Caption(engine=Full(log=log), chain="video", **options), row)
    window = made["windows"][0]
    assert (window["window_index"], window["valid"]) == (12, False)
    assert window["problem"] == "the prompt takes more tokens and the model has room for 10"
    assert window["attempts"] == 1
    assert all(w["valid"] for w in made["windows"][1:])
    return seen


def test_a_prompt_that_is_too_long_loses_evidence_then_context_then_frames() -> None:
    row = decoded("v", 1, facts=measured("Good morning."), previous={"text": LONG, "window_index": 11})
    whole, bare, short, *thinned = sizes(row, "sizes")
    assert "Measured in this stretch" in whole.prompt and previous_in(whole) == LONG
    assert "Measured in this stretch" not in bare.prompt and previous_in(bare) == LONG
    assert previous_in(short) == " ".join(LONG.split()[-60:])
    assert [len(r.images) for r in (whole, bare, short)] == [10, 10, 10]
    assert [len(r.images) for r in thinned] == [5, 3, 2, 1, 1]
    assert previous_in(thinned[-2]) and "was described so" not in thinned[-1].prompt
    assert all(r.images[0].time_s == 60.0 for r in thinned)
    assert all("Good morning." in r.prompt for r in (whole, bare, short, *thinned))


def test_the_caption_before_is_shortened_in_scripts_without_spaces() -> None:
    long = "".join(f"第{k}位厨师把盘子放在桌上。" for k in range(100))
    row = decoded("v", 1, facts=measured("Good morning."), previous={"text": long, "window_index": 11})
    _, _, short, *_ = sizes(row, "dense")
    assert previous_in(short) == long[-120:]
    _, bare, thinned, *_ = sizes({**row, "previous": {"text": "一位厨师。", "window_index": 11}}, "no shorter")
    assert previous_in(bare) == previous_in(thinned) == "一位厨师。"
    assert len(thinned.images) == 5, "the same prompt is not submitted again"


def test_what_was_shown_is_what_the_row_says() -> None:
    class Few(Scripted):
        """Has room for three images."""

        @contextmanager
        def open(self) -> Iterator[RunningEngine]:
            with Scripted.open(self) as running:
                answer = running.submit

                def submit(request: Request) -> Any:
                    if len(request.images) <= 3:
                        return answer(request)
                    future: Future[Any] = Future()
                    future.set_exception(PromptTooLong(99, 10))
                    return future

                running.submit = submit  # type: ignore[method-assign]
                yield running

    made = apply(Caption(engine=Few(log="few")), decoded("v", 1))
    assert all(w["valid"] and w["attempts"] == 1 for w in made["windows"])
    assert made["windows"][0]["pts_s"] == [60.0, 64.0, 68.0]
    shown = {r.start_s: [p.pts_s for p in r.images] for r in asked("few") if r.kind == "window"}
    assert all(w["pts_s"] == shown[w["start_s"]] for w in made["windows"])
    prompts = {r.start_s: digest(r.prompt) for r in asked("few") if r.kind == "window"}
    assert all(w["prompt_hash"] == prompts[w["start_s"]] for w in made["windows"])


@pytest.mark.parametrize("context", [260, 320, 500])
def test_a_small_context_is_no_exception(context: int) -> None:
    row = decoded("v", 1, facts=measured("Good morning."), previous={"text": LONG, "window_index": 11})
    made, requests = model(f"context {context}", row, context=context, chain="video", fields=False)
    assert all(w["valid"] for w in made["windows"])
    assert all(len(r.prompt.split()) <= context for r in requests)


def test_subtitles_stand_in_a_windows_prompt_once() -> None:
    row = decoded("v", 1, facts=measured("Good morning, everybody.", "Sit down."))
    _, requests = run("subtitles", row)
    windows = {r.start_s: r.prompt for r in requests if r.kind == "window"}
    for start_s, prompt in windows.items():
        times = 1 if start_s in (55.0, 60.0) else 0  # windows that overlap 60 s to 62 s
        assert prompt.count("Good morning, everybody.") == prompt.count("- Sit down.") == times
        assert prompt.count("Said or shown as subtitles") == times
    assert not any("Good morning" in r.prompt for r in requests if r.kind == "frame")


def jpeg(level: int, quality: int = 90) -> bytes:
    """A textured image."""
    luma = np.indices((96, 128)).sum(0) * 7 % (level + 1)
    return to_jpeg(np.repeat(luma[..., None], 3, axis=2).astype(np.uint8), quality)


def test_near_duplicates_share_a_caption_while_windows_show_them_all() -> None:
    def row() -> Row:
        looks = [jpeg(90), jpeg(90, quality=80), jpeg(90), jpeg(200), jpeg(200), jpeg(90)]
        images = [{**image(float(t)), "jpeg": looks[min(t, 5)]} for t in range(60)]
        return {**decoded("v", 0, warm_up=0), "images": images}

    each, _ = run("each", row())
    made, requests = run("near", row(), frame_similarity=0.95)
    frames = [r for r in requests if r.kind == "frame"]
    assert [(r.start_s, r.end_s) for r in frames] == [(0.0, 3.0), (3.0, 5.0), (5.0, 60.0)]
    assert [f["time_s"] for f in made["frames"]] == [0.0, 3.0, 5.0]
    assert len(each["frames"]) == 60
    assert [w["pts_s"] for w in made["windows"]] == [w["pts_s"] for w in each["windows"]]
    seeds = {f["time_s"]: f["sampling"] for f in each["frames"]}
    assert all(f["sampling"] == seeds[f["time_s"]] for f in made["frames"])
