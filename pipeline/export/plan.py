"""The plan of an export, stored in its folder: which video is in which shard, and which shards are done.

    DIR/longcap-export.json            the marker: settings and result of the export
    DIR/.longcap/plan.parquet          one row per video: shard, split, stamps
    DIR/.longcap/shards/NAME.json      a finished shard: its files, rows, what was left out

A shard is done if its mark has the stamp of its videos as they are now. So an interrupted export resumes with the first
shard that is not done, and after a change of the dataset only shards with new or changed videos are rewritten. New
videos go to new shards.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core.fingerprint import digest
from pipeline.export.folder import Folder
from pipeline.export.selection import Chosen
from pipeline.terminal.errors import UsageError

MARKER = "longcap-export.json"
STATE = ".longcap"
_PLAN = f"{STATE}/plan.parquet"
_CONTRACT = 1
_COLUMNS = ("video_id", "shard", "split", "stamp", "source")
_BESIDE = frozenset({"lost+found"})


@dataclass
class ShardPlan:
    """One shard: its videos, and its mark if it is done."""

    name: str
    split: str
    videos: list[Chosen] = field(default_factory=list)

    @property
    def stamp(self) -> str:
        return digest([[v.video_id, v.stamp, v.source, v.split] for v in self.videos])


def marker_of(folder: Folder) -> dict[str, Any] | None:
    """Return the marker of an export; None if the folder has none."""
    data = folder.read(MARKER)
    try:
        found = json.loads(data) if data else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) and found.get("longcap") == "export" else None


def admit(folder: Folder, settings: Mapping[str, Any], *, replace: bool) -> bool:
    """Whether the folder has an export of these settings to resume; writes nothing.

    Args:
        replace: whether an export with other settings may be replaced.

    Raises:
        UsageError: the folder contains something else.
    """
    marker = marker_of(folder)
    if marker is None:
        names = [path for path in folder.files() if path.split("/")[0] not in (STATE, *_BESIDE)]
        if names:
            raise UsageError(f"{folder.uri} is not empty and not an export: it contains {names[0]}; give an empty one")
        return False
    if marker.get("contract", 0) > _CONTRACT:
        raise UsageError(f"{folder.uri} was exported by a newer version of Longcap; upgrade, or give another folder")
    before, now = marker.get("settings", {}), json.loads(json.dumps(settings))
    if before == now:
        return True
    if not replace:
        changed = ", ".join(sorted(k for k in {*now, *before} if now.get(k) != before.get(k)))
        raise UsageError(
            f"{folder.uri} contains an export with other settings ({changed}); give another folder, or --replace"
        )
    return False


def take(folder: Folder, settings: Mapping[str, Any]) -> None:
    """Begin an export: remove the files of a previous one, and write the marker."""
    if marker_of(folder) is not None:
        folder.remove([*own_files(folder), *(f for f in folder.files(STATE) if not f.startswith(f"{STATE}/runs/"))])
    folder.write(MARKER, json_of({"longcap": "export", "contract": _CONTRACT, "settings": settings}))


def own_files(folder: Folder) -> list[str]:
    """Return all files that an export wrote here, as far as its marks list them."""
    found = {path for mark in marks(folder).values() for path in [*mark["files"], *media_of(mark)]}
    return sorted(found | set((marker_of(folder) or {}).get("files", ())))


def earlier(folder: Folder) -> list[tuple[str, Chosen]]:
    """Return the shard of each video in the stored plan."""
    data = folder.read(_PLAN)
    if data is None:
        return []
    rows = pq.read_table(io.BytesIO(data)).to_pylist()
    return [(r["shard"], Chosen(r["video_id"], r["split"], r["stamp"], r["source"])) for r in rows]


def shards_of(chosen: Iterable[Chosen], before: Sequence[tuple[str, Chosen]], size: int) -> list[ShardPlan]:
    """Divide videos into shards of up to `size`; a video stays in its shard, and new videos go to new shards."""
    old = {c.video_id: (shard, c.split) for shard, c in before}
    found: dict[str, ShardPlan] = {}
    fresh: dict[str, list[Chosen]] = {}
    for video in chosen:
        shard, split = old.get(video.video_id, ("", ""))
        if shard and split == video.split:
            found.setdefault(shard, ShardPlan(shard, split)).videos.append(video)
        else:
            fresh.setdefault(video.split, []).append(video)
    for split, videos in fresh.items():
        number = 1 + max((int(name.rsplit("-", 1)[1]) for name, c in before if c.split == split), default=-1)
        for start in range(0, len(videos), size):
            name = f"{split}-{number + start // size:05d}"
            found[name] = ShardPlan(name, split, videos[start : start + size])
    for made in found.values():
        made.videos.sort(key=lambda v: v.video_id)
    return [found[name] for name in sorted(found)]


def store(folder: Folder, shards: Iterable[ShardPlan]) -> None:
    """Write the plan."""
    rows = [(v.video_id, shard.name, shard.split, v.stamp, v.source) for shard in shards for v in shard.videos]
    schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
    table = pa.Table.from_pylist([dict(zip(_COLUMNS, row, strict=True)) for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    folder.write(_PLAN, sink.getvalue().to_pybytes())


def marks(folder: Folder) -> dict[str, dict[str, Any]]:
    """Return the marks of finished shards by shard name."""
    found = {}
    for path in folder.files(f"{STATE}/shards"):
        if path.endswith(".json"):
            found[path.rsplit("/", 1)[1].removesuffix(".json")] = json.loads(folder.read(path) or b"{}")
    return found


def mark(folder: Folder, name: str, value: Mapping[str, Any]) -> None:
    """Record that a shard is done."""
    folder.write(f"{STATE}/shards/{name}.json", json_of(value))


def unmark(folder: Folder, name: str) -> None:
    """Record that a shard is no longer done."""
    folder.remove([f"{STATE}/shards/{name}.json"])


def json_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def media_of(mark: Mapping[str, Any]) -> list[str]:
    """Return the media files that the mark of a shard lists."""
    return [path for paths in mark.get("media", {}).values() for path in paths]
