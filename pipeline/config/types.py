"""The whole configuration of a job, as types: one frozen dataclass a section, each operator being a section itself.

`check` looks at what no single field can tell: whether the grid closes, whether the recipe's operators fit together. It
runs before Ray starts. Files, overrides and error lines are `pipeline.config.load`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from operators.base import Operator
from operators.caption.caption import Caption
from operators.engines.base import EngineSpec
from operators.fingerprint import identity
from operators.grid import check_grid
from operators.keys import captioner_of, config_of, narrator_key
from operators.measure.columns import Columns
from operators.measure.filter import Filter
from operators.measure.measure import Measure
from operators.names.names import Names
from operators.narrate.narrate import Narrate
from operators.rows import CAPTIONED_SEGMENT, SEGMENT
from operators.video.decode import Decode
from operators.video.probe import Probe
from pipeline.terminal.errors import UsageError, nearest

POOLS = ("decode", "caption", "narrate")
"""The actor pools, in the order in which a row passes through them."""

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".wmv", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".vob", ".ogv", ".3gp", ".asf", ".mxf"),
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Which operators run, in order; each is named by its section."""

    segment: Annotated[tuple[str, ...], Field(description="what happens to every segment, up to its captions")] = (
        "decode",
        "measure",
        "caption",
    )
    video: Annotated[tuple[str, ...], Field(description="what happens to every video that is whole")] = ("narrate",)


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How inputs are read: folders, globs, prefixes and manifests."""

    suffixes: Annotated[
        tuple[str, ...], Field(description='what a video\'s name ends in; "" stands for names without a suffix')
    ] = VIDEO_SUFFIXES
    recursive: Annotated[bool, Field(description="look into the folders of a folder")] = True
    uri_column: Annotated[str, Field(min_length=1, description="manifest column that says where the video is")] = "uri"
    id_column: Annotated[
        str | None,
        Field(description="manifest column with your own ids; null: video_id where there is one, else hashes of uris"),
    ] = None
    metadata_columns: Annotated[
        tuple[str, ...] | Literal["*"],
        Field(description='manifest columns that travel to the dataset as JSON; "*": all that are left, []: none'),
    ] = "*"


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """How a video is cut into segments, the unit of work, of retry and of resume."""

    segment_s: Annotated[
        float,
        Field(gt=0, description="length of a segment in s; a multiple of caption.stride_s, at least caption.window_s"),
    ] = 120.0


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run goes about its work; nothing here changes what a caption says."""

    schedule: Annotated[
        Literal["auto", "streaming", "phased"],
        Field(
            description="streaming: narrate each video as it becomes whole; phased: caption all, then narrate all; "
            "auto: streaming where both engines fit side by side"
        ),
    ] = "auto"
    local_s: Annotated[
        float,
        Field(
            ge=0,
            description="seconds of video up to which a job runs in the driver's own process, without starting Ray, "
            "where no cluster is named and no engine loads a model; 0: never",
        ),
    ] = 600.0
    max_failed: Annotated[
        float, Field(ge=0, le=1, description="share of the videos that may fail before the run counts as failed")
    ] = 0.2
    on_incomplete: Annotated[
        Literal["partial", "fail"],
        Field(description="a video with failed segments: partial tells the others and states the coverage, fail none"),
    ] = "partial"
    flush_s: Annotated[
        float,
        Field(ge=0, description="time in s that a finished row waits for others to share its commit, at most; 0: none"),
    ] = 30.0
    log_every_s: Annotated[float, Field(gt=0, description="time between progress lines in s")] = 30.0
    stall_s: Annotated[
        float,
        Field(gt=0, description="time in s without anything becoming durable after which it is said who holds the run"),
    ] = 600.0
    boot_tries: Annotated[
        int, Field(ge=1, description="boots of an engine that may fail, an actor, before its pool is planned anew")
    ] = 3
    report_frames_s: Annotated[
        float,
        Field(
            ge=0, description="time in s that the filmstrips of the report at a run's end may take; 0: none are made"
        ),
    ] = 10.0
    drain_s: Annotated[
        float,
        Field(ge=0, description="time in s that work under way gets to finish after an interrupt; spot notice is 30 s"),
    ] = 25.0


@dataclass(frozen=True, kw_only=True)
class PoolResources:
    """What one actor pool takes."""

    actors: Annotated[int | None, Field(ge=1, description="actors in the pool; null: what the cluster holds")] = None
    num_cpus: Annotated[float | None, Field(ge=0, description="CPUs an actor; null: what its work needs")] = None
    num_gpus: Annotated[
        float | None,
        Field(ge=0, description="GPUs an actor; null: what its engine's model needs, where the cluster has GPUs"),
    ] = None
    memory_bytes: Annotated[
        int | None,
        Field(ge=2**20, description="memory that Ray sets aside for an actor; null: 512 MiB for a decoder, else none"),
    ] = None
    custom: Annotated[
        dict[str, float], Field(description="other Ray resources an actor takes, by name, such as {spot: 0.01}")
    ] = field(default_factory=dict)
    min_actors: Annotated[
        int | None,
        Field(ge=1, description="actors below which the pool does not shrink while rows are queued; null: all"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """A kind of node that the cluster's autoscaler may start."""

    max: Annotated[int, Field(ge=1, description="nodes of this kind there may be at most")]
    num_cpus: Annotated[float, Field(ge=0, description="CPUs of a node, as Ray counts them")]
    num_gpus: Annotated[float, Field(ge=0, description="GPUs of a node")] = 0.0
    memory_bytes: Annotated[int, Field(ge=0, description="memory that Ray may set aside on a node; 0: not known")] = 0
    custom: Annotated[dict[str, float], Field(description="other Ray resources of a node, by name")] = field(
        default_factory=dict
    )


@dataclass(frozen=True, kw_only=True)
class Resources:
    """On what the work is done; nothing here changes what comes out."""

    decode: PoolResources = field(default_factory=PoolResources)
    caption: PoolResources = field(default_factory=PoolResources)
    narrate: PoolResources = field(default_factory=PoolResources)
    gather_actors: Annotated[
        int, Field(ge=1, le=64, description="actors that commit captions, each for its share of the videos")
    ] = 1
    num_cpus: Annotated[
        int | None, Field(ge=1, description="CPUs of a Ray that is started here; null: all. A cluster has its own")
    ] = None
    object_store_bytes: Annotated[
        int | None,
        Field(ge=80 * 2**20, description="object store of a Ray that is started here; null: Ray decides"),
    ] = None
    node_types: Annotated[
        tuple[NodeType, ...],
        Field(
            description="what an autoscaling cluster may start, which Ray tells nobody, each {max: 8, num_cpus: 16, "
            "num_gpus: 1}; []: the nodes that are there are all there will be"
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that a run can be told; see docs/config.md."""

    recipe: Recipe = field(default_factory=Recipe)
    sources: SourceOptions = field(default_factory=SourceOptions)
    probe: Probe = field(default_factory=Probe)
    plan: PlanOptions = field(default_factory=PlanOptions)
    decode: Decode = field(default_factory=Decode)
    measure: Measure = field(default_factory=Measure)
    caption: Caption = field(default_factory=Caption)
    filter: Filter = field(default_factory=Filter)
    names: Names = field(default_factory=Names)
    narrate: Narrate = field(default_factory=Narrate)
    run: RunOptions = field(default_factory=RunOptions)
    resources: Resources = field(default_factory=Resources)


def segment_operators(config: Config) -> tuple[Operator, ...]:
    """The operators that a segment passes through, in order.

    Raises:
        UsageError: the recipe names something that is no operator.
    """
    return tuple(_named(config, "recipe.segment", name) for name in config.recipe.segment)


def video_operators(config: Config) -> tuple[Operator, ...]:
    """The operators that a whole video passes through, in order; errors as in `segment_operators`."""
    return tuple(_named(config, "recipe.video", name) for name in config.recipe.video)


def captioner(config: Config) -> str:
    """Fingerprint of what decides captions; see `operators.keys.captioner_of`."""
    return captioner_of(config.plan.segment_s, segment_operators(config))


def fingerprint(config: Config) -> str:
    """Fingerprint of what decides long captions: the column `config`; see `operators.keys.config_of`."""
    return config_of(captioner(config), narrator_key(video_operators(config)))


def never_measured(config: Config) -> dict[str, str]:
    """Columns that have bounds and that this config does not measure -> why not: those bounds leave nothing out."""
    if "measure" not in config.recipe.segment:
        silent = dict.fromkeys(Columns.__annotations__, "recipe.segment does not name measure")
    else:
        silent = {} if config.measure.ocr else {"text_share": "measure.ocr is false"}
        if not config.decode.signals_fps:
            seen = (name for name in Columns.__annotations__ if name != "text_share")
            silent |= dict.fromkeys(seen, "decode.signals_fps is 0")
    return {name: silent[name] for name in config.filter.limits if name in silent}


def check(config: Config) -> None:
    """Check what the fields alone cannot: the grid and the recipe.

    Raises:
        UsageError: one line on the first thing that does not fit.
    """
    caption, plan = config.caption, config.plan
    try:
        check_grid(caption.window_s, caption.stride_s, plan.segment_s)
    except ValueError as error:
        raise UsageError(f"plan.segment_s, caption.window_s and stride_s make no grid: {error}") from error
    if config.measure.cell_s != caption.stride_s:
        raise UsageError(
            f"measure.cell_s is {config.measure.cell_s} and caption.stride_s is {caption.stride_s}; they must be "
            "equal: leave measure.cell_s out of the file and it follows"
        )
    segment, video = segment_operators(config), video_operators(config)
    _check_pools("recipe.segment", segment, allowed=("decode", "caption"))
    _check_pools("recipe.video", video, allowed=("narrate",))
    _check_columns(config, segment)
    if caption.windows == "shots" and ("measure" not in config.recipe.segment or config.decode.sampling != "shots"):
        raise UsageError(
            f"caption.windows is shots, decode.sampling is {config.decode.sampling} and recipe.segment is "
            f"{', '.join(config.recipe.segment)}; windows by shots need decode.sampling: shots, so that each shot has "
            "a picture, and measure before caption, which finds the cuts"
        )
    if not any("caption" in op.writes for op in video):
        raise UsageError("recipe.video names no operator that writes the caption; put narrate into it")
    _check_engines(config, (*segment, *video))
    for op in (*segment, *video):
        try:
            identity(op)  # reads what the fields only point at, such as the text of a prompt
        except (ValueError, OSError) as error:
            raise UsageError(f"{op.name}: {error}") from error


def check_engines(config: Config, *, elsewhere: bool) -> None:
    """Look, without booting, for what would make every request of an engine, or every segment, fail.

    Args:
        elsewhere: the engines may run on other machines: what is not installed here may be there, and servers and hubs
            are asked there.

    Raises:
        UsageError: in one line.
    """
    reached: list[EngineSpec] = []
    for op in (*segment_operators(config), *video_operators(config)):
        if isinstance(op, Decode) and not elsewhere:
            try:
                op.check()
            except ValueError as error:
                raise UsageError(str(error)) from error
        engine = getattr(op, "engine", None)
        if engine is not None:
            try:
                engine.check(pictures="pictures" in op.reads, elsewhere=elsewhere)
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


def _named(config: Config, where: str, name: str) -> Operator:
    known = {op.name: op for op in _operators(config)}
    if name not in known:
        hint = f"{nearest(name, known)} Known: {', '.join(known)}"
        raise UsageError(f"{where} names {name!r}, which is no operator of a recipe{hint}")
    return known[name]


def _operators(config: Config) -> list[Operator]:
    """All that a recipe may name: probing comes before any recipe, and filtering before any narration."""
    sections = [getattr(config, f.name) for f in fields(config) if f.name not in ("probe", "filter")]
    return [section for section in sections if isinstance(section, Operator)]


def _check_pools(where: str, operators: tuple[Operator, ...], *, allowed: tuple[str, ...]) -> None:
    names = [op.name for op in operators]
    if not names:
        raise UsageError(f"{where} is empty; it must name at least one operator")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{where} names {twice} twice; an operator runs once")
    for op in operators:
        if op.pool not in allowed:
            raise UsageError(f"{where} names {op.name}, of pool {op.pool}; only {' and '.join(allowed)} run there")
    for before, after in pairwise(operators):
        if POOLS.index(before.pool) > POOLS.index(after.pool):
            raise UsageError(
                f"{where} has {after.name} (pool {after.pool}) after {before.name} (pool {before.pool}); "
                f"pools go {', '.join(POOLS)}: put {after.name} first"
            )


def _check_columns(config: Config, operators: tuple[Operator, ...]) -> None:
    """Every operator must find what it reads, and the captions' table what it keeps."""
    everything = _operators(config)
    present = set(SEGMENT.names)
    for op in operators:
        for column in sorted(op.reads - present):
            raise UsageError(
                f"recipe.segment: {op.name} reads the column {column}, which nothing before it writes; "
                + _writers(everything, column, before=op.name)
            )
        present |= op.writes
    for column in ("frames", "windows", "decode", "provenance"):
        if column in CAPTIONED_SEGMENT.names and column not in present:
            raise UsageError(
                f"recipe.segment ends without the column {column}, which the table of captions keeps; "
                + _writers(everything, column, before=None)
            )


def _writers(operators: Iterable[Operator], column: str, *, before: str | None) -> str:
    names = [op.name for op in operators if column in op.writes and op.name != before]
    if not names:
        return "no operator writes it"
    return f"{' or '.join(names)} would: put it {f'before {before}' if before else 'into the recipe'}"
