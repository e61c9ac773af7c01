"""Windows without captions lie where the captioner's would."""

from __future__ import annotations

import longcap as public
from longcap.testing import check_operator
from operators.caption.layout import Layout
from operators.core import structs
from operators.core.grid import Grid, Span
from pipeline.config.tables import tables_of


def test_the_windows_of_a_segment_tile_it_and_say_that_nobody_was_asked() -> None:
    row = {"start_s": 10.0, "end_s": 30.0, "duration_s": 30.0}
    (made,) = check_operator(Layout(window_s=8.0, stride_s=4.0), [row], other={"stride_s": 2.0})
    grid = Grid(30.0, 8.0, 4.0)
    assert [w["window_index"] for w in made["windows"]] == list(grid.windows_of(Span(10.0, 30.0)))
    assert set(made["windows"][0]) == {f.name for f in structs.WINDOW_CAPTION}
    assert made["frames"] == [] and not any(w["valid"] for w in made["windows"])


def test_a_step_of_a_recipe_follows_the_plan() -> None:
    steps = "tables={seen: {level: segment, steps: [layout]}}"
    config = public.load_config(None, ["plan.window_s=8", "plan.stride_s=4", steps])
    (step,) = tables_of(config)["seen"].steps
    assert isinstance(step, Layout) and (step.window_s, step.stride_s) == (8.0, 4.0)
