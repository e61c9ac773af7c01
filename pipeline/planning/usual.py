"""Keys of rows that follow from the videos alone, because no row that they depend on is missing."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.fingerprint import digest
from operators.core.keys import caption_keys, source_key
from pipeline.config.table import VIDEOS
from pipeline.config.tables import parents_of, table_identity, warm_up
from pipeline.planning.plan import Plan


def usual_keys(plan: Plan, name: str) -> Sequence[str]:
    """Return the key of each video's rows in a table for which `pipeline.config.parents.is_static` holds."""
    spec = plan.tables[name]
    if spec.level == "video":
        own = table_identity(plan.config, spec)
        above = [(parent, usual_keys(plan, parent)) for parent in spec.parents if parent != VIDEOS]
        return [
            digest([source_key(*source), own, [[parent, keys[i]] for parent, keys in above]])
            for i, source in enumerate(plan.sources)
        ]
    parents = parents_of(plan.config, name)
    if not spec.core and (more := warm_up(plan.config, spec)):  # the warm-up changes what is decoded
        parents = digest([parents, "warm-up", more])
    return list(caption_keys(plan.sources, plan.config.plan.segment_s, spec.steps, parents))
