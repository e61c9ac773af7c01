"""What travels between the pools of a pass: frames only as far as somebody reads them."""

from __future__ import annotations

from pipeline.config.tables import tables_of
from pipeline.config.values import config_from_dict
from pipeline.execution.passes import Pass, passes_of

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
