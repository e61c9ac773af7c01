from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from pipeline.output.output import Output
from pipeline.output.windows import window_captions


def _segment(key: str, run_id: str, *windows: tuple[int, bool]) -> dict[str, Any]:
    found = [
        {"window_index": k, "start_s": 5.0 * k, "end_s": 5.0 * k + 5, "text": f"{key} {k}", "valid": valid}
        for k, valid in windows
    ]
    return {"video_id": "v", "segment_index": windows[0][0], "key": key, "run_id": run_id, "windows": found}


def test_only_valid_windows_of_the_newest_key_are_given_in_order_of_time() -> None:
    rows = [
        _segment("new", "2026-02", (2, True), (3, False)),
        _segment("old", "2026-01", (0, True), (1, True)),
        _segment("new", "2026-02", (0, True), (1, True)),
    ]
    segments = SimpleNamespace(lookup=lambda column, *values, columns: pa.Table.from_pylist(rows).select(columns))
    dataset = SimpleNamespace(lookup=lambda column, *values, columns: pa.table({name: [] for name in columns}))
    output = cast(Output, SimpleNamespace(store=SimpleNamespace(segments=segments, dataset=dataset)))
    assert [w["text"] for w in window_captions(output, ["v"])["v"]] == ["new 0", "new 1", "new 2"]
