"""Check whether Longcap may write to a location, before anything is written.

    OUT/longcap.json   the marker: created first, by one process only, and never changed

Longcap may write to a location that does not exist or is empty, that has the marker, or that an earlier version of
Longcap wrote, in which case its tables have Longcap's columns. Every other location is rejected and not changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from operators.core.addresses import redacted
from operators.core.atomic import create
from operators.core.storage import UnfitFileError, file_system, is_local, read_whole, storage_options
from operators.core.text import printable
from operators.core.uris import local_path, scheme_of, table_uri
from operators.store import own_files
from operators.store.own_files import changed_at
from operators.store.store import Store
from operators.store.table import Table
from pipeline.output.known import grown, opened, refuse_files
from pipeline.output.stored_tables import check_stored
from pipeline.sources.files import is_folder, suffix_of
from pipeline.sources.manifests import MANIFEST_SUFFIXES
from pipeline.terminal.errors import UsageError

MARKER = "longcap.json"
CONTRACT = 1  # version of the output format described in docs/output.md
State = Literal["empty", "marked", "older", "foreign"]
"""State of a location: free; has a marker; written by a version without markers; not Longcap's."""

_FIXED = frozenset({"videos", "failures", "annotations"})
_GROWING = frozenset({"segments", "dataset", "filtered"})  # a recipe may have added columns to these
_BESIDE = frozenset({"lost+found"})  # present on a new disk
_SHOWN = 4


def state_of(uri: str) -> State:
    """Return the state of a location. Writes nothing.

    Raises:
        UsageError: the location is an output of a newer version, or a file.
    """
    return _state(uri, _names(uri))


def check(
    uri: str,
    inputs: Sequence[str],
    found: Iterable[str],
    *,
    recursive: bool,
    tables: Mapping[str, pa.Schema] = MappingProxyType({}),
) -> State:
    """Check whether a run over `inputs` may write to `uri`. Writes nothing.

    Args:
        inputs: uris as returned by `pipeline.sources.files.normalise`.
        found: uris of the listed videos.
        recursive: whether folders were listed recursively.
        tables: further tables that the run makes.

    Raises:
        UsageError: it may not; one line with the reason and the remedy.
    """
    _check_inputs(uri, inputs, found, recursive=recursive)
    names = _names(uri)
    state = _state(uri, names)
    if state == "foreign":
        shown = ", ".join(printable(name) for name in sorted(names)[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise UsageError(
            f"{uri} is not an output of Longcap and is not empty: it contains {shown}{more}; "
            f"give -o a new or empty folder, such as -o {uri.rstrip('/')}/captions"
        )
    if state != "empty":
        store = Store(uri, tables=grown(uri, tables))
        refuse_files(store)
        check_folders(uri, store)
        _check_tables(store)
        check_stored(uri, tables)
    return state


def check_folders(uri: str, store: Store | None = None) -> None:
    """Refuse an output in which a table or `runs` is a symbolic link, or a table was not written by Longcap.

    Raises:
        UsageError: there is one.
    """
    store = store or opened(uri)
    for table in store.tables:
        if table.exists() and not _has_our_columns(table):
            raise UsageError(
                f"{table.uri} is a table that Longcap did not write: it has other columns; move it elsewhere"
            )
    fs, root = file_system(uri)
    for name in (*(_last(t.uri) for t in store.tables), "runs"):
        for path in (Path(root, name), Path(root, name, "_delta_log")):
            if is_local(fs) and path.is_symlink():
                raise UsageError(
                    f"{path} is a symbolic link, and Longcap writes only to real folders: "
                    "replace it by the folder itself, or give another -o"
                )


def take(uri: str, state: State) -> None:
    """Write the marker before anything else is written.

    Raises:
        UsageError: another process has written there meanwhile.
    """
    if state == "marked":
        return
    store, began = Store(uri), None
    if state == "older":
        began = _unfinished_since(store)
    fs, root = file_system(uri)
    said = {
        "longcap": "output",
        "contract": CONTRACT,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    try:
        create(fs, f"{root}/{MARKER}", f"{json.dumps(said)}\n".encode())
    except FileExistsError:
        _check_marker(uri)
        return
    if began is not None:
        store.open_for("older", since=began)


# -- inside ------------------------------------------------------------------------------------------------------------


def _state(uri: str, names: set[str]) -> State:
    if MARKER in names:
        _check_marker(uri)
        return "marked"
    if not names:
        return "empty"
    tables = [table for table in Store(uri).tables if _last(table.uri) in names]
    if (tables and all(map(_has_our_columns, tables))) or (names == {"runs"} and "lease" in _names(f"{uri}/runs")):
        return "older"
    return "foreign"


def _names(uri: str) -> set[str]:
    """Return the names of the entries of a location, without hidden files.

    Raises:
        UsageError: the location is a file.
    """
    fs, root = file_system(uri)
    if is_local(fs):
        path = Path(root)
        if path.exists() and not path.is_dir():
            raise UsageError(f"{uri} is a file; an output is a folder or a prefix such as s3://bucket/captions")
        found = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    else:
        fs.invalidate_cache()
        root = root.rstrip("/")
        try:
            paths = [str(p).rstrip("/") for p in fs.ls(root, detail=False)]
        except FileNotFoundError:
            paths = []
        found = [_last(p) for p in paths if p != root]
    return {name for name in found if not name.startswith(".")} - _BESIDE


def _check_marker(uri: str) -> None:
    fs, root = file_system(uri)
    said: Any = None
    for _ in range(20):
        try:
            said = json.loads(read_whole(fs, f"{root}/{MARKER}"))
            break
        except ValueError:
            time.sleep(0.05)  # another process may be writing it
        except (RecursionError, UnfitFileError, FileNotFoundError, IsADirectoryError):
            break
    contract = said.get("contract") if isinstance(said, dict) and said.get("longcap") == "output" else None
    if not isinstance(contract, int):
        raise UsageError(f"{uri}/{MARKER} is not the marker of an output of Longcap; give -o a new or empty folder")
    if contract > CONTRACT:
        raise UsageError(
            f"{uri} was written by a newer Longcap (contract {contract}; this one knows {CONTRACT}): "
            "upgrade Longcap, or give another -o"
        )


def _has_our_columns(table: Table) -> bool:
    try:
        delta = DeltaTable(table_uri(table.uri), storage_options=storage_options(table.uri))
        columns = {field.name for field in delta.schema().fields}
    except (DeltaError, OSError, ValueError):
        return False
    needed = {"video_id", "uri", "run_id"} & set(table.schema.names)
    if _last(table.uri) in _GROWING:
        needed |= {"key", "content_hash"}
    return needed <= columns and (_last(table.uri) not in _FIXED or columns <= set(table.schema.names))


def _check_tables(store: Store) -> None:
    unswept = store.unswept(store.opened())
    if unswept is None and MARKER not in _names(store.uri) and (began := _unfinished_since(store)) is not None:
        unswept = own_files.Unswept(began)
    for table in store.tables:
        found = own_files.entries(table.uri)
        if not table.exists():
            if found:
                what = f"{found[0].name}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")
                raise UsageError(
                    f"{table.uri} holds {printable(what)}, and no _delta_log, so that the valid files are unknown: "
                    "copy the output again completely, or give another -o"
                )
            continue
        if foreign := table.lying(unswept).foreign:
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            raise UsageError(
                f"{printable(foreign[0])}{more} is in a table of Longcap, which did not write it: "
                "move it elsewhere, then run the same command again"
            )


def _check_inputs(uri: str, inputs: Sequence[str], found: Iterable[str], *, recursive: bool) -> None:
    place = _real(uri)
    for text in inputs:
        at, shown = _real(text), printable(redacted(text))
        if _within(at, place) and not _is_table_file(text, uri):
            raise UsageError(
                f"INPUT {shown} {'is' if at == place else 'is inside'} the output {uri}: "
                f"give -o a separate folder, such as -o {_beside(at, 'captions')}"
            )
        lists_all = is_folder(text) if not scheme_of(text) else not suffix_of(text)
        if _within(place, at) and recursive and lists_all:
            raise UsageError(
                f"the output {uri} is inside INPUT {shown}, where the next run would list it as input: "
                f"give -o a folder next to it, such as -o {_beside(at, _last(uri))}"
            )
    folders: dict[str, str] = {}
    for video in found:
        folder = video.rpartition("/")[0]
        if folder not in folders:
            folders[folder] = _real(folder or "/")
        if _within(folders[folder], place):
            raise UsageError(
                f"the video {printable(redacted(video))} is inside the output {uri}: give -o a separate folder"
            )


def _is_table_file(text: str, uri: str) -> bool:
    """Return whether an input names data files of a table of this output, to be read as a manifest."""
    folder = _real(text.rpartition("/")[0])
    return suffix_of(text) in MANIFEST_SUFFIXES and any(folder == _real(t.uri) for t in Store(uri).tables)


def _real(uri: str) -> str:
    """Return a location in canonical form: links resolved, without a trailing slash."""
    path = local_path(uri)
    return uri.rstrip("/") if path is None else str(Path(path).resolve())


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer.rstrip('/')}/")


def _beside(at: str, name: str) -> str:
    parent = at.rpartition("/")[0]
    if parent.endswith(":/"):  # the root of a bucket
        return f"{parent}/ANOTHER-BUCKET/{name}"
    other = f"{parent}/{name}"
    return f"{other}-captions" if other == at else other


def _unfinished_since(store: Store) -> float | None:
    """For an output without marker, return when the first run began after the last complete end; the store's clock."""
    ended = {report["run_id"] for report in store.run_records("report.json") if report.get("status") == "done"}
    since = None
    for path, info in store.run_files("config.yaml").items():
        run_id = path.rsplit("/", 2)[-2]
        if run_id in ended:
            since = None
        elif since is None:
            since = changed_at(info)
    return since


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]
