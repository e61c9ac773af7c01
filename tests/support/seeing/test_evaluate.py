from __future__ import annotations

from dataclasses import replace

from operators.core.grid import Grid
from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.language import caption, window_events
from pipeline.evaluation.exam.story import write_story
from tests.support.seeing.evaluate import attributes, compare, middle_window, score

ENTERS = Event(kind="enter", start_s=3, end_s=5, who="red circle", where="left", size="small")


def test_every_attribute_is_marked_by_itself() -> None:
    assert attributes(ENTERS) == {"colour": "red", "shape": "circle", "size": "small", "motion": ("enter", "left")}
    (marks,) = compare([ENTERS], [replace(ENTERS, who="red cross", size="large")])
    assert marks == {"colour": True, "shape": False, "size": False, "motion": True}
    (missed,) = compare([ENTERS], [])
    assert not any(missed.values())


def test_a_told_event_stands_for_one_true_event_only() -> None:
    first, second = compare([ENTERS, ENTERS], [ENTERS])
    assert sorted([all(first.values()), all(second.values())]) == [False, True]


def test_perfect_captions_have_every_attribute_right() -> None:
    story = write_story(300, 1, "heldout")
    grid = Grid(300.0)
    windows = [
        {"window_index": k, "text": caption(window_events(story.events, w.start_s, w.end_s))}
        for k, w in enumerate(map(grid.window, range(grid.window_count)))
    ]
    assert all(middle_window(e, grid) in range(grid.window_count) for e in story.events)
    marks = score({"s": story}, {"s": windows}, lambda _: True)
    assert all(right == 1.0 for right, _ in marks.values()) and marks["all"][1] == len(story.events)
    blind = [{**w, "text": w["text"].replace("circle", "cross")} for w in windows]
    assert score({"s": story}, {"s": blind}, lambda _: True)["shape"][0] < 1
