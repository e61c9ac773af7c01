from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.evaluation.exam.events import held_out
from pipeline.evaluation.exam.story import write_story


@pytest.mark.parametrize("seconds", [30.0, 600.0])
def test_one_thing_happens_at_a_time_and_there_is_quiet_at_both_ends(seconds: float) -> None:
    story = write_story(seconds, 3)
    assert len(story.events) > seconds / 8
    assert story.events[0].start_s >= 1 and story.events[-1].end_s <= seconds - 3
    for before, after in pairwise(story.events):
        assert before.start_s <= before.end_s < after.start_s


def test_equal_seeds_tell_equal_stories() -> None:
    assert write_story(120, 5) == write_story(120, 5)
    assert write_story(120, 5).events != write_story(120, 6).events


def test_the_same_is_never_true_twice_within_twenty_seconds() -> None:
    last: dict[object, float] = {}
    for event in write_story(3600, 8).events:
        assert event.start_s - last.get(event.what, -100.0) > 20
        last[event.what] = event.end_s


def test_who_acts_is_there() -> None:
    there: set[str] = set()
    scene = 0
    story = write_story(1800, 2)
    for event in story.events:
        if event.kind in ("cut", "fade"):
            scene += 1
            there = {a.name for a in story.scenes[scene].actors if a.keys[0][0] <= event.end_s}
        elif event.kind == "enter":
            assert event.who and event.who not in there
            there.add(event.who)
        elif event.who:
            assert event.who in there and (event.whom is None or event.whom in there - {event.who})
            if event.kind == "leave":
                there.remove(event.who)
    assert scene == len(story.scenes) - 1 > 10


def test_training_never_sees_what_is_held_out() -> None:
    def share(split: str) -> float:
        events = [e for seed in range(6) for e in write_story(300, seed, split).events if e.who]  # type: ignore[arg-type]
        return sum(held_out(e.who or "", e.kind, e.where) for e in events) / len(events)

    assert share("train") == 0
    assert share("any") < 0.2 < share("heldout")


def test_a_story_needs_ten_seconds() -> None:
    with pytest.raises(ValueError, match="at least 10 s"):
        write_story(5, 1)
