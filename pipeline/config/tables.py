"""The tables that a config makes. Everything between two tables can be repeated.

There are always the tables `segments` and `dataset`, for which `recipe` is a shorthand, unless the job reads finished
outputs (`inputs`). The section `tables` defines further tables, and other steps for these two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from graphlib import CycleError, TopologicalSorter
from itertools import groupby
from typing import Any, cast

import pyarrow as pa

from operators.caption.caption import Caption
from operators.core.base import FromPlan, Level, Operator, marks_of
from operators.core.fingerprint import digest, link
from operators.core.keys import captioner_of, config_of, narrator_key
from operators.core.registry import REGISTRY, instance, make
from operators.core.text import nearest, printable
from pipeline.config.parents import check_names, check_parents
from pipeline.config.table import CORE, LEVELS, VIDEOS, WORD, TableSpec
from pipeline.config.types import Config
from pipeline.terminal.errors import UsageError

_RESERVED = frozenset(
    {VIDEOS, "filtered", "failures", "annotations", "index", "runs", "parents", "tables", "captioned"}
)
_KEYS = ("level", "from", "steps", "missing")
_OTHERS = frozenset({"load", "list", "probe"})
"""Names of stages of a run, which steps must not use."""


def tables_of(config: Config) -> dict[str, TableSpec]:
    """The tables of a config by name, parents first.

    Raises:
        UsageError: one line about the first problem.
    """
    asked: dict[str, Mapping[str, Any]] = dict(config.tables)
    if not config.inputs:
        asked["segments"] = {"steps": config.recipe.segment, **asked.get("segments", {})}
        asked["dataset"] = {"from": ["segments"], "steps": config.recipe.video, **asked.get("dataset", {})}
    elif own := [name for name in CORE if name in asked]:
        raise UsageError(
            f"tables.{own[0]}: a job that reads finished outputs (inputs) makes no captions; give the table another "
            "name, or give the videos as INPUT in place of inputs"
        )
    elif not asked:
        raise UsageError(f"inputs names {', '.join(config.inputs)}, and tables none to make from it: add one to tables")
    specs = {name: _spec(config, name, value) for name, value in asked.items()}
    check_names(config, specs)
    try:
        order = list(
            TopologicalSorter({s.name: [p for p in s.parents if p in specs] for s in specs.values()}).static_order()
        )
    except CycleError as error:
        raise UsageError(f"tables go in a circle: {' from '.join(reversed(error.args[1]))}") from error
    for spec in specs.values():
        check_parents(config, spec, specs)
    return {name: specs[name] for name in order}


def schemas_of(config: Config) -> dict[str, pa.Schema]:
    """Table -> its schema; `segments` and `dataset` are included only if the recipe adds columns to them."""
    return {name: spec.schema for name, spec in tables_of(config).items() if not spec.core or spec.further}


def segment_operators(config: Config) -> tuple[Operator, ...]:
    """The operators of segments, in order.

    Raises:
        UsageError: the recipe names something that is not an operator.
    """
    return _core(config, "segments")


def video_operators(config: Config) -> tuple[Operator, ...]:
    """The operators of videos, in order; errors as in `segment_operators`."""
    return _core(config, "dataset")


def _core(config: Config, name: str) -> tuple[Operator, ...]:
    if config.inputs:
        return ()
    if name in config.tables:
        return tables_of(config)[name].steps
    where = "segment" if name == "segments" else "video"
    return tuple(_steps(config, f"recipe.{where}", getattr(config.recipe, where)))


def strict(config: Config) -> bool:
    """Whether a video with a failed segment gets no long caption."""
    dataset = config.tables.get("dataset", {})
    return config.run.on_incomplete == "fail" or dataset.get("missing") == "fail"


def captioner(config: Config) -> str:
    """Fingerprint of the settings that affect captions; see `operators.core.keys.captioner_of`."""
    return captioner_of(config.plan.segment_s, segment_operators(config), parents_of(config, "segments"))


def narrator(config: Config) -> str:
    """The contribution of the operators on videos to a long caption's key; see `operators.core.keys.narrator_key`."""
    return narrator_key(video_operators(config), parents_of(config, "dataset", besides=("segments",)))


def fingerprint(config: Config) -> str:
    """Fingerprint of the settings for long captions, stored as `config`; see `operators.core.keys.config_of`."""
    return config_of(captioner(config), narrator(config))


def parents_of(config: Config, name: str, besides: Iterable[str] = ()) -> str:
    """Fingerprint of the tables that `name` is made from, without `videos` and those in `besides`; "" for none."""
    if name not in config.tables:
        return ""
    specs = tables_of(config)
    others = [p for p in specs[name].parents if p not in {VIDEOS, *besides}]  # of two the first counts
    made_from: list[Any] = [] if config.inputs else [[p, lineage(config, specs, p)] for p in others]
    if specs[name].level == "segment" and (rule := by_lines(config)):
        made_from.append(rule)
    return digest(made_from) if made_from else ""


def lineage(config: Config, specs: Mapping[str, TableSpec], name: str) -> Any:
    """The settings that affect the rows of a table apart from the videos: its steps and those of all its ancestors."""
    spec = specs.get(name)
    if spec is None:
        return None  # a table of another output: the keys of its rows identify what they were made from
    parents = [[p, lineage(config, specs, p)] for p in spec.parents if p != VIDEOS]
    links = [link(op) for op in spec.steps]
    if spec.level == "segment" and (rule := by_lines(config)):
        parents.append(rule)
    return [spec.level, config.plan.segment_s if spec.level == "segment" else None, parents, links]


def by_lines(config: Config) -> list[Any] | None:
    """The settings, beside the spoken lines, that affect segment boundaries; None if segments follow the grid."""
    return ["lines", config.plan.line_reach_s] if config.plan.windows == "lines" else None


def table_identity(config: Config, spec: TableSpec) -> str:
    """Fingerprint of the settings that affect the rows of a table, without the videos and its parents."""
    return digest(
        [spec.level, config.plan.segment_s if spec.level == "segment" else None, [link(op) for op in spec.steps]]
    )


def warm_up(config: Config, spec: TableSpec) -> int:
    """Number of warm-up windows decoded before each segment; equal for all tables of segments."""
    own = [op.warm_up() for op in spec.steps if isinstance(op, Caption)]
    return max([config.caption.warm_up(), *own]) if spec.level == "segment" else 0


# -- parts -------------------------------------------------------------------------------------------------------------


def _spec(config: Config, name: str, value: Mapping[str, Any]) -> TableSpec:
    where = f"tables.{printable(name)}"
    if not WORD.fullmatch(name) or name in _RESERVED:
        raise UsageError(
            f"{where}: a table's name is a word such as my_table, and none of {', '.join(sorted(_RESERVED))}"
        )
    for key in value:
        if key not in _KEYS:
            raise UsageError(
                f"{where}.{key} is not a known key{nearest(str(key), _KEYS)} Known here: {', '.join(_KEYS)}"
            )
    level = value.get("level", CORE.get(name))
    if level not in LEVELS or (name in CORE and level != CORE[name]):
        allowed = CORE[name] if name in CORE else ", ".join(LEVELS)
        raise UsageError(f"{where}.level is {level!r}; it must be {allowed}")
    parents = value.get("from", [VIDEOS])
    if isinstance(parents, str) or not isinstance(parents, list | tuple) or not parents:
        raise UsageError(f"{where}.from is {parents!r}; it must be a list of tables, such as [segments]")
    missing = value.get("missing", "partial")
    if missing not in ("partial", "fail"):
        raise UsageError(f"{where}.missing is {missing!r}; it must be partial or fail")
    steps = value.get("steps")
    if isinstance(steps, str) or not isinstance(steps, list | tuple):
        raise UsageError(f"{where}.steps is {steps!r}; it must be a list of operators, such as [decode, measure]")
    where = where_of(config, name)
    made = tuple(op.at(cast(Level, level)) for op in _steps(config, where, steps))
    for op in made:
        if op.level != level:
            raise UsageError(f"{where} names {op.name}, which is of level {op.level}; only level {level} runs there")
    return TableSpec(name=name, level=cast(Level, level), parents=tuple(map(str, parents)), steps=made, missing=missing)


def sections_of(config: Config) -> dict[str, Operator]:
    """The operators with a section in the config, by its name."""
    found = {f.name: getattr(config, f.name) for f in fields(config) if f.name not in ("probe", "filter")}
    return {name: section for name, section in found.items() if isinstance(section, Operator)}


def _steps(config: Config, where: str, steps: Iterable[Any]) -> Iterator[Operator]:
    sections, seen, before = sections_of(config), set[str](), list[Operator]()
    for step in steps:
        if isinstance(step, Mapping) and len(step) == 1:
            (name, options), *_ = step.items()
        else:
            name, options = step, {}
        if not isinstance(name, str) or not isinstance(options, Mapping | None):
            raise UsageError(f"{where}: {step!r} is no step; write an operator's name, or {{name: {{option: value}}}}")
        given = dict(options or {})
        alias, pool = given.pop("as", None), given.pop("pool", None)
        for key, word in (("as", alias), ("pool", pool)):
            if word is not None and not (isinstance(word, str) and WORD.fullmatch(word)):
                raise UsageError(f"{where}: {key} of {name} is {word!r}; it must be a word such as my_{key}")
        try:
            given = given if name in sections else {**_from_plan(config, name), **given}
            op = make(name, given, sections.get(name))
        except ValueError as error:
            raise UsageError(_no_operator(where, name, error) if not given else f"{where}: {error}") from error
        op = instance(op, name=alias, pool=pool) if alias or pool else op
        if op.name in _OTHERS:
            raise UsageError(
                f"{where}: {name} goes by the name {op.name}, which a part of every table has; choose another"
            )
        if op.name in seen:
            raise UsageError(f"{where} names {op.name} twice; give one of them a name of its own with as: NAME")
        seen.add(op.name)
        for other in before:
            if type(other) is type(op) and (same := _overwritten(other, op)):
                raise UsageError(
                    f"{where}: {op.name} writes the column {same}, which {other.name} has written: give one of them "
                    "another column, or put them into two tables"
                )
        before.append(op)
        yield op


def _overwritten(one: Operator, other: Operator) -> str | None:
    """A column that a second run of the same operator would overwrite without having read it, or None."""
    kept = (one.writes & other.writes) - one.passing - other.reads - other.may_read - {"usage", "provenance"}
    return min(kept, default=None)


def _from_plan(config: Config, name: str) -> dict[str, Any]:
    """The values of an operator's fields that the section `plan` sets."""
    marks = marks_of(REGISTRY.find(name))
    return {f: getattr(config.plan, f) for f, some in marks.items() if any(isinstance(m, FromPlan) for m in some)}


def _no_operator(where: str, name: str, error: ValueError) -> str:
    if "is no operator" not in str(error):
        return f"{where}: {error}"
    rest = str(error).removeprefix(f"{name!r} is no operator")
    return f"{where} names {name!r}, which is no operator of a recipe{rest}"


def where_of(config: Config, name: str) -> str:
    """The place in the config where the steps of a table are defined."""
    if "steps" in config.tables.get(name, {}):
        return f"tables.{name}"
    return "recipe.segment" if name == "segments" else "recipe.video"


def pools_in_order(operators: Iterable[Operator]) -> list[tuple[str, list[Operator]]]:
    """Group consecutive operators of one pool, which share an actor."""
    return [(pool, list(group)) for pool, group in groupby(operators, key=lambda op: op.pool)]
