"""The types of the configuration of a job: one frozen dataclass per section. Each built-in operator is a section.

`pipeline.config.tables` derives the tables of a config, `pipeline.config.check` checks it as a whole,
`pipeline.config.load` reads files and overrides, and `pipeline.config.values` writes the error messages.
"""

from __future__ import annotations

import re
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


_SUFFIX = re.compile(r"\.?[^./*?\s]+")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The operators of a job, in order, named by their sections."""

    segment: Annotated[tuple[str, ...], Field(description="operators for each segment, up to its captions")] = (
        "decode",
        "measure",
        "caption",
    )
    video: Annotated[tuple[str, ...], Field(description="operators for each video whose segments are complete")] = (
        "narrate",
    )


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How inputs are read: folders, globs, prefixes and manifests."""

    suffixes: Annotated[
        tuple[str, ...],
        Field(
            description='suffixes of files that are videos, with or without a dot, in any case; "": files without a '
            "suffix"
        ),
    ] = VIDEO_SUFFIXES
    recursive: Annotated[bool, Field(description="list subfolders as well")] = True
    uri_column: Annotated[str, Field(min_length=1, description="manifest column with the path or URI of the video")] = (
        "uri"
    )
    id_column: Annotated[
        str | None,
        Field(
            description="manifest column with your own ids; null: video_id if there is one, otherwise hashes of URIs"
        ),
    ] = None
    metadata_columns: Annotated[
        tuple[str, ...] | Literal["*"],
        Field(description='manifest columns that are copied to the dataset as JSON; "*": all other columns; []: none'),
    ] = "*"

    def __post_init__(self) -> None:
        for suffix in self.suffixes:
            if suffix and not _SUFFIX.fullmatch(suffix):
                raise ValueError(f"suffixes contains {suffix!r}; a suffix is like .mp4, without stars and further dots")
        plain = tuple(suffix and f".{suffix.lower().removeprefix('.')}" for suffix in self.suffixes)
        object.__setattr__(self, "suffixes", plain)


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """How a video is divided into segments, the unit of work and of resume, and into windows for captions."""

    segment_s: Annotated[
        float,
        Field(
            gt=0, le=1_000_000_000, description="length of a segment in s; a multiple of stride_s, at least window_s"
        ),
    ] = 120.0
    window_s: Annotated[float, Field(gt=0, description="length of a window in s; 10 in LongCaption-Agent")] = 10.0
    stride_s: Annotated[
        float,
        Field(ge=0.01, description="distance between window starts in s, at most window_s; 5 in LongCaption-Agent"),
    ] = 5.0
    windows: Annotated[
        WindowRule,
        Field(
            description="grid: the same times in all videos; shots: windows within each shot, so that none crosses a "
            "hard cut (needs measure in the recipe); lines: as grid, but no edge lies in a spoken line "
            "(needs a table of speech)"
        ),
    ] = "grid"
    min_shot_s: Annotated[
        float,
        Field(
            ge=0,
            description="with windows: shots, a shot shorter than this, in s, is captioned with the next one; 0: each "
            "shot separately",
        ),
    ] = 0.0
    line_reach_s: Annotated[
        float,
        Field(
            ge=0,
            description="with windows: lines, maximum distance in s that an edge of a window or segment moves to a "
            "gap between lines; at most half of window_s and a quarter of segment_s",
        ),
    ] = 5.0


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run is executed. These options do not affect captions."""

    schedule: Annotated[
        Literal["auto", "streaming", "phased"],
        Field(
            description="streaming: narrate each video as soon as its segments are complete; phased: caption all "
            "videos, then narrate them; auto: streaming if both engines fit on the machines "
            "simultaneously"
        ),
    ] = "auto"
    local_s: Annotated[
        float,
        Field(
            ge=0,
            description="seconds of video up to which a job runs in the driver's process, without Ray, if no cluster "
            "address is given and no engine loads a model; 0: never",
        ),
    ] = 600.0
    max_failed: Annotated[
        float, Field(ge=0, le=1, description="maximum share of failed videos before the run counts as failed")
    ] = 0.2
    on_incomplete: Annotated[
        Literal["partial", "fail"],
        Field(
            description="for a video with failed segments: partial, narrate the other segments and state the "
            "coverage; fail, narrate none"
        ),
    ] = "partial"
    flush_s: Annotated[
        float,
        Field(
            ge=0, description="maximum time in s that a finished row waits for other rows to share its commit; 0: none"
        ),
    ] = 30.0
    log_every_s: Annotated[float, Field(gt=0, description="time between progress lines in s")] = 30.0
    stall_s: Annotated[
        float,
        Field(gt=0, description="time in s without a commit after which the run reports which pool is stalled"),
    ] = 600.0
    boot_tries: Annotated[
        int, Field(ge=1, description="maximum number of failed engine boots per actor before the pool is planned again")
    ] = 3
    report_frames_s: Annotated[
        float,
        Field(
            ge=0, description="maximum time in s for the filmstrips of the report at the end of a run; 0: no filmstrips"
        ),
    ] = 10.0
    drain_s: Annotated[
        float,
        Field(
            ge=0,
            description="time in s that rows in flight have to finish after an interrupt; the notice of a spot "
            "instance is 30 s",
        ),
    ] = 25.0


@dataclass(frozen=True, kw_only=True)
class PoolResources:
    """Size of an actor pool, and the resources of each of its actors."""

    actors: Annotated[
        int | None, Field(ge=1, description="number of actors in the pool; null: as many as the cluster holds")
    ] = None
    num_cpus: Annotated[float | None, Field(ge=0, description="CPUs per actor; null: derived from its work")] = None
    num_gpus: Annotated[
        float | None,
        Field(ge=0, description="GPUs per actor; null: what the engine's model needs, if the cluster has GPUs"),
    ] = None
    memory_bytes: Annotated[
        int | None,
        Field(
            ge=2**20, description="memory that Ray reserves for an actor; null: 512 MiB for a decoder, otherwise none"
        ),
    ] = None
    custom: Annotated[
        dict[str, float], Field(description="custom Ray resources per actor, by name, such as {spot: 0.01}")
    ] = field(default_factory=dict)
    min_actors: Annotated[
        int | None,
        Field(ge=1, description="minimum number of actors while rows are queued; null: all"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """A kind of node that the cluster's autoscaler may start."""

    max: Annotated[int, Field(ge=1, description="maximum number of nodes of this type")]
    num_cpus: Annotated[float, Field(ge=0, description="logical CPUs of a node")]
    num_gpus: Annotated[float, Field(ge=0, description="GPUs of a node")] = 0.0
    memory_bytes: Annotated[int, Field(ge=0, description="memory that Ray can reserve on a node; 0: unknown")] = 0
    custom: Annotated[dict[str, float], Field(description="custom Ray resources of a node, by name")] = field(
        default_factory=dict
    )


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The resources of a run. These options do not affect the output."""

    decode: PoolResources = field(default_factory=PoolResources)
    caption: PoolResources = field(default_factory=PoolResources)
    narrate: PoolResources = field(default_factory=PoolResources)
    gather_actors: Annotated[
        int, Field(ge=1, le=64, description="number of actors that commit captions, each for its share of the videos")
    ] = 1
    num_cpus: Annotated[
        int | None,
        Field(ge=1, description="CPUs of a local Ray that the run starts; null: all. Not used with a cluster"),
    ] = None
    object_store_bytes: Annotated[
        int | None,
        Field(
            ge=80 * 2**20,
            description="bytes of the object store of a local Ray that the run starts; null: Ray's default",
        ),
    ] = None
    node_types: Annotated[
        tuple[NodeType, ...],
        Field(
            description="node types that an autoscaling cluster may start, which Ray does not report, each as {max: "
            "8, num_cpus: 16, num_gpus: 1}; []: no other nodes than the current ones"
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
        dict[str, AnyEngine], Field(description="engines by names that you choose, to be used as `engine: NAME`")
    ] = field(default_factory=dict)
    inputs: Annotated[
        dict[str, str],
        Field(
            description="finished outputs by names that you choose; their tables can be parents, such as NAME.dataset"
        ),
    ] = field(default_factory=dict)
    tables: Annotated[
        dict[str, dict[str, Any]],
        Field(description="further tables, each {level, from, steps, missing}; see docs/recipes.md"),
    ] = field(default_factory=dict)
    run: RunOptions = field(default_factory=RunOptions)
    resources: Resources = field(default_factory=Resources)
    pools: Annotated[
        dict[str, PoolResources],
        Field(description="resources of further pools, by name, with the keys of resources.caption"),
    ] = field(default_factory=dict)
