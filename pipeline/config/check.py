"""Checks of a whole config: whether the grid is consistent, and whether the operators of each table fit together.

They run before a job starts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from operators.analysis.columns import Columns
from operators.analysis.filter import Filter
from operators.analysis.measure import Measure
from operators.caption.caption import Caption
from operators.core.base import Operator
from operators.core.fingerprint import identity
from operators.core.grid import check_grid
from operators.core.text import nearest
from operators.engines.base import EngineSpec
from operators.engines.registry import engines_of
from operators.language.identify import unchecked
from pipeline.config.parents import columns_before, speech_parent
from pipeline.config.table import TableSpec
from pipeline.config.tables import pools_in_order, sections_of, segment_operators, tables_of, where_of
from pipeline.config.types import POOLS, Config
from pipeline.terminal.errors import UsageError

FROM_FILTER = ("filtered", *Columns.__annotations__)
"""Columns that the filter adds, which precedes every narration."""
_OF_ROWS = frozenset({"video_id", "segment_index", "key", "content_hash", "run_id", "host", "timings", "failure"})
"""Columns that identify rows."""


def never_measured(config: Config) -> dict[str, str]:
    """Columns with bounds that this config does not measure -> the reason. Their bounds exclude nothing."""
    if not any(isinstance(op, Measure) for op in segment_operators(config)):
        silent = dict.fromkeys(Columns.__annotations__, "recipe.segment does not name measure")
    else:
        silent = {} if config.measure.ocr else {"text_share": "measure.ocr is false"}
        if not config.decode.signals_fps:
            seen = (name for name in Columns.__annotations__ if name != "text_share")
            silent |= dict.fromkeys(seen, "decode.signals_fps is 0")
    brought = columns_before(config, specs["dataset"], specs) if (specs := tables_of(config)).get("dataset") else set()
    makers = {"match_score": "match", "rating": "rate"}
    silent |= {
        name: f"the dataset is not made from a table of {makers.get(name, 'speech')}"
        for name in Filter.may_read
        if name not in brought
    }
    return {name: silent[name] for name in config.filter.limits if name in silent}


def unchecked_languages(config: Config) -> dict[str, str]:
    """Options with a language that answers are not checked for -> the reason."""
    asked = {f"{op.name}.language": getattr(op, "language", None) for op in all_operators(tables_of(config))}
    found = {name: unchecked(language) for name, language in asked.items() if isinstance(language, str)}
    return {name: why for name, why in found.items() if why is not None}


def check(config: Config) -> None:
    """Check a config beyond its single fields: the grid and the recipe.

    Raises:
        UsageError: one line about the first problem.
    """
    plan = config.plan
    try:
        check_grid(plan.window_s, plan.stride_s, plan.segment_s)
    except ValueError as error:
        raise UsageError(f"plan.segment_s, window_s and stride_s make no grid: {error}") from error
    if config.measure.cell_s != plan.stride_s:
        raise UsageError(
            f"measure.cell_s is {config.measure.cell_s} and plan.stride_s is {plan.stride_s}; they must be "
            "equal: leave measure.cell_s out of the file and it follows"
        )
    specs = tables_of(config)
    for spec in specs.values():
        _check_table(config, specs, spec)
    operators = all_operators(specs)
    if plan.windows == "shots" and _captions(specs):
        segment = [op.name for op in specs["segments"].steps]
        if "measure" not in segment or config.decode.sampling != "shots":
            raise UsageError(
                f"plan.windows is shots, decode.sampling is {config.decode.sampling} and recipe.segment is "
                f"{', '.join(segment)}; windows by shots need decode.sampling: shots, so that each shot has "
                "a frame, and measure before caption, which finds the cuts"
            )
    if plan.windows == "lines":
        _check_lines(config, specs)
    _check_named_pools(config, operators)
    if not config.inputs:
        _check_engines(config, specs["dataset"].steps)
    for op in operators:
        try:
            identity(op)  # reads content that fields refer to, such as the text of a prompt
        except (ValueError, OSError) as error:
            raise UsageError(f"{op.name}: {error}") from error


def all_operators(specs: Mapping[str, TableSpec]) -> list[Operator]:
    """The operators of all tables."""
    return [op for spec in specs.values() for op in spec.steps]


def _captions(specs: Mapping[str, TableSpec]) -> bool:
    return "segments" in specs and any(isinstance(op, Caption) for op in specs["segments"].steps)


def _check_lines(config: Config, specs: Mapping[str, TableSpec]) -> None:
    """Check that every segment boundary can be moved out of spoken lines."""
    plan, most_s = config.plan, min(config.plan.window_s / 2, config.plan.segment_s / 4)
    if plan.line_reach_s > most_s:
        raise UsageError(
            f"plan.line_reach_s is {plan.line_reach_s}; with plan.windows: lines it must be at most {most_s:g}, half "
            "of window_s and a quarter of segment_s"
        )
    heard = {spec.name: speech_parent(config, specs, spec) for spec in specs.values() if spec.level == "segment"}
    for name, speech in heard.items():
        if speech is None:
            raise UsageError(
                f"plan.windows is lines and {where_of(config, name)} is made without a table of speech; add one to "
                f"tables.{name}.from, so that its segments lie as those of all other tables"
            )
    if len(set(heard.values())) > 1:
        some = " and ".join(sorted({str(s) for s in heard.values()}))
        raise UsageError(f"plan.windows is lines and tables of segments follow the lines of {some}: name one in all")


def _check_table(config: Config, specs: Mapping[str, TableSpec], spec: TableSpec) -> None:
    allowed = {"segment": ("decode", "caption"), "video": ("narrate",), "run": ()}[spec.level]
    _check_pools(where_of(config, spec.name), spec.steps, allowed=allowed)
    _check_columns(config, specs, spec)


def _check_named_pools(config: Config, operators: Iterable[Operator]) -> None:
    used = sorted({op.pool for op in operators} - set(POOLS))
    for name in config.pools:
        if name in POOLS:
            raise UsageError(f"pools.{name}: what this pool takes stands in resources.{name}")
        if name not in used:
            raise UsageError(
                f"pools.{name}: no step runs in a pool of that name{nearest(name, used)} "
                f"Pools of this config: {', '.join([*POOLS, *used])}"
            )


def check_engines(config: Config, *, elsewhere: bool) -> None:
    """Check, without booting, for problems that would make every request of an engine, or every segment, fail.

    Args:
        elsewhere: whether the engines may run on other machines. Software that is missing here may be installed there,
            and servers and hubs are contacted from there.

    Raises:
        UsageError: one line that says what does not fit and what to do.
    """
    reached: list[EngineSpec] = []
    for op in all_operators(tables_of(config)):
        if not elsewhere:
            try:
                op.check()
            except ValueError as error:
                raise UsageError(str(error)) from error
        for engine in engines_of(op):
            try:
                engine.check(images="images" in op.reads, elsewhere=elsewhere)
                if not elsewhere and engine not in reached:
                    engine.reach()
                    reached.append(engine)
            except ValueError as error:
                raise UsageError(f"{op.name}.engine: {error}") from error


def _check_engines(config: Config, operators: Iterable[Operator]) -> None:
    named = {op.name for op in operators}
    if config.caption.fields and not config.caption.engine.generative:
        raise UsageError(
            "caption.fields is true and caption.engine has no model to fill them: name one, or take it out"
        )
    if "names" in named and not config.names.engine.generative:
        raise UsageError(
            "recipe.video names names, which needs a model: name one as narrate.engine, or leave names out"
        )
    if "names" in named and not config.caption.fields:
        raise UsageError("recipe.video names names, which reads the windows' fields: set caption.fields to true")


def _check_pools(where: str, operators: tuple[Operator, ...], *, allowed: tuple[str, ...]) -> None:
    if not operators:
        raise UsageError(f"{where} is empty; it must name at least one operator")
    for op in operators:
        if op.pool not in allowed and op.pool in POOLS:
            raise UsageError(f"{where} names {op.name}, of pool {op.pool}; only {' and '.join(allowed)} run there")
    ours = [op for op in operators if op.pool in POOLS]
    for before, after in pairwise(ours):
        if POOLS.index(before.pool) > POOLS.index(after.pool):
            raise UsageError(
                f"{where} has {after.name} (pool {after.pool}) after {before.name} (pool {before.pool}); "
                f"pools go {', '.join(POOLS)}: put {after.name} first"
            )
    order = [pool for pool, _ in pools_in_order(operators)]
    twice = next((pool for pool in order if order.count(pool) > 1), None)
    if twice:
        raise UsageError(f"{where} comes back to the pool {twice} after another: put its operators next to each other")


def can_do_without(config: Config, specs: Mapping[str, TableSpec], spec: TableSpec, parents: Collection[str]) -> bool:
    """Whether a table has all columns that its steps read and that it stores, without the columns of some parents."""
    rest = replace(spec, parents=tuple(p for p in spec.parents if p not in parents))
    try:
        _check_columns(config, specs, rest, {"parents"})
    except UsageError:
        return False
    return True


def _check_columns(
    config: Config, specs: Mapping[str, TableSpec], spec: TableSpec, further: Iterable[str] = ()
) -> None:
    """Check that every operator finds the columns it reads, and that `segments` and `dataset` get those they store.

    Args:
        further: columns that the first step finds, in addition to those of the table's level and parents.
    """
    where = where_of(config, spec.name)
    everything = sections_of(config).values()
    present = columns_before(config, spec, specs).union(further)
    if spec.name == "dataset":
        present |= set(FROM_FILTER)
    for op in spec.steps:
        if taken := sorted(op.writes & _OF_ROWS):
            raise UsageError(
                f"{where}: {op.name} writes the column {taken[0]}, which every row has: give it another name"
            )
        for column in sorted(op.reads - present):
            raise UsageError(
                f"{where}: {op.name} reads the column {column}, which nothing before it writes; "
                + _writers(everything, column, before=op.name)
            )
        try:
            op.check_columns(frozenset(present))
        except ValueError as error:
            raise UsageError(f"{where}: {op.name}: {error}") from error
        present |= op.writes
    if spec.name == "segments":
        for column in ("frames", "windows", "decode", "provenance"):
            if column not in present:
                raise UsageError(
                    f"{where} ends without the column {column}, which the table of captions keeps; "
                    + _writers(everything, column, before=None)
                )
    if spec.name == "dataset" and not any("caption" in op.writes for op in spec.steps):
        raise UsageError(f"{where} names no operator that writes the caption; put narrate into it")
    for column, kind in spec.kept.items() if spec.core else ():
        of_table = spec.schema.field(column).type
        if kind != of_table:
            raise UsageError(
                f"{where} writes the column {column} as {kind}, and {spec.name} keeps {of_table} there: "
                "give the step's column another name"
            )
    if not spec.core and not spec.kept:
        raise UsageError(f"{where}: no step writes a column that is kept")


def _writers(operators: Iterable[Operator], column: str, *, before: str | None) -> str:
    names = [op.name for op in operators if column in op.writes and op.name != before]
    if not names:
        return "no operator writes it"
    return f"{' or '.join(names)} would: put it {f'before {before}' if before else 'into the recipe'}"
