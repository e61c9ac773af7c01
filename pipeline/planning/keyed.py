"""Add the keys of the parents of segments and long captions to a plan."""

from __future__ import annotations

from dataclasses import replace

from operators.core.fingerprint import canonical
from operators.store.store import Store
from pipeline.config.parents import level_of
from pipeline.config.table import VIDEOS
from pipeline.planning.derived import Derived
from pipeline.planning.plan import Plan
from pipeline.planning.videos import Videos


def with_parents(plan: Plan, store: Store) -> Plan:
    """Return the plan with the keys of the parents of segments and long captions, once those parents are made."""
    spec, dataset = plan.tables.get("segments"), plan.tables.get("dataset")
    refused: dict[str, dict[str, str]] = {}
    if spec is not None and not set(spec.parents) <= {VIDEOS}:
        keyed = replace(plan, parent_keys=Derived(plan, store).segments.parent_keys(spec))
        derived = Derived(keyed, store)
        keys, absent = derived.segments.keys(spec.name), derived.segments.absent(spec)
        videos = Videos(plan.videos.facts, keys, plan.videos.cut)
        plan = replace(keyed, videos=videos, without=absent.without, lost=absent.lost)
        refused["segments"] = derived.refused(spec)
    others = [p for p in dataset.parents if p not in (VIDEOS, "segments")] if dataset is not None else []
    if dataset is None or not others:
        return replace(plan, refused=refused)
    derived = Derived(plan, store)
    some = replace(dataset, parents=tuple(others))
    beside, said = derived.segments.parent_keys(some), derived.segments.apart(some)
    for parent in others:
        if level_of(plan.config, plan.tables, parent) == "segment":
            standing = derived.standing(parent)
            beside[parent] = [key for key, _, _ in standing]
            said[parent] = [
                "" if key is None else usual if problem is None else canonical(state)
                for usual, (key, state, problem) in zip(said[parent], standing, strict=True)
            ]
    refused["dataset"] = derived.refused(some)
    lines = ([[p, s[i]] for p, s in said.items() if s[i] is not None] for i in range(len(plan.videos)))
    apart = [canonical(one) if one else "" for one in lines]
    return replace(plan, beside=beside, apart=apart, refused=refused)
