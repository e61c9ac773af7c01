from __future__ import annotations

from dataclasses import replace

import pytest

from operators.core.grid import Grid
from operators.narrate.narrate import Narrate
from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.exam import caught
from pipeline.evaluation.exam.marks import Marks, mark
from pipeline.evaluation.exam.perfect import narration
from pipeline.evaluation.exam.reading import Predicted, read
from pipeline.evaluation.exam.spoiling import SPOILS
from pipeline.evaluation.exam.story import Story, write_story


def perfect(story: Story) -> list[Predicted]:
    """The script, narrated by the built-in narrator from perfect captions, and read back."""
    grid = Grid(story.seconds)
    with Narrate().open() as narrate:
        return read(narrate(narration(story, grid)), grid)


@pytest.mark.parametrize("seconds", [30, 120, 300, 600, 1800, 3600])
@pytest.mark.parametrize("seed", [1, 2])
def test_perfect_captions_give_perfect_marks_at_every_length(seconds: int, seed: int) -> None:
    story = write_story(float(seconds), seed)
    marks = mark(perfect(story), story.events)
    assert (marks.predicted, marks.invented, marks.repeated) == (len(story.events), 0, 0)
    assert (marks.recall, marks.precision, marks.order, marks.names) == (1.0, 1.0, 1.0, 1.0)
    assert marks.time_error_s < 2.5  # the middle of a window, against that of the event


@pytest.mark.parametrize("done", SPOILS)
@pytest.mark.parametrize("seconds", [300, 1800])
def test_what_is_made_worse_moves_its_own_mark(done: str, seconds: int) -> None:
    story = write_story(float(seconds), 7)
    predicted = perfect(story)
    spoil, what = SPOILS[done]
    before, behind = mark(predicted, story.events), mark(spoil(predicted), story.events)
    assert caught(what, before, behind)
    changes = {name: getattr(before, name) - getattr(behind, name) for name in ("recall", "order", "names")}
    if what == "time_error_s":
        assert 15 < behind.time_error_s < 25
        assert all(change < 0.15 for change in changes.values())
    else:
        assert max(changes, key=lambda name: changes[name]) == what
        assert all(change < 0.05 for name, change in changes.items() if name != what)


def said(event: Event, number: int = 0) -> Predicted:
    return Predicted(event, number)


NIGHT = Event(kind="night", start_s=10, end_s=12)
LEFT = Event(kind="leave", start_s=20, end_s=22, who="red circle", where="left")


def test_invented_and_repeated_events_are_told_apart() -> None:
    marks = mark([said(NIGHT), said(NIGHT), said(replace(NIGHT, kind="day"))], [NIGHT, LEFT])
    assert (marks.predicted, marks.repeated, marks.invented) == (1, 1, 1)
    assert marks.recall == 0.5 and marks.precision == pytest.approx(2 / 3)


def test_another_place_or_way_is_another_event_and_another_name_is_not() -> None:
    assert mark([said(replace(LEFT, where="right"))], [LEFT]).recall == 0
    marks = mark([said(replace(LEFT, who="blue circle"))], [LEFT])
    assert (marks.recall, marks.names) == (1.0, 0.0)


def test_what_is_far_away_is_no_match() -> None:
    late = replace(NIGHT, start_s=45, end_s=47)
    marks = mark([said(late)], [NIGHT])
    assert (marks.predicted, marks.invented) == (0, 1)


def test_only_the_kinds_that_are_asked_for_count() -> None:
    marks = mark([said(NIGHT), said(replace(LEFT, where="top"))], [NIGHT, LEFT], {"night", "day"})
    assert (marks.events, marks.predicted, marks.invented) == (1, 1, 0)


def test_marks_add_up() -> None:
    one, other = mark([said(NIGHT)], [NIGHT]), mark([], [LEFT])
    assert (one + other).recall == 0.5
    assert (Marks().recall, Marks().precision, Marks().order, Marks().names) == (1.0, 1.0, 1.0, 1.0)
