from __future__ import annotations

import pytest

from operators.core.grid import Grid
from pipeline.evaluation.exam.language import NOTHING, caption, read_caption, read_sentence, sentence, window_events
from pipeline.evaluation.exam.story import write_story


def test_every_event_comes_back_as_it_was() -> None:
    kinds = set()
    for seed in range(8):
        for event in write_story(300, seed).events:
            assert read_sentence(sentence(event), event.start_s, event.end_s) == event
            kinds.add(event.kind)
    assert len(kinds) == 13


@pytest.mark.parametrize(
    "text",
    ["", NOTHING, "The red circle flies.", "A red circle enters from the left.", "The camera pans up.", "Night"],
)
def test_what_is_not_of_the_language_tells_of_nothing(text: str) -> None:
    assert read_sentence(text, 0, 1) is None


def test_a_caption_is_read_sentence_by_sentence() -> None:
    events = write_story(60, 1).events
    assert [e.what for e in read_caption(caption(events))] == [e.what for e in events]
    assert [e.what for e in read_caption("It rains. Night falls. So be it.")] == [("night", None, None, None)]
    assert caption([]) == NOTHING


@pytest.mark.parametrize("seconds", [30, 305, 1800])
def test_overlapping_windows_tell_every_event_once_or_twice(seconds: int) -> None:
    grid, events = Grid(float(seconds)), write_story(float(seconds), 4).events
    predicted = [window_events(events, w.start_s, w.end_s) for w in map(grid.window, range(grid.window_count))]
    times = [sum(event in window for window in predicted) for event in events]
    assert set(times) <= {1, 2} and times.count(1) > times.count(2)
