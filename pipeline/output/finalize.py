"""The end of a run: what no longer counts goes, small files are joined, and the output can be read as plain parquet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import jinja2
import pyarrow as pa

from operators import rows
from operators.base import Row
from operators.keys import source_key
from operators.storage import file_system, is_local
from operators.store.store import Store, narration_failure_key
from pipeline.config.tables import fingerprint
from pipeline.config.tables import narrator as narrator_of
from pipeline.config.types import Config
from pipeline.monitoring.report import Report
from pipeline.output.known import Durable
from pipeline.output.placement import place
from pipeline.planning.diff import Remaining, compare
from pipeline.planning.origin import makers_of
from pipeline.planning.plan import Plan


def clean(
    store: Store, plan: Plan, tables: Mapping[str, Mapping[str, str]] = MappingProxyType({}), *, run_id: str = ""
) -> None:
    """Remove what this run superseded or cured, then compact every table. Other videos are not touched.

    Captions of another config go only where new ones have taken their place: an engine that fails costs no caption.

    Args:
        tables: of each of the further tables, the key of each video's rows there.
        run_id: for rows that it writes itself.
    """
    left = compare(plan, store)
    stale = _stale(store, plan, left)
    void = _void(store, plan, left)
    if stale:
        store.segments.fence()
        store.segments.delete("key", stale)
    if void:
        store.dataset.fence()
        store.dataset.delete("video_id", void)
    if "dataset" in plan.tables:
        place(store, plan, left, run_id, kept=set(left.given_up) - void)
    for name, keys in tables.items():
        if old := _replaced(store, name, keys):
            store.table(name).fence()
            store.table(name).delete("key", old)
    if store.failures.exists():
        durable = Durable(store, {name: set(keys.values()) for name, keys in tables.items()})
        store.failures.fence()
        store.failures.rewrite(lambda events: _failed(_current(store, plan, events.to_pylist(), durable)))
    for table in store.tables:
        table.compact()


def _stale(store: Store, plan: Plan, left: Remaining) -> set[str]:
    """Keys of captions of planned videos that the plan does not have, and whose successors are there and in use."""
    current = dict(zip(plan.videos.ids, plan.videos.keys, strict=True))
    unsettled = left.undone | set(left.given_up)
    stale: dict[str, str] = {}
    there: set[str] = set()
    for batch in store.segments.batches(["video_id", "key"]):
        pairs = pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([])
        for video_id, key in zip(pairs["video_id"].to_pylist(), pairs["key"].to_pylist(), strict=True):
            if current.get(video_id, key) != key:
                stale[key] = video_id
            elif video_id in current:
                there.add(video_id)
    return {key for key, video_id in stale.items() if video_id in there and video_id not in unsettled}


def _replaced(store: Store, name: str, keys: Mapping[str, str]) -> set[str]:
    """Keys of rows in a table of segments that newer rows of the same video have taken the place of."""
    table = store.table(name)
    if not {"video_id", "segment_index"} <= set(table.schema.names):
        return set()  # a newer row replaces the older when it is committed
    found: dict[str, set[str]] = {}
    for batch in table.batches(["video_id", "key"]):
        for row in pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([]).to_pylist():
            found.setdefault(row["video_id"], set()).add(row["key"])
    return {old for v, some in found.items() if keys.get(v) in some for old in some - {keys[v]}}


def _void(store: Store, plan: Plan, left: Remaining) -> set[str]:
    """Videos that this run gave up and whose earlier long caption must not stay.

    Either it tells a version of the source that is gone, or it tells the video in part, made by this config, and
    `run.on_incomplete` allows that no longer. Captions of another config stay when this one fails.
    """
    if not left.given_up:
        return set()
    versions = dict(zip(plan.videos.ids, plan.videos.facts["source_version"].to_pylist(), strict=True))
    versions |= {v["video_id"]: v["source_version"] for v in plan.unusable}
    own = fingerprint(plan.config) if plan.config.run.on_incomplete == "fail" else ""
    void = set()
    for table in (store.dataset, store.filtered):
        for row in table.read(["video_id", "source_version", "config"]).to_pylist():
            video_id = row["video_id"]
            if video_id in left.given_up and (row["source_version"] != versions[video_id] or row["config"] == own):
                void.add(video_id)
    return void


def forget(store: Store, plan: Plan, names: Iterable[str]) -> None:
    """Forget captions, long captions and failures of some planned videos, so that they are made anew."""
    named = set(names)
    keys = {v: key for v, key in zip(plan.videos.ids, plan.videos.keys, strict=True) if v in named}
    wanted = set(keys)  # what is not in the plan, or cannot be captioned, keeps what it has
    if not wanted:
        return
    if store.segments.exists():
        store.segments.fence()
        store.segments.delete("key", keys.values())
    by_video = [table for table in store.derived.values() if "video_id" in table.schema.names]
    for table in (store.dataset, store.filtered, *by_video):
        if table.exists():
            table.fence()
            table.delete("video_id", wanted)
    forget_failures(store, lambda event: event["video_id"] in wanted)


def forget_failures(store: Store, chosen: Callable[[Row], bool]) -> list[Row]:
    """Forget the failures that `chosen` says yes to, so that they are tried again; returns them."""
    gone: list[Row] = []

    def change(events: pa.Table) -> pa.Table:
        gone[:] = [e for e in events.to_pylist() if chosen(e)]
        return _failed(e for e in events.to_pylist() if not chosen(e))

    if store.failures.exists():
        store.failures.fence()
        store.failures.rewrite(change)
    return gone


def _failed(events: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(events), schema=rows.FAILED)


def _current(store: Store, plan: Plan, events: list[Row], durable: Durable) -> list[Row]:
    """The failures that still stand: of other videos all, of this plan's the newest of each item that is not cured."""
    narrator = narrator_of(plan.config)
    done, told = store.done_segments(), {*store.done_videos(), *store.filtered_videos()}
    standing: dict[str, set[str]] = {v["video_id"]: {_source(v)} for v in plan.unusable}
    for video_id, key in zip(plan.videos.ids, plan.videos.keys, strict=True):
        standing[video_id] = {key}
        if video_id not in told:
            standing[video_id].add(narration_failure_key(key, narrator))
    newest: dict[object, Row] = {}
    for event in events:
        if durable.knows(event["key"]):
            if not durable.has(event["key"], event["segment_index"]):
                newest[event["key"], event["segment_index"]] = event
        elif event["video_id"] not in standing:
            newest[id(event)] = event
        elif event["key"] in standing[event["video_id"]] and event["segment_index"] not in done.get(
            event["key"], set()
        ):
            at = (event["key"], event["segment_index"])
            if at not in newest or newest[at]["passes"] <= event["passes"]:
                newest[at] = event
    return list(newest.values())


def _source(video: Row) -> str:
    return source_key(video["video_id"], video["source_version"])


_CARD = jinja2.Template(
    """---
configs:
- config_name: default
  data_files: dataset/*.parquet
tags:
- video
- long-caption
---
{{ marker }}
# Long captions of {{ report.videos_told }} videos

Made by longcap {{ version }}, run `{{ report.run_id }}`, {{ report.ended }}.

| | |
|---|---|
| videos planned | {{ report.videos_planned }} |
| with a long caption | {{ report.videos_told }} |
| that the filter left out | {{ report.videos_filtered }}{{ " (see `filtered/`): " ~ filter if filter }} |
| that could not be captioned | {{ report.videos_failed }} (see `failures/`) |
| hours of video | {{ "%.2f"|format(report.video_hours) }} |
| words a caption, median | {{ words }} |
| coverage, mean | {{ coverage }} |
| captions with full integrity | {{ integrity }} |
| captioner | {{ captioner }} |
| narrator | {{ narrator }} |
{% if makers|length > 1 %}

The captions were made by {{ makers|length }} configs; the column `config` says which made which.

| config | long captions | captioner | narrator | last run |
|---|---|---|---|---|
{% for m in makers %}
| {{ m.config or "not recorded" }} | {{ m.count }} | {{ m.captioner }} | {{ m.narrator }} | `{{ m.run_id }}` |
{% endfor %}
{% endif %}

`dataset/*.parquet` holds one row a video: `video_id`, `uri`, `duration_s`, `caption`, `words`, `coverage`, `integrity`,
`sections` (`start_s`, `end_s`, `text`, `windows`) and provenance. `segments/*.parquet` holds the frame and window
captions they were told from, `failures/*.parquet` what could not be captioned, and why.
Times are seconds from the first presented picture.

## Licence

The captions carry no licence of their own; that of each video stands where its manifest said it, in `metadata`
{% if licences %}({{ licences }}){% else %}(no video of this run has a `license` or `licence` column){% endif %}.

## Configuration

The configuration of this run lies in `runs/{{ report.run_id }}/config.yaml`.
""",
    trim_blocks=True,
)


CARD_MARKER = "<!-- longcap: this card is written anew by each run; without this line it is left alone -->"
_OLDER_CARD = re.compile(rb"---\nconfigs:\n.*?\n---\n# Long captions of \d+ videos\n\nMade by longcap ", re.DOTALL)


def _card_is_ours(store: Store) -> bool:
    """Whether OUT/README.md is absent or a card that Longcap wrote."""
    files, path = file_system(f"{store.uri}/README.md")
    if is_local(files) and Path(path).is_symlink():
        return False
    try:
        found = store.read_file("README.md")
    except OSError:  # a folder, or a file that may not be read
        return False
    return found is None or CARD_MARKER.encode() in found.splitlines() or _OLDER_CARD.match(found) is not None


def write_card(store: Store, config: Config, report: Report) -> bool:
    """OUT/README.md: what the dataset is, for people and for hubs that read its front matter.

    Returns:
        False where a README.md of somebody else's is there: it is left alone.
    """
    import json
    from collections import Counter
    from importlib.metadata import version
    from statistics import mean, median

    if not _card_is_ours(store):
        return False
    made = store.dataset.read(["words", "coverage", "integrity", "metadata"]).to_pylist()
    licences: Counter[str] = Counter()
    for row in made:
        columns = json.loads(row["metadata"] or "{}")
        licences.update(str(columns[c]) for c in ("license", "licence") if columns.get(c))
    text = _CARD.render(
        report=report,
        marker=CARD_MARKER,
        filter=config.filter.text(),
        version=version("longcap"),
        words=round(median(r["words"] for r in made)) if made else 0,
        coverage=f"{mean(r['coverage'] for r in made):.3f}" if made else "none",
        integrity=sum(r["integrity"] for r in made),
        captioner=f"{config.caption.engine.model_id} {config.caption.engine.revision}",
        narrator=f"{config.narrate.engine.model_id} {config.narrate.engine.revision}",
        makers=makers_of(store),
        licences=", ".join(f"{name}: {n}" for name, n in licences.most_common(10)),
    )
    store.write_file("README.md", text.encode())
    return True
