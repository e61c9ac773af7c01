"""Which tables share a pass, and what travels between its pools: frames only as far as somebody reads them."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from operators.core.branch import MISSING
from pipeline.config.tables import tables_of
from pipeline.config.values import config_from_dict
from pipeline.execution.passes import Pass, passes_of, work_of

OPS = "tests.support.operators"


def test_frames_are_handed_on_to_the_last_pool_that_reads_them_and_no_further() -> None:
    config = config_from_dict({"tables": {"vectors": {"level": "segment", "steps": ["decode", f"{OPS}:Brightness"]}}})
    specs = tables_of(config)
    (some,) = [found for found in passes_of(config, specs.values()) if len(found) > 1]
    stages = Pass(some, [], {}).stages()
    pools = [pool for pool, _, _ in stages]
    with_frames = [pool for pool, _, output in stages if "images" in output.names]
    assert pools[0] == "decode" and set(pools) == {"decode", "caption", "brightness"}
    assert with_frames == pools[:-1], "once for each later pool that reads them"
    assert "signals" not in stages[-1][2].names


@pytest.mark.parametrize(
    ("parents", "together"),
    [(["one", "two"], True), (["one", "videos", "two"], True), (["two", "one"], False), (["one"], False)],
)
def test_tables_share_a_pass_if_the_same_rows_are_loaded_in_the_same_order(parents: list[str], together: bool) -> None:
    """Of two parents with the same column the first is used, so that the order of parents matters."""
    steps = [{f"{OPS}:Summed": {"as": "sum"}}, {f"{OPS}:Heard": {}}]
    bright = [{"name": name, "scale": scale} for name, scale in (("one", 1.0), ("two", 2.0))]
    first = {b["name"]: ["decode", {f"{OPS}:Brightness": {"scale": b["scale"]}}] for b in bright}
    made_from = {name: {"level": "segment", "steps": own} for name, own in first.items()}
    tables = {
        **made_from,
        "x": {"level": "segment", "from": ["one", "two"], "steps": steps},
        "y": {"level": "segment", "from": parents, "steps": steps},
    }
    config = config_from_dict({"tables": tables})
    passes = [{spec.name for spec in some} for some in passes_of(config, tables_of(config).values())]
    assert ({"x", "y"} in passes) == together and ({"x"} in passes) != together


def test_rows_made_from_other_parents_rows_are_loaded_apart() -> None:
    def work(**keys: str | None) -> pa.Table:
        row = {"video_id": "a", "segment_index": 0, "key": "k", "passes": 0, "attempts": 0}
        return pa.Table.from_pylist([{**row, "parent_keys": json.dumps(keys)}])

    found = work_of({"x": work(one="1", two=None), "y": work(one="1", two="2"), "z": work(one="1", two=None)})
    assert found[MISSING].to_pylist() == [["x", "z"], ["y"]]
