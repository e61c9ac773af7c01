"""What a killed export leaves: files that were being written, and media files of shards that were never finished.

    DIR/.longcap/begun/NAME.json       a shard that is being written, with the keys of its videos
    DIR/.longcap/uploads/ID.json       on S3: a multipart upload that is being sent
    DIR/.longcap/runs/lease/           the lease of the process that writes to DIR

A shard is rewritten under the same names, so its files replace what is there. But if a video leaves the selection
before that, nothing refers to its files any more, and a loader that lists folders would read them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from pipeline.export import plan
from pipeline.export.folder import Folder
from pipeline.export.media import key_of
from pipeline.export.plan import STATE, ShardPlan
from pipeline.output.lease import ALL, Lease

_BEGUN = f"{STATE}/begun"
_DRAFT = re.compile(r"\..{0,80}\.[0-9a-f]{12}\.part", re.DOTALL)
_UNIT = re.compile(r"-[a-z]\d{4,}(-[a-z0-9]+)*")  # names a section, sentence, window or row of a video


@contextmanager
def alone(folder: Folder, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lease of the folder inside the block, and abort uploads that killed exports left in it.

    Raises:
        RunFailed: another process is exporting to it.
    """
    with Lease(f"{folder.uri}/{STATE}", ALL, f"export-{token_hex(4)}", say).held():
        folder.abort_uploads(say)
        yield


def begin(folder: Folder, shard: ShardPlan) -> None:
    """Record that a shard is being written."""
    keys = sorted(key_of(v.video_id) for v in shard.videos)
    folder.write(f"{_BEGUN}/{shard.name}.json", json.dumps(keys))


def end(folder: Folder, shard: ShardPlan) -> None:
    """Record that a shard is written."""
    folder.remove([f"{_BEGUN}/{shard.name}.json"])


@dataclass(frozen=True, kw_only=True)
class LeftBehind:
    """What earlier, killed exports left.

    Attributes:
        names: names of shards that were begun and never finished, and keys of their videos.
        drafts: incomplete files.
    """

    names: frozenset[str]
    drafts: tuple[str, ...]


def left_behind(folder: Folder) -> LeftBehind:
    """Find what is left in a folder; changes nothing."""
    files = folder.files()
    names: set[str] = set()
    for path in files:
        if path.startswith(f"{_BEGUN}/") and path.endswith(".json"):
            names.add(path.rsplit("/", 1)[-1].removesuffix(".json"))
            names.update(json.loads(folder.read(path) or b"[]"))
    drafts = tuple(path for path in files if _DRAFT.fullmatch(path.rsplit("/", 1)[-1]))
    return LeftBehind(names=frozenset(names), drafts=drafts)


def sweep(folder: Folder, left: LeftBehind, marks: Mapping[str, Mapping[str, Any]]) -> None:
    """Remove left files that no finished shard has, then forget the shards that were begun. All shards must be
    finished.

    A file is removed only if it is named after a shard or video that was begun, and its folder and suffix are those of
    a file of a finished shard; a note or a copy beside them may be somebody's.
    """
    if not left.names and not left.drafts:
        return
    known = {*plan.own_files(folder)}
    known.update(path for mark in marks.values() for path in [*mark["files"], *plan.media_of(mark)])
    names = left.names | {*marks, *(key_of(v) for mark in marks.values() for v in mark.get("media", {}))}
    shapes = {_shape(path, names) for path in known}
    places = {place for place, _ in shapes}
    gone = [path for path in left.drafts if path.startswith(f"{STATE}/") or _shape(path, names)[0] in places]
    if left.names:
        gone += [
            path
            for path in folder.files()
            if path not in known and _shape(path, names) in shapes and _is_of(path, left.names)
        ]
    folder.remove([*dict.fromkeys(gone), *folder.files(_BEGUN)])


def _shape(path: str, names: Set[str]) -> tuple[str, str]:
    """Return the folder of a file without names of shards and samples, and the file's suffixes."""
    *folders, name = path.split("/")
    return "/".join("*" if _named(part, names) else part for part in folders), name.partition(".")[2]


def _is_of(path: str, names: Set[str]) -> bool:
    """Whether a file or its folder is named after a shard or after a sample of a video."""
    *folders, name = path.split("/")
    return any(_named(part, names) for part in (name.split(".")[0], *folders[-1:]))


def _named(word: str, names: Set[str]) -> bool:
    if word in names:
        return True
    return any(word[: m.start()] in names and _UNIT.fullmatch(word, m.start()) for m in re.finditer("-", word))
