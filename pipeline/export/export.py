"""Export a finished output: select videos, write shards with media files and rows, and check the result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from operators.store.reader import TableReader
from pipeline.export import interrupted, lengths, plan, splits
from pipeline.export.base import Export, Media, Problem, Row, Sample, Shard, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.further import further_tables
from pipeline.export.plan import ShardPlan
from pipeline.export.registry import make
from pipeline.export.samples import Making, samples
from pipeline.export.selection import Annotated, Selection, histories, select
from pipeline.output.output import Output
from pipeline.sources.location import is_inside, output_uri
from pipeline.terminal.errors import UsageError

_KEPT = 1000  # at most so many left-out samples are listed in the marker
_PROBLEMS = 1000


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of an export that every target has; None: the target's first choice.

    Attributes:
        unit: what one sample is.
        spans: "cut" to make a clip of each part of a video, "text" to keep the whole video and name times in the text.
        media: refer to videos by path, copy them into the export, or link them.
        split: names and shares, such as "train=0.9,test=0.1".
        where, group, annotations, seed: see `pipeline.export.selection.Selection`.
        shard: number of videos in a shard, the unit of work and of resume.
        max_left_out: share of the samples that may be left out; above it the export counts as failed.
        tokenizer: path of a tokenizer.json to count tokens with.
        tables: another output made from this one (`inputs`), whose tables are also read.
    """

    unit: Unit | None = None
    spans: Spans | None = None
    media: Media | None = None
    split: str | None = None
    where: str | None = None
    group: str | None = None
    annotations: Annotated = "apply"
    seed: int = 0
    shard: int = 500
    max_left_out: float = 0.0
    tokenizer: str | None = None
    tables: str | None = None


@dataclass(frozen=True)
class Report:
    """The result of an export.

    Attributes:
        videos, rows: numbers in the export, by split.
        written: shards that this call wrote; kept: shards that were complete before.
        not_selected: reason -> number of videos.
        left_out: samples that the target would have dropped or misread, each with the reason.
        problems: problems that the check of the files found.
        lengths: see `pipeline.export.lengths`.
        use: lines that say how to load the export in the target.
    """

    uri: str
    to: str
    videos: Mapping[str, int]
    rows: Mapping[str, int]
    written: int
    kept: int
    not_selected: Mapping[str, int]
    samples: int
    left_out: Sequence[Problem]
    left_out_count: int
    problems: Sequence[Problem]
    lengths: Mapping[str, Any]
    use: Sequence[str]
    max_left_out: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the files have no problems and no more samples were left out than allowed."""
        return not self.problems and self.left_out_count <= self.max_left_out * max(1, self.samples)

    def __repr__(self) -> str:
        rows = ", ".join(f"{count} {split}" for split, count in self.rows.items())
        return f"<longcap export {self.to}: {rows} rows in {self.uri}>"


@dataclass
class _Counts:
    """Counts of one shard while it is written."""

    lengths: lengths.Lengths
    rows: int = 0
    samples: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    media: dict[str, set[str]] = field(default_factory=dict)


def export(
    out: str,
    to: str,
    folder: str,
    *,
    options: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    replace: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Write an output as the files of a target; an interrupted export is resumed.

    Args:
        out: a finished output, or one that a run is still writing.
        to: name of an export; see `pipeline.export.registry`.
        folder: a folder or remote prefix, which must be empty or an export with the same settings.
        options: options of the target.
        replace: replace an export with other settings in that folder.
        say: called with one line of progress at a time.

    Raises:
        UsageError: the export cannot be made as requested; one line.
        RunFailed: another process is exporting to the folder.
    """
    asked = settings or Settings()
    if asked.shard < 1:
        raise UsageError(f"--shard-videos is {asked.shard}; it must be at least 1")
    spec = make(to, options or {})
    output = Output(out)
    place = Folder(output_uri(folder))
    _check_place(place.uri, output.uri)
    further = further_tables(output, asked.tables)
    making = _making(spec, to, asked, place, further)
    selection = Selection(
        where=asked.where,
        shares=splits.parse(asked.split),
        group=asked.group,
        annotations=asked.annotations,
        seed=asked.seed,
        beside=spec.reads_table,
        tables=further,
    )
    count = lengths.counter(asked.tokenizer)
    settings_now = _settings(spec, to, asked, making, output)
    resumed = plan.admit(place, settings_now, replace=replace)
    before = plan.earlier(place) if resumed else []
    found = select(output, selection, {c.video_id: c.split for _, c in before})
    if not found.chosen:
        reasons = ", ".join(f"{why}: {n}" for why, n in found.left_out.items()) or "the dataset is empty"
        raise UsageError(f"no video of {output.uri} is selected for the export ({reasons})")
    with interrupted.alone(place, say):
        if not resumed:
            plan.take(place, settings_now)
        unfinished = interrupted.left_behind(place)
        shards = plan.shards_of(found.chosen, before, asked.shard)
        marks = plan.marks(place)
        todo = [s for s in shards if marks.get(s.name, {}).get("stamp") != s.stamp]
        _forget(place, shards, todo, marks, {c.video_id: c.source for _, c in before})
        plan.store(place, shards)
        acts = {} if asked.annotations == "ignore" else histories(output)
        for number, shard in enumerate(todo, 1):
            say(f"shard {number} of {len(todo)}: {shard.name}, {len(shard.videos)} videos")
            interrupted.begin(place, shard)
            marks[shard.name] = _write(output, shard, acts=acts, making=making, place=place, count=count)
            interrupted.end(place, shard)
        interrupted.sweep(place, unfinished, marks)
        return _finish(
            spec,
            to,
            place,
            shards=shards,
            marks=marks,
            not_selected=found.left_out,
            written=len(todo),
            asked=asked,
        )


def check(folder: str, to: str | None = None, options: Mapping[str, Any] | None = None) -> list[Problem]:
    """Read the files of a target as its loader does, and report what it would reject, drop or misread.

    Args:
        folder: an export, or files from anywhere.
        to: name of the export; None: as the folder's marker says.

    Raises:
        UsageError: `to` is None and the folder has no marker.
    """
    place = Folder(output_uri(folder))
    marker = plan.marker_of(place)
    if to is None:
        if marker is None:
            raise UsageError(f"{folder} is not an export of Longcap; name the format of its files with --to")
        to, options = marker["settings"]["to"], {**marker["settings"]["options"], **(options or {})}
    return list(islice(make(to, options or {}).check(place), _PROBLEMS))


# -- inside ------------------------------------------------------------------------------------------------------------


def _check_place(folder: str, out: str) -> None:
    if is_inside(folder, out) or is_inside(out, folder):
        raise UsageError(f"the export cannot be written to {folder}: it overlaps the output {out}; give another folder")


def _making(spec: Export, to: str, asked: Settings, place: Folder, tables: Mapping[str, TableReader]) -> Making:
    chosen: dict[str, Any] = {}
    for name, allowed in (("unit", spec.units), ("spans", spec.spans), ("media", spec.media)):
        value = getattr(asked, name)
        if value is not None and value not in allowed:
            raise UsageError(f"--{name} {value} is not possible with {to}; allowed are {', '.join(allowed)}")
        chosen[name] = value or allowed[0]
    if spec.reads_table and chosen["unit"] != "video":
        raise UsageError(
            f"--unit {chosen['unit']} is not possible with table {spec.reads_table}: its rows are about whole "
            "videos; use --unit video"
        )
    if asked.spans == "cut" and chosen["unit"] == "video":
        raise UsageError("--spans cut needs --unit section, sentence or window; a whole video is not cut")
    if chosen["media"] == "link" and place.local is None:
        raise UsageError("--media link needs a local folder; use --media copy")
    return Making(spec=spec, tables=tables, jobs=max(2, os.cpu_count() or 2), **chosen)


def _settings(spec: Export, to: str, asked: Settings, making: Making, output: Output) -> dict[str, Any]:
    """Return the settings that determine the files of an export."""
    return {
        "to": to,
        "version": spec.version,
        "options": asdict(spec),
        "output": output.uri,
        **({"tables": asked.tables} if asked.tables else {}),
        "unit": making.unit,
        "spans": making.spans,
        "media": making.media,
        **{name: getattr(asked, name) for name in ("split", "where", "group", "annotations", "seed")},
    }


def _forget(
    place: Folder,
    shards: Sequence[ShardPlan],
    todo: Sequence[ShardPlan],
    marks: dict[str, dict[str, Any]],
    sources: Mapping[str, str],
) -> None:
    """Remove rows of shards that are rewritten or empty, and media files of videos that left or changed."""
    now = {v.video_id: v for shard in shards for v in shard.videos}
    keep = {s.name for s in shards} - {s.name for s in todo}
    used = {path for name in keep for path in _paths(marks.get(name, {}))}
    for name in sorted(set(marks) - keep):
        old = marks[name]
        gone = [
            path
            for video_id, paths in old.get("media", {}).items()
            if video_id not in now or sources.get(video_id) != now[video_id].source
            for path in paths
        ]
        place.remove({*gone, *old["files"]} - used)
        plan.unmark(place, name)
        if name not in {s.name for s in shards}:
            marks.pop(name)


def _paths(mark: Mapping[str, Any]) -> Iterator[str]:
    for paths in mark.get("media", {}).values():
        yield from paths


def _write(
    output: Output,
    shard: ShardPlan,
    *,
    acts: Mapping[str, list[Any]],
    making: Making,
    place: Folder,
    count: Callable[[str], int],
) -> dict[str, Any]:
    """Write one shard and mark it as done; returns its mark."""
    spec = making.spec
    counts = _Counts(lengths.Lengths(spec.limit_tokens))
    brought: set[str] = set()

    def rows() -> Iterator[tuple[Sample, Row]]:
        for key, sample in samples(output, shard.videos, acts, making, place):
            counts.samples += 1
            try:
                if isinstance(sample, Unfit):
                    raise sample
                if sample.relative and spec.needs_files:
                    brought.add(sample.media)
                made = spec.rows(sample)
                if sample.media in brought:
                    counts.media.setdefault(sample.video_id, set()).add(sample.media)
            except Unfit as why:
                counts.left_out.append({"key": key, "why": str(why)})
                continue
            for row in made:
                counts.rows += 1
                counts.lengths.add(count(spec.text_of(row)) + spec.media_tokens(sample))
                yield sample, row

    target = Shard(place, shard.split, shard.name)
    files = spec.write(rows(), target)
    counts.rows -= len(target.left_out) + len(target.joined)
    counts.left_out += [{"key": p.where, "why": p.why} for p in target.left_out]
    place.remove(brought - {path for paths in counts.media.values() for path in paths})  # media of left-out samples
    said = {
        "stamp": shard.stamp,
        "split": shard.split,
        "videos": len(shard.videos),
        "rows": counts.rows,
        "samples": counts.samples,
        "files": files,
        "media": {video_id: sorted(paths) for video_id, paths in counts.media.items()},
        "left_out": counts.left_out,
        "lengths": counts.lengths.dump(),
    }
    plan.mark(place, shard.name, said)
    return said


def _finish(
    spec: Export,
    to: str,
    place: Folder,
    *,
    shards: Sequence[ShardPlan],
    marks: Mapping[str, dict[str, Any]],
    not_selected: Mapping[str, int],
    written: int,
    asked: Settings,
) -> Report:
    by_split: dict[str, list[str]] = {name: [] for name in splits.parse(asked.split)}
    videos, rows = dict.fromkeys(by_split, 0), dict.fromkeys(by_split, 0)
    total = lengths.Lengths(spec.limit_tokens)
    left_out: list[Problem] = []
    for shard in shards:
        mark = marks[shard.name]
        by_split[shard.split] += mark["files"]
        videos[shard.split] += mark["videos"]
        rows[shard.split] += mark["rows"]
        total.merge(mark["lengths"])
        left_out += [Problem(item["key"], item["why"]) for item in mark["left_out"]]
    files = spec.finish(place, by_split)
    marker = plan.marker_of(place) or {}
    place.remove(set(marker.get("files", ())) - set(files))
    problems = list(islice(spec.check(place), _PROBLEMS))
    how = "tokenizer" if asked.tokenizer else lengths.ESTIMATE
    said = {
        "videos": videos,
        "rows": rows,
        "not_selected": dict(not_selected),
        "left_out": [{"key": p.where, "why": p.why} for p in left_out[:_KEPT]],
        "left_out_count": len(left_out),
        "problems": [{"where": p.where, "why": p.why} for p in problems],
        "lengths": total.summary(how),
    }
    place.write(plan.MARKER, plan.json_of({**marker, "files": files, "result": said}))
    return Report(
        uri=place.uri,
        to=to,
        videos=videos,
        rows=rows,
        written=written,
        kept=len(shards) - written,
        not_selected=not_selected,
        samples=sum(marks[s.name]["samples"] for s in shards),
        left_out=left_out,
        left_out_count=len(left_out),
        problems=problems,
        lengths=total.summary(how),
        use=spec.use(place),
        max_left_out=asked.max_left_out,
    )
