"""Whether a location is Longcap's to write to. It is decided before anything is written.

    OUT/longcap.json   the marker: made first, by one process only, and never changed

A location is ours if it is absent or empty, if it carries the marker, or if an earlier version of Longcap wrote it:
then each table in it has the columns of ours. Everything else is refused, and nothing in it is touched.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from glob import has_magic
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
from pipeline.output.known import grown, opened
from pipeline.sources.files import is_folder, suffix_of
from pipeline.sources.manifests import MANIFEST_SUFFIXES
from pipeline.terminal.errors import UsageError

MARKER = "longcap.json"
CONTRACT = 1  # version of what a run leaves behind, as docs/output.md describes it
State = Literal["empty", "marked", "older", "foreign"]
"""of a location: free to be taken; ours; ours from before there was a marker; somebody else's."""

_FIXED = frozenset({"videos", "failures", "annotations"})
_GROWING = frozenset({"segments", "dataset", "filtered"})  # a recipe may have had further columns there
_BESIDE = frozenset({"lost+found"})  # what a fresh disk holds
_SHOWN = 4


def state_of(uri: str) -> State:
    """What lies at a location; nothing is written.

    Raises:
        UsageError: an output of a newer version, or a file.
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
    """Whether a run over `inputs` may write to `uri`; nothing is written.

    Args:
        inputs: uris as `pipeline.sources.files.normalise` gives them.
        found: uris of the videos that were listed.
        recursive: whether folders were listed with what lies below them.
        tables: further tables that the run makes.

    Raises:
        UsageError: it may not; one line that says why, and what to do.
    """
    _check_inputs(uri, inputs, found, recursive=recursive)
    names = _names(uri)
    state = _state(uri, names)
    if state == "foreign":
        shown = ", ".join(printable(name) for name in sorted(names)[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise UsageError(
            f"{uri} is no output of Longcap, and not empty: it holds {shown}{more}; "
            f"give a new or an empty place, as in -o {uri.rstrip('/')}/captions"
        )
    if state != "empty":
        store = Store(uri, tables=grown(uri, tables))
        check_folders(uri, store)
        _check_tables(store)
    return state


def check_folders(uri: str, store: Store | None = None) -> None:
    """Refuse an output in which a table or `runs` is a link to another place, or a table is somebody else's.

    Raises:
        UsageError: one is.
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
                    f"{path} is a symbolic link, and Longcap writes only into folders of its own: "
                    "put the folder itself in its place, or give another -o"
                )


def take(uri: str, state: State) -> None:
    """Mark a location as ours: the first thing that is written.

    Raises:
        UsageError: something else came there meanwhile.
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
    """Names of what lies directly at a location, without hidden files.

    Raises:
        UsageError: it is a file.
    """
    fs, root = file_system(uri)
    if is_local(fs):
        path = Path(root)
        if path.exists() and not path.is_dir():
            raise UsageError(f"cannot write to {uri}: it is a file; give -o a folder or a prefix to write to")
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
        raise UsageError(f"{uri}/{MARKER} is not the marker of an output of Longcap; give -o a new or an empty place")
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
                    f"{table.uri} holds {printable(what)}, and no _delta_log that says which of them count: "
                    "copy the output again with all that it holds, or give another -o"
                )
            continue
        if foreign := table.lying(unswept).foreign:
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            raise UsageError(
                f"{printable(foreign[0])}{more} lies in a table of Longcap's that did not write it: "
                "move it elsewhere, then run the same command again"
            )


def _check_inputs(uri: str, inputs: Sequence[str], found: Iterable[str], *, recursive: bool) -> None:
    place = _real(uri)
    for text in inputs:
        at, shown = _real(text), printable(redacted(text))
        if _within(at, place) and not _is_table_file(text, uri):
            raise UsageError(
                f"INPUT {shown} {'is' if at == place else 'lies inside'} the output {uri}: "
                f"give -o a place of its own, as in -o {_beside(at, 'captions')}"
            )
        lists_all = is_folder(text) if not scheme_of(text) else not suffix_of(text)
        if _within(place, at) and recursive and lists_all and not has_magic(text):
            raise UsageError(
                f"the output {uri} lies inside INPUT {shown}, where the next run would list it as input: "
                f"give -o a place beside it, as in -o {_beside(at, _last(uri))}"
            )
    folders: dict[str, str] = {}
    for video in found:
        folder = video.rpartition("/")[0]
        if folder not in folders:
            folders[folder] = _real(folder or "/")
        if _within(folders[folder], place):
            raise UsageError(
                f"the video {printable(redacted(video))} lies inside the output {uri}: give -o a place of its own"
            )


def _is_table_file(text: str, uri: str) -> bool:
    """Whether an input names data files of an output's own table, to be read as a manifest."""
    folder = _real(text.rpartition("/")[0])
    return suffix_of(text) in MANIFEST_SUFFIXES and any(folder == _real(t.uri) for t in Store(uri).tables)


def _real(uri: str) -> str:
    """A location in one form: links are followed, and no slash stands at its end."""
    path = local_path(uri)
    return uri.rstrip("/") if path is None else str(Path(path).resolve())


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer.rstrip('/')}/")


def _beside(at: str, name: str) -> str:
    parent = at.rpartition("/")[0]
    if parent.endswith(":/"):  # a whole bucket
        return f"{parent}/ANOTHER-BUCKET/{name}"
    other = f"{parent}/{name}"
    return f"{other}-captions" if other == at else other


def _unfinished_since(store: Store) -> float | None:
    """Of an output without marker: when the first run began that no complete end followed; by the store's clock."""
    files, folder = file_system(f"{store.uri}/runs")
    files.invalidate_cache()
    ended = {report["run_id"] for report in store.run_records("report.json") if report.get("status") == "done"}
    since = None
    for path, info in sorted(files.glob(f"{folder}/*/config.yaml", detail=True).items()):
        run_id = str(path).rsplit("/", 2)[-2]
        if run_id in ended:
            since = None
        elif since is None:
            since = changed_at(info)
    return since


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]
