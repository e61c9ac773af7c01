"""What is only said is predicted where speech is evidence, and missing without it; lines at wrong times are noticed."""

from __future__ import annotations

import pytest

from pipeline.evaluation.exam import heard
from pipeline.evaluation.exam.exam import _grid
from pipeline.evaluation.exam.marks import Marks, mark
from pipeline.evaluation.exam.reading import read
from pipeline.evaluation.exam.story import write_story


@pytest.mark.parametrize("seed", [1, 2])
def test_recall_falls_by_the_planted_share_without_speech_and_shuffled_speech_is_noticed(seed: int) -> None:
    story = write_story(180.0, seed)
    planted = len(heard.lines_of(story)) / len(story.events)

    def marks(spoken: heard.Spoken) -> Marks:
        ((_, row),) = heard.predicted({"story": story}, _grid, spoken)
        return mark(read(row, _grid(story)), story.events)

    whole, without, shuffled = marks(list), marks(heard.left_out), marks(heard.shuffled)
    assert whole.recall == 1 and whole.invented == 0 and whole.order > 0.8
    assert whole.recall - without.recall == pytest.approx(planted, abs=0.05)
    assert shuffled.recall < whole.recall - 0.02 and shuffled.invented > 0
