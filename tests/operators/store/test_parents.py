"""What segments get of the rows that they are made from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.core.base import ItemError
from operators.core.grid import Grid, Span
from operators.store.parents import ByLines, _around
from pipeline.planning.videos import Cut


@settings(deadline=None, max_examples=60)
@given(
    st.floats(30.0, 400.0),
    st.lists(st.tuples(st.floats(-3.0, 6.0), st.floats(0.1, 14.0)), max_size=60),
    st.sampled_from([5.0, 2.0]),
    st.integers(0, 2),
)
def test_the_lines_that_a_segment_is_given_suffice_to_lay_its_windows(
    duration_s: float, pairs: list[tuple[float, float]], reach_s: float, warm_up: int
) -> None:
    lines: list[dict[str, object]] = []
    at = 0.0
    for pause_s, length_s in pairs:  # some overlap
        start_s = max(0.0, at + pause_s)
        lines.append({"start_s": start_s, "end_s": start_s + length_s, "source": "recognised"})
        at = start_s + length_s
    rule = ByLines(speech="speech", window_s=10.0, stride_s=5.0, line_reach_s=reach_s, warm_up=warm_up)
    whole = rule.windows(duration_s, lines)
    ends = [0.0]
    for span in Grid(duration_s).segments(20.0):
        row = {"start_s": span.start_s, "end_s": span.end_s, "duration_s": duration_s}
        row |= rule.cut(row, lines)
        own = Span(row["start_s"], row["end_s"])
        assert own == whole.segment(span) and own.start_s == ends[-1]
        ends.append(own.end_s)
        given = _around({"speech": lines}, row, 2 * reach_s)["speech"]
        part = rule.windows(duration_s, given)
        assert part.of(own) == whole.of(own)
        assert part.before(own, warm_up) == whole.before(own, warm_up)
        told = [*whole.before(own, warm_up), *whole.of(own)]
        assert min(w.span.start_s for w in told) == row["decode_start_s"]
        assert max(w.span.end_s for w in told) <= row["decode_end_s"] <= duration_s
        cut = Cut(window_s=10.0, stride_s=5.0, segment_s=20.0, reach_s=reach_s)
        low, high = cut.decode_spans(np.array([span.start_s]), np.array([span.end_s]), np.array([duration_s]), warm_up)
        assert low[0] <= row["decode_start_s"] and row["decode_end_s"] <= high[0], "the plan has its parts"
    assert ends[-1] == duration_s


def test_a_row_of_another_output_that_lies_elsewhere_is_an_error() -> None:
    rule = ByLines(speech="done.speech", window_s=10.0, stride_s=5.0, line_reach_s=2.5, warm_up=0)
    row = {"segment_index": 1, "start_s": 8.8, "end_s": 20.0}
    rule.check(row, {"done.segments": {"start_s": 8.8, "end_s": 20.0}, "done.text": None})
    with pytest.raises(ItemError) as error:
        rule.check(row, {"done.segments": {"start_s": 10.0, "end_s": 20.0}})
    assert "segment 1 of done.segments lies at 10 to 20 s, and the lines of done.speech say 8.8 to 20 s" in str(error)
