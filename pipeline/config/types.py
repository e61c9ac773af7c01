"""The whole configuration of a job, as types: one frozen dataclass a section, each built-in operator being a section.

Which tables a config makes is `pipeline.config.tables`; what no single field can tell is checked by
`pipeline.config.check`; files and overrides are `pipeline.config.load`, error lines `pipeline.config.values`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from operators.analysis.filter import Filter
from operators.analysis.measure import Measure
from operators.caption.caption import Caption
from operators.core.windows import WindowRule
from operators.coreference.names import Names
from operators.engines.registry import AnyEngine
from operators.narrate.narrate import Narrate
from operators.video.decode import Decode
from operators.video.probe import Probe

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
        Field(description='manifest columns that are copied to the dataset as JSON; "*": all that are left, []: none'),
    ] = "*"


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """How a video is cut: into segments, the unit of work and of resume, and into the windows of its captions."""

    segment_s: Annotated[
        float,
        Field(gt=0, description="length of a segment in s; a multiple of stride_s, at least window_s"),
    ] = 120.0
    window_s: Annotated[float, Field(gt=0, description="length of a window in s; 10 in LongCaption-Agent")] = 10.0
    stride_s: Annotated[
        float, Field(gt=0, description="distance between window starts in s, at most window_s; 5 in LongCaption-Agent")
    ] = 5.0
    windows: Annotated[
        WindowRule,
        Field(
            description="grid: the same times in all videos; shots: each shot has windows of its own, none crosses a "
            "hard cut; needs measure in the recipe; lines: as grid, but no edge lies in a spoken line; needs a "
            "table of speech"
        ),
    ] = "grid"
    min_shot_s: Annotated[
        float,
        Field(
            ge=0,
            description="with windows: shots, a shorter shot is captioned with the next one, in s; 0: each by itself",
        ),
    ] = 0.0
    line_reach_s: Annotated[
        float,
        Field(
            ge=0,
            description="with windows: lines, how far an edge of a window or segment moves at most to a gap between "
            "lines, in s; up to half of window_s and a quarter of segment_s",
        ),
    ] = 5.0


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
    """All settings of a run; see docs/config.md."""

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
    engines: Annotated[
        dict[str, AnyEngine], Field(description="engines by names of your own, which `engine: NAME` stands for")
    ] = field(default_factory=dict)
    inputs: Annotated[
        dict[str, str],
        Field(description="finished outputs by names of your own, whose tables are parents such as NAME.dataset"),
    ] = field(default_factory=dict)
    tables: Annotated[
        dict[str, dict[str, Any]],
        Field(description="further tables, each {level, from, steps, missing}; see docs/recipes.md"),
    ] = field(default_factory=dict)
    run: RunOptions = field(default_factory=RunOptions)
    resources: Resources = field(default_factory=Resources)
    pools: Annotated[
        dict[str, PoolResources], Field(description="what the other pools take, by name, as in resources.caption")
    ] = field(default_factory=dict)
