"""Which files are there, here and on every file system that fsspec knows: names, sizes, times; nothing is opened.

A *uri* is an absolute path for a local file and `scheme://...` for any other (see `operators.core.uris`). One listing a
folder, whatever the store: 100,000 files are listed in seconds, and a manifest does not cost a request a row.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from functools import partial
from posixpath import basename, normpath, splitext
from typing import Any, TypeAlias

from operators.core import web
from operators.core.causes import cause_of, explained
from operators.core.first_contact import first_contact
from operators.core.storage import UnfitFileError, file_system, open_binary
from operators.core.uris import local_path, local_uri, scheme_of
from operators.core.web import WEB
from operators.video.version import File, file_of_info, file_of_status
from pipeline.terminal.errors import UsageError

_PREFIX_FIND = frozenset({"s3", "gs"})  # whose `find` can ask for the names that begin with a prefix
_LIST_FROM = 64  # named files in one remote folder from which one listing of it is cheaper than a request for each
_REQUESTS_AT_ONCE = 16


Found: TypeAlias = tuple[str, File]


def path_of(uri: str) -> str:
    """The uri up to its path's end: without query and fragment where it is a URL of the web."""
    return re.split(r"[?#]", uri, maxsplit=1)[0] if scheme_of(uri) in WEB else uri


def suffix_of(uri: str) -> str:
    """`.mp4`, in lower case; empty where there is none. A URL's is that of its path, whatever its query."""
    return splitext(basename(path_of(uri)))[1].lower()


def last_suffix_of(uri: str) -> str:
    """What the uri as a whole ends in: `.mp4` of `https://host/get?file=a.mp4`."""
    return splitext(basename(uri))[1].lower()


def stem_of(uri: str) -> str:
    """The uri without its suffix and without what follows that."""
    path = path_of(uri)
    return path[: len(path) - len(suffix_of(uri))]


def normalise(text: str, *, base: str | None = None) -> str:
    """The one uri of what `text` names; a relative path is relative to the folder `base` (its uri), else to here.

    A `file:` URI of another host stays as it is: whoever opens it says why that cannot be done.
    """
    scheme = scheme_of(text)
    if scheme:
        return text if scheme == "file" else f"{scheme}://{text.partition('://')[2]}"
    path = local_path(text) or ""
    if base and scheme_of(base) and not path.startswith("/"):
        root, _, key = base.partition("://")[2].partition("/")
        return f"{scheme_of(base)}://{root}/{normpath(f'{key}/{path}').lstrip('/')}"
    folder = (local_path(base) if base else None) or ""
    whole = os.path.abspath(os.path.join(folder, path))  # noqa: PTH100, PTH118  # Path is slow for 100,000
    return local_uri(f"/{whole.lstrip('/')}")  # POSIX lets `//a` be another place than `/a`; Linux does not


def is_folder(uri: str) -> bool:
    """Whether a local uri is a folder."""
    return os.path.isdir(_path(uri))  # noqa: PTH112


def tree(root: str, *, recursive: bool) -> Iterator[Found]:
    """Every file below a folder or a prefix.

    Raises:
        UsageError: a folder or prefix that is not there or cannot be listed.
    """
    return _remote_tree(root, recursive=recursive) if scheme_of(root) else _local_tree(root, recursive=recursive)


def matching(pattern: str) -> list[str]:
    """The files that a glob matches; folders that it matches are left out. `*`, `?`, `[]`, `**` mean what they mean."""
    scheme = scheme_of(pattern)
    if not scheme:
        paths = glob.iglob(_path(pattern), recursive=True)  # noqa: PTH207
        return [local_uri(path) for path in paths if not os.path.isdir(path)]  # noqa: PTH112
    infos = _asking(pattern, lambda fs: fs.glob(pattern, detail=True).values())
    return [_uri(scheme, info) for info in infos if info["type"] == "file"]


def look(uris: Sequence[str], *, tolerant: bool = False) -> dict[str, File]:
    """Those of `uris` that are there, and files beside them whose names begin alike, such as their subtitles.

    Args:
        tolerant: what cannot be asked about counts as not there, as long as something is found: probing will say why.

    Raises:
        UsageError: storage refuses, cannot be reached, or its client is not installed.
    """
    folders: dict[str, list[str]] = {}
    for uri in dict.fromkeys(uris):
        folders.setdefault(uri.rpartition("/")[0], []).append(uri)
    found: dict[str, File] = {}
    asked: list[Callable[[], list[Found]]] = []
    for folder, named in folders.items():
        scheme = scheme_of(folder)
        if not scheme:
            found.update(_look_local(folder or "/", named))
        elif scheme == "file":  # of another host
            continue
        elif scheme in WEB:
            asked += [partial(_look_web, uri) for uri in named]
        elif len(named) < _LIST_FROM and scheme in _PREFIX_FIND:
            asked += [partial(_look_prefix, folder, basename(stem_of(uri))) for uri in named]
        else:
            asked.append(partial(_look_folder, folder))
    if asked:
        errors: list[UsageError] = []
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            for part in pool.map(_asked, asked):
                if isinstance(part, UsageError):
                    errors.append(part)
                else:
                    found.update(part)
        if errors and not (tolerant and found):
            raise errors[0]
    return found


def _asked(task: Callable[[], list[Found]]) -> list[Found] | UsageError:
    try:
        return task()
    except UsageError as error:
        return error


def nearest_path(uri: str) -> str:
    """What is there in place of a local path that is not: the tail of an error line."""
    folder, name = os.path.split(_path(uri))
    while not os.path.isdir(folder):  # noqa: PTH112
        folder, name = os.path.split(folder)
    try:
        close = get_close_matches(name, os.listdir(folder), n=1)  # noqa: PTH208
    except OSError:
        close = []
    return f"; did you mean {os.path.join(folder, close[0])}?" if close else f"; {folder} holds no {name}"  # noqa: PTH118


def open_bytes(uri: str) -> Any:
    """A file opened for reading bytes.

    Raises:
        UsageError: it is not there, or may not be read.
    """
    try:
        return open_binary(uri)
    except FileNotFoundError as error:
        raise UsageError(f"there is no {uri}") from error
    except UnfitFileError as error:
        raise UsageError(f"cannot read {uri}: it is a pipe, a socket or a device; write it to a file first") from error
    except Exception as error:  # as in `_asking`
        raise UsageError(f"cannot read {uri}: {explained(error)}") from error


# -- local -------------------------------------------------------------------------------------------------------------


def _local_tree(root: str, *, recursive: bool) -> Iterator[Found]:
    folders, seen = [_path(root)], set()
    while folders:
        folder = folders.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:  # a link back up would go round for ever
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda e: e.name, reverse=True)
        except OSError as error:
            raise UsageError(f"cannot list {local_uri(folder)}: {explained(error)}") from error
        for entry in listed:
            if entry.is_dir():
                if recursive and not entry.name.startswith("."):
                    folders.append(entry.path)
            elif entry.is_file() or entry.is_symlink():
                yield local_uri(entry.path), _stat(entry)


def _look_local(folder: str, named: Sequence[str]) -> dict[str, File]:
    path = _path(folder)
    try:
        names = os.listdir(path)  # noqa: PTH208
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return {}
    starts = {basename(stem_of(_path(uri))) for uri in named}
    # NAME.mp4 and NAME.en.srt both begin with a NAME that is asked for, up to one of their dots
    near = [n for n in names if any(n[:i] in starts for i, c in enumerate(n) if c == ".") or n in starts]
    return {local_uri(file): _stat(file) for file in (f"{path.rstrip('/')}/{name}" for name in near)}


def _path(uri: str) -> str:
    """The path of a local uri."""
    return local_path(uri) or uri


def _stat(path: str | os.DirEntry[str]) -> File:
    try:
        status = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)  # noqa: PTH116
    except OSError:  # a link to nowhere, or gone since it was listed: probing says so
        return File()
    return file_of_status(status)


# -- remote ------------------------------------------------------------------------------------------------------------


def _remote_tree(root: str, *, recursive: bool) -> Iterator[Found]:
    depth = None if recursive else 1
    infos = _asking(root, lambda fs: fs.find(root, maxdepth=depth, detail=True).values())
    if not infos and not _asking(root, lambda fs: [{}] if fs.exists(root) else []):
        raise UsageError(f"there is no {root}")
    for info in infos:
        if not info["name"].endswith("/"):  # the empty object that stands for a folder
            yield _uri(scheme_of(root), info), file_of_info(info)


def _look_web(uri: str) -> list[Found]:
    try:
        first_contact(uri)
        fs, path = file_system(uri)
        return [(uri, file_of_info(web.details(fs, path)))]
    except (OSError, TimeoutError, ValueError):  # one file's trouble: probing says which, as that video's failure
        return []


def why_not(uri: str) -> str:
    """Why a URL of the web cannot be had, as the tail of an error line; empty where it can, or is not there."""
    try:
        first_contact(uri)
        fs, path = file_system(uri)
        web.details(fs, path)
    except FileNotFoundError:
        return ""
    except PermissionError as error:
        return f", or it may not be read: {error.strerror}"
    except Exception as error:  # as in `_asking`
        return f", or it cannot be reached: {explained(error)}"
    return ""


def _look_prefix(folder: str, prefix: str) -> list[Found]:
    infos = _asking(folder, lambda fs: fs.find(f"{folder}/", prefix=prefix, detail=True).values())
    return [(_uri(scheme_of(folder), info), file_of_info(info)) for info in infos]


def _look_folder(folder: str) -> list[Found]:
    infos = _asking(folder, lambda fs: fs.ls(folder, detail=True))
    return [(_uri(scheme_of(folder), info), file_of_info(info)) for info in infos if info["type"] == "file"]


def _asking(uri: str, question: Callable[[Any], Iterable[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """What a remote file system answers; nothing where there is nothing.

    Raises:
        UsageError: it refuses, cannot be reached, or its client is not installed.
    """
    try:
        first_contact(uri)
        fs, _ = file_system(uri)
        fs.invalidate_cache()  # a second listing in one process must see what is new
        return list(question(fs))
    except FileNotFoundError as error:
        if cause := cause_of(error):
            raise UsageError(f"cannot list {uri}: {cause.what}; {cause.remedy}") from error
        return []
    except Exception as error:  # the clients of stores raise what they like
        raise UsageError(f"cannot list {uri}: {explained(error)}") from error


def _uri(scheme: str, info: Mapping[str, Any]) -> str:
    name = str(info["name"])
    return name if scheme_of(name) else f"{scheme}://{name.lstrip('/')}"
