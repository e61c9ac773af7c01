from __future__ import annotations

import pyarrow as pa

from pipeline.planning.outcomes import DONE, TODO
from pipeline.planning.states import states_of
from tests.support import rows
from tests.support.outputs import CONFIG, plan_of


def test_rows_of_videos_in_a_table_of_segments_do_not_count() -> None:
    """The table had another level once: its rows of videos have no segment."""
    videos = plan_of(CONFIG, [rows.video("a")]).videos
    found = pa.record_batch(
        {"key": [videos.keys[0]] * 2 + ["other"], "segment_index": pa.array([None, 1, None], pa.int32())}
    )
    assert states_of(videos, [found], {}).state.tolist() == [TODO, DONE]
