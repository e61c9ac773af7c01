"""The plan of an export, kept in its folder: which video is in which shard, and which shards are done.

    DIR/longcap-export.json            the marker: what the export is, and what came out
    DIR/.longcap/plan.parquet          one row a video: shard, split, stamps
    DIR/.longcap/shards/NAME.json      a finished shard: its files, rows, what was left out

A shard is done where its mark carries the stamp of its videos as they are now. So an interrupted export goes on with
the shard that it was at, and a dataset that grew or changed has only those shards written that hold a new or changed
video; new videos go to new shards.
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
    """One shard: its videos, and its mark where it is done."""

    name: str
    split: str
    videos: list[Chosen] = field(default_factory=list)

    @property
    def stamp(self) -> str:
        return digest([[v.video_id, v.stamp, v.source, v.split] for v in self.videos])


def marker_of(folder: Folder) -> dict[str, Any] | None:
    """What an export wrote about itself; None where there is none."""
    data = folder.read(MARKER)
    try:
        found = json.loads(data) if data else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) and found.get("longcap") == "export" else None


def admit(folder: Folder, settings: Mapping[str, Any], *, replace: bool) -> bool:
    """Whether the folder holds an export of these settings, to go on with; nothing is written.

    Args:
        replace: an export of other settings may be replaced.

    Raises:
        UsageError: it holds something else.
    """
    marker = marker_of(folder)
    if marker is None:
        names = [path for path in folder.files() if path.split("/")[0] not in (STATE, *_BESIDE)]
        if names:
            raise UsageError(f"{folder.uri} is not empty and no export: it holds {names[0]}; give an empty folder")
        return False
    if marker.get("contract", 0) > _CONTRACT:
        raise UsageError(f"{folder.uri} is an export of a newer version of Longcap")
    before, now = marker.get("settings", {}), json.loads(json.dumps(settings))
    if before == now:
        return True
    if not replace:
        changed = ", ".join(sorted(k for k in {*now, *before} if now.get(k) != before.get(k)))
        raise UsageError(
            f"{folder.uri} holds an export with other settings ({changed}); give another folder, or --replace"
        )
    return False


def take(folder: Folder, settings: Mapping[str, Any]) -> None:
    """Begin an export: remove the files of the one that was there, and mark the folder."""
    if marker_of(folder) is not None:
        folder.remove([*own_files(folder), *(f for f in folder.files(STATE) if not f.startswith(f"{STATE}/runs/"))])
    folder.write(MARKER, json_of({"longcap": "export", "contract": _CONTRACT, "settings": settings}))


def own_files(folder: Folder) -> list[str]:
    """All files that an export has written here, as far as its marks know."""
    found = {path for mark in marks(folder).values() for path in [*mark["files"], *media_of(mark)]}
    return sorted(found | set((marker_of(folder) or {}).get("files", ())))


def earlier(folder: Folder) -> list[tuple[str, Chosen]]:
    """The shard of each video in the plan that lies in the folder."""
    data = folder.read(_PLAN)
    if data is None:
        return []
    rows = pq.read_table(io.BytesIO(data)).to_pylist()
    return [(r["shard"], Chosen(r["video_id"], r["split"], r["stamp"], r["source"])) for r in rows]


def shards_of(chosen: Iterable[Chosen], before: Sequence[tuple[str, Chosen]], size: int) -> list[ShardPlan]:
    """Divide videos into shards of up to `size`; a video stays in its shard, new ones go to new shards."""
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
    """Keep the plan."""
    rows = [(v.video_id, shard.name, shard.split, v.stamp, v.source) for shard in shards for v in shard.videos]
    schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
    table = pa.Table.from_pylist([dict(zip(_COLUMNS, row, strict=True)) for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    folder.write(_PLAN, sink.getvalue().to_pybytes())


def marks(folder: Folder) -> dict[str, dict[str, Any]]:
    """The marks of finished shards by their names."""
    found = {}
    for path in folder.files(f"{STATE}/shards"):
        if path.endswith(".json"):
            found[path.rsplit("/", 1)[1].removesuffix(".json")] = json.loads(folder.read(path) or b"{}")
    return found


def mark(folder: Folder, name: str, value: Mapping[str, Any]) -> None:
    """Note that a shard is done."""
    folder.write(f"{STATE}/shards/{name}.json", json_of(value))


def unmark(folder: Folder, name: str) -> None:
    """Note that a shard is not done any more."""
    folder.remove([f"{STATE}/shards/{name}.json"])


def json_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def media_of(mark: Mapping[str, Any]) -> list[str]:
    """The media files that the mark of a shard names."""
    return [path for paths in mark.get("media", {}).values() for path in paths]
