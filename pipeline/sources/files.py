"""List files, local or on any file system of fsspec: names, sizes, times. No file is opened.

A *uri* is an absolute path for a local file and `scheme://...` for any other (see `operators.core.uris`). Each folder
is listed with one request, so that 100,000 files take seconds and a manifest does not cost one request per row.
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

_PREFIX_FIND = frozenset({"s3", "gs"})  # their `find` can filter names by prefix
_LIST_FROM = 64  # from this many files of one remote folder, one listing is cheaper than a request per file
_REQUESTS_AT_ONCE = 16
CHAINED = "is a chained URI, which cannot be read: name the file itself, or unpack its archive first"

_MAGIC = re.compile(r"[*?[]")

Found: TypeAlias = tuple[str, File]


def path_of(uri: str) -> str:
    """Return the uri without the query and fragment of a web URL."""
    return re.split(r"[?#]", uri, maxsplit=1)[0] if scheme_of(uri) in WEB else uri


def suffix_of(uri: str) -> str:
    """Return the suffix in lower case, such as `.mp4`, or an empty text. The query of a URL is ignored."""
    return splitext(basename(path_of(uri)))[1].lower()


def last_suffix_of(uri: str) -> str:
    """Return the suffix of the whole uri, query included: `.mp4` of `https://host/get?file=a.mp4`."""
    return splitext(basename(uri))[1].lower()


def stem_of(uri: str) -> str:
    """Return the uri without its suffix, query and fragment."""
    path = path_of(uri)
    return path[: len(path) - len(suffix_of(uri))]


def normalise(text: str, *, base: str | None = None) -> str:
    """Return the one uri of `text`; a relative path is relative to the folder `base` (a uri), by default to the cwd.

    A `file:` URI of another host is returned unchanged; opening it raises the error.
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
    return local_uri(f"/{whole.lstrip('/')}")  # POSIX allows `//a` to differ from `/a`; Linux treats both alike


def is_folder(uri: str) -> bool:
    """Return whether a local uri is a folder."""
    return os.path.isdir(_path(uri))  # noqa: PTH112


def tree(root: str, *, recursive: bool) -> Iterator[Found]:
    """Yield every file below a folder or a prefix.

    Raises:
        UsageError: the folder or prefix does not exist or cannot be listed.
    """
    return _remote_tree(root, recursive=recursive) if scheme_of(root) else _local_tree(root, recursive=recursive)


def matching(pattern: str) -> list[str]:
    """Return the files that match a glob (`*`, `?`, `[]`, `**`), without the folders that match it.

    Args:
        pattern: of a local path or a URI. A relative path is relative to the current folder, whose name is no pattern.
    """
    scheme = scheme_of(pattern)
    if not scheme:
        paths = glob.iglob(_path(pattern), recursive=True)  # noqa: PTH207
        return [local_uri(os.path.abspath(path)) for path in paths if not os.path.isdir(path)]  # noqa: PTH100, PTH112
    uri = normalise(pattern)
    infos = _asking(uri, lambda fs: fs.glob(uri, detail=True).values())
    base = uri[: _MAGIC.search(uri).start()].rpartition("/")[0]  # type: ignore[union-attr]  # a glob has a wildcard
    found = [_uri(scheme, info) for info in infos if info["type"] == "file"]
    return found if "/." in uri[len(base) :] else [file for file in found if not _in_hidden_folder(file, base)]


def look(uris: Sequence[str], *, tolerant: bool = False) -> dict[str, File]:
    """Return those of `uris` that exist, and files next to them with the same stem, such as their subtitles.

    Args:
        tolerant: treat a file that cannot be checked as missing if any other is found; probing then reports the reason.

    Raises:
        UsageError: storage refuses access, cannot be reached, or its client is not installed.
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
        elif scheme == "file":  # a `file:` URI of another host
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
    """Return the tail of an error about a missing local path: the closest existing path or name."""
    folder, name = os.path.split(_path(uri))
    while not os.path.isdir(folder):  # noqa: PTH112
        folder, name = os.path.split(folder)
    try:
        close = get_close_matches(name, os.listdir(folder), n=1)  # noqa: PTH208
    except OSError:
        close = []
    return f"; did you mean {os.path.join(folder, close[0])}?" if close else f"; {folder} holds no {name}"  # noqa: PTH118


def open_bytes(uri: str) -> Any:
    """Open a file for reading bytes.

    Raises:
        UsageError: the file does not exist or cannot be read.
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
            if (status.st_dev, status.st_ino) in seen:  # a link to a parent folder would never end
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
    except (OSError, ValueError):  # ValueError: an invalid file name
        return {}
    starts = {basename(stem_of(_path(uri))) for uri in named}
    # NAME.mp4 and NAME.en.srt begin with the same NAME, up to one of their dots
    near = [n for n in names if any(n[:i] in starts for i, c in enumerate(n) if c == ".") or n in starts]
    return {local_uri(file): _stat(file) for file in (f"{path.rstrip('/')}/{name}" for name in near)}


def _path(uri: str) -> str:
    """Return the path of a local uri."""
    return local_path(uri) or uri


def _stat(path: str | os.DirEntry[str]) -> File:
    try:
        status = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)  # noqa: PTH116
    except OSError:  # a broken link, or removed since it was listed: probing reports it
        return File()
    return file_of_status(status)


# -- remote ------------------------------------------------------------------------------------------------------------


def _remote_tree(root: str, *, recursive: bool) -> Iterator[Found]:
    depth = None if recursive else 1
    infos = _asking(root, lambda fs: fs.find(root, maxdepth=depth, detail=True).values())
    if not infos and not _asking(root, lambda fs: [{}] if fs.exists(root) else []):
        raise UsageError(f"there is no {root}")
    for info in infos:
        uri = _uri(scheme_of(root), info)
        if not uri.endswith("/") and not _in_hidden_folder(uri, root):  # an empty object `a/` marks a folder
            yield uri, file_of_info(info)


def _in_hidden_folder(uri: str, root: str) -> bool:
    """Return whether a folder between the prefix `root` and the file begins with a dot, as local listings skip it."""
    below = uri.removeprefix(f"{root.rstrip('/')}/")
    return below != uri and ("/." in f"/{below.rpartition('/')[0]}")


def _look_web(uri: str) -> list[Found]:
    try:
        first_contact(uri)
        fs, path = file_system(uri)
        return [(uri, file_of_info(web.details(fs, path)))]
    except (OSError, TimeoutError, ValueError):  # probing reports it as the failure of this video
        return []


def why_not(uri: str) -> str:
    """Return why a web URL cannot be read, as the tail of an error; empty if it can be read or does not exist."""
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
    """Return the answer of a remote file system; empty if the path does not exist.

    Raises:
        UsageError: it refuses access, cannot be reached, or its client is not installed.
    """
    try:
        first_contact(uri)
        fs, _ = file_system(uri)
        fs.invalidate_cache()  # a second listing in the same process must see new files
        return web.retried(lambda: list(question(fs)))
    except FileNotFoundError as error:
        if cause := cause_of(error):
            raise UsageError(f"cannot list {uri}: {cause.what}; {cause.remedy}") from error
        return []
    except Exception as error:  # clients of stores raise errors of any type
        raise UsageError(f"cannot list {uri}: {explained(error)}") from error


def _uri(scheme: str, info: Mapping[str, Any]) -> str:
    name = str(info["name"])
    return name if scheme_of(name) else f"{scheme}://{name.lstrip('/')}"
