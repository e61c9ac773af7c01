"""One chain of captions through the whole video."""

from __future__ import annotations

import pytest

from operators.core.base import Row
from tests.operators.caption.segments import model, previous_in, run, windows_of
from tests.support.rows import decoded


def test_a_chain_through_the_video_goes_on_from_the_segment_before() -> None:
    before = {"text": "A man in a red jacket stops.", "window_index": 11}
    made, requests = run("video chain", decoded("v", 1, previous=before), chain="video")
    assert windows_of(requests) == list(range(12, 19))  # nothing is captioned twice
    first = next(r for r in requests if r.kind == "window")
    assert previous_in(first) == "A man in a red jacket stops."
    assert [w["previous_window"] for w in made["windows"]] == list(range(11, 18))


def test_in_one_chain_segments_tell_what_one_long_segment_tells() -> None:
    first, one = model("chained 0", decoded("v", 0), chain="video")
    last = first["windows"][-1]
    second, two = model(
        "chained 1",
        decoded("v", 1, previous={"text": last["text"], "window_index": last["window_index"]}),
        chain="video",
    )
    told = [w for made in (first, second) for w in made["windows"]]
    asked_for = [r for r in (*one, *two) if r.kind == "window"]
    assert [w["previous_window"] for w in told] == [None, *range(18)]
    for before, request in zip(told, asked_for[1:], strict=False):
        assert previous_in(request) == before["text"]


@pytest.mark.parametrize("previous", [None, {"text": "", "window_index": None}])
def test_a_chain_may_begin_in_the_middle(previous: Row | None) -> None:
    made, requests = run(f"begins {previous}", decoded("v", 1, previous=previous), chain="video")
    assert windows_of(requests) == list(range(12, 19))
    assert "was described so" not in next(r for r in requests if r.kind == "window").prompt
    assert made["windows"][0]["previous_window"] is None
