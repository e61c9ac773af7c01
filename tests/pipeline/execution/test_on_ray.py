"""How stages are put on Ray."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import ray

from pipeline.execution import on_ray


def test_tasks_that_cut_a_plan_take_next_to_no_cpu(ray_session: None) -> None:
    """With the installed Ray; where this fails, `on_ray._light` does not reach Ray's option any more."""
    data = ray.data.from_arrow(pa.table({"n": list(range(8))})).repartition(target_num_rows_per_block=2)
    cut = on_ray._light(data)
    assert cast(Any, cut)._logical_plan.dag.ray_remote_args["num_cpus"] == on_ray._CUT_CPUS
    assert sorted(row["n"] for row in cut.take_all()) == list(range(8))


def test_a_ray_with_other_internals_is_left_as_it_is() -> None:
    other: Any = SimpleNamespace(_logical_plan=SimpleNamespace())
    assert on_ray._light(other) is other
