"""Selection of the files in a table's folder that may be removed: those that the table wrote and no longer needs.

A file belongs to the table if it is a regular file directly in the folder, has a name in the form of delta-rs's data
files, and

- the table's log named it at any time, or
- a writer left it that died or lost a commit before the log could name it: the file is not older than the first writer
  since the last complete sweep, and contains rows of a run that is known in this output.

All other files are kept. Names that begin with a dot or an underscore are ignored, because readers of parquet folders
do not treat them as data.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core.storage import UnfitFileError, file_system, files_below, is_local, read_whole

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
DATA_FILE = re.compile(rf"(?P<name>part-\d{{5}}-{_UUID}-c\d{{3}}(\.[a-z0-9]+)?\.parquet)(?P<staged>#\d+)?")
"""A data file of delta-rs; `#1` stands behind the name while a local file is being written."""

_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"\d{20}\.checkpoint.*\.parquet")
_READ_AT_ONCE = 64


@dataclass(frozen=True)
class Entry:
    """An entry of a folder.

    Attributes:
        path: path on its file system.
        name: name relative to the folder.
        changed: time of the last change by the store's clock, in seconds since the epoch; None if unknown.
        plain: whether it is a regular file or an object directly in the folder.
    """

    path: str
    name: str
    changed: float | None
    plain: bool


@dataclass(frozen=True)
class Unswept:
    """The time since which writers may have left files that no log names.

    Attributes:
        since: seconds since the epoch by the store's clock.
        run_ids: runs that are known in this output; None for any.
    """

    since: float
    run_ids: frozenset[str] | None = None


@dataclass(frozen=True)
class Lying:
    """Files in a table's folder that its newest version does not name: own ones, and those of others."""

    own: list[str]
    foreign: list[str]


def entries(uri: str) -> list[Entry]:
    """The entries of a folder or below a prefix, without hidden names. Symbolic links are not followed.

    A sub-folder of a local folder is one entry; below a prefix, each object is one.
    """
    fs, folder = file_system(uri)
    if is_local(fs):
        if not os.path.isdir(folder):  # noqa: PTH112
            return []
        with os.scandir(folder) as found:
            return sorted((_local(entry) for entry in found if not _hidden(entry.name)), key=lambda e: e.name)
    start = f"{folder.rstrip('/')}/"
    below = {path.removeprefix(start): info for path, info in files_below(uri).items()}
    return [
        Entry(f"{start}{name}", name, changed_at(info), plain="/" not in name)
        for name, info in below.items()
        if not _hidden(name)
    ]


def is_data(entry: Entry) -> bool:
    """Whether it looks like a data file of a table."""
    return entry.plain and DATA_FILE.fullmatch(entry.name) is not None


def is_link(uri: str) -> bool:
    """Whether a local folder is a symbolic link."""
    fs, folder = file_system(uri)
    return is_local(fs) and os.path.islink(folder)  # noqa: PTH114


def sort(
    found: Iterable[Entry],
    uri: str,
    needed: frozenset[str],
    unswept: Unswept | None,
    run_ids: Callable[[], frozenset[str]],
) -> Lying:
    """Separate a table's own files from others; files in `needed` are left out.

    Args:
        found: the entries of the table's folder.
        uri: location of the table.
        needed: names of the files in the newest version.
        unswept: with None, files that no log names count as files of others.
        run_ids: returns the run ids in the table; called only if a file requires it.
    """
    own: list[str] = []
    foreign: list[str] = []
    doubtful: list[tuple[Entry, re.Match[str]]] = []
    for entry in found:
        shape = DATA_FILE.fullmatch(entry.name) if entry.plain else None
        if entry.name in needed:
            continue
        if shape is None:
            foreign.append(entry.path)
        else:
            doubtful.append((entry, shape))
    named = logged(uri, {entry.name for entry, _ in doubtful})
    for entry, shape in doubtful:
        mine = entry.name in named or _left_behind(entry, shape["staged"] is not None, uri, unswept, run_ids)
        (own if mine else foreign).append(entry.path)
    return Lying(own, sorted(foreign))


def logged(uri: str, names: Iterable[str]) -> set[str]:
    """Those of `names` that the existing part of the table's log names as added or removed files."""
    wanted = set(names)
    if not wanted:
        return set()
    fs, folder = file_system(f"{uri}/_delta_log")
    try:
        paths = sorted((str(p) for p in fs.ls(folder, detail=False)), reverse=True)
    except FileNotFoundError:
        return set()
    commits = [p for p in paths if _COMMIT.fullmatch(_name(p))]
    checkpoints = [p for p in paths if _CHECKPOINT.fullmatch(_name(p))]
    found: set[str] = set()
    with ThreadPoolExecutor(16) as pool:
        for read, some in ((_of_commit, commits), (_of_checkpoint, checkpoints)):
            for start in range(0, len(some), _READ_AT_ONCE):
                for names_of in pool.map(lambda path, read=read: read(fs, path), some[start : start + _READ_AT_ONCE]):
                    found |= wanted & names_of
                if found == wanted:
                    return found
    return found


def remove(uri: str, paths: Iterable[str]) -> int:
    """Remove files and return their number. Local files are removed only if they are regular files, not links."""
    fs, folder = file_system(uri)
    count = 0
    for path in paths:
        try:
            if is_local(fs):
                if os.path.islink(folder) or os.path.islink(path):  # noqa: PTH114
                    continue
                os.unlink(path)  # noqa: PTH108
            else:
                fs.rm_file(path)
        except FileNotFoundError:
            continue
        count += 1
    return count


def changed_at(info: Any) -> float | None:
    """Time of the last change from an fsspec file system's info, in seconds since the epoch."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = info.get(key)
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            return value.replace(tzinfo=value.tzinfo or UTC).timestamp()
    return None


# -- inside ------------------------------------------------------------------------------------------------------------


def _left_behind(
    entry: Entry, staged: bool, uri: str, unswept: Unswept | None, in_table: Callable[[], frozenset[str]]
) -> bool:
    """Whether a file that no log names is what a writer of this output left."""
    if unswept is None or entry.changed is None or entry.changed < unswept.since:
        return False
    if unswept.run_ids is None or staged:
        return True
    made_by = _run_ids(uri, entry.path)
    return made_by is None or bool(made_by & unswept.run_ids) or bool(made_by & in_table())


def _run_ids(uri: str, path: str) -> frozenset[str] | None:
    """The runs whose rows a data file holds; None where it holds no rows, or is cut short."""
    fs, _ = file_system(uri)
    try:
        with fs.open(path) as file:
            table = pq.read_table(file)
    except Exception:  # pyarrow raises what it likes on damaged files
        return None
    if not table.num_rows:
        return None
    return frozenset(table["run_id"].to_pylist()) if "run_id" in table.column_names else frozenset()


def _of_commit(fs: Any, path: str) -> set[str]:
    try:
        actions = [json.loads(line) for line in read_whole(fs, path).splitlines() if line.strip()]
    except (
        ValueError,
        RecursionError,
        UnfitFileError,
        FileNotFoundError,
    ):  # damaged, or tidied away by Delta since it was listed: it proves nothing
        return set()
    return {unquote(a[kind]["path"]) for a in actions for kind in ("add", "remove") if kind in a}


def _of_checkpoint(fs: Any, path: str) -> set[str]:
    try:
        with fs.open(path) as file:
            table = pq.read_table(file, columns=["add.path", "remove.path"])
    except (pa.ArrowException, OSError):  # as above
        return set()
    found: set[str] = set()
    for column in table.columns:
        found |= {unquote(row["path"]) for row in column.to_pylist() if row and row["path"]}
    return found


def _local(entry: os.DirEntry[str]) -> Entry:
    status = entry.stat(follow_symlinks=False)
    return Entry(entry.path, entry.name, status.st_mtime, plain=entry.is_file(follow_symlinks=False))


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
