"""Storage by URI, with the credentials, the endpoint and the region that the environment holds now.

Two clients reach it: fsspec (sources, files beside the tables) and delta-rs (the tables). Both are told the same, from
the usual places: AWS_*, AZURE_*, GOOGLE_* variables, and for S3 the profile of AWS_PROFILE. Nothing of it is kept.

fsspec hands out one instance a protocol for the life of a process, and an instance keeps what it found when it was
made. A notebook that sets its keys after a first failed try would be refused for ever: instances made under another
environment are let go.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec

from operators.core.addresses import redacted
from operators.core.uris import foreign_host, local_path, scheme_of

_PREFIXES = ("AWS_", "AZURE_", "GCSFS_", "GOOGLE_", "FSSPEC_", "STORAGE_EMULATOR_HOST")
_MOST_BYTES = 256 * 2**20  # of a file that is read whole: a list of a million inputs has about 100 MB
_RETRY_S = 30  # for which delta-rs itself asks again before it gives a failure back

_WRAPPERS = frozenset(
    {"zip", "tar", "libarchive", "dir", "reference", "blockcache", "cached", "filecache", "simplecache"}
)

_CONTENT_TYPE = {"s3": "ContentType", "s3a": "ContentType", "gs": "content_type", "gcs": "content_type"}

_made_under: dict[type, dict[str, str]] = {}


class UnfitFileError(OSError):
    """What stands where a file should is a pipe, a socket or a device, or larger than any file that is expected there.

    Opening a pipe waits for a writer that may never come, and some devices have no end.
    """


def environment() -> dict[str, str]:
    """The variables that storage clients look at: what a worker on another machine has to be given."""
    return {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}


def adopt(variables: Mapping[str, str]) -> None:
    """Make a driver's `environment()` this process's own."""
    for name in environment().keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


def file_system(uri: str) -> tuple[Any, str]:
    """The `fsspec.AbstractFileSystem` that `uri` lies on, and its path there.

    Raises:
        ValueError: no such protocol, or a `file:` URI of another host; ImportError: its client is not installed.
    """
    path = local_path(uri)
    if path is not None:
        # an absolute path: fsspec itself would take `a::b`, `~x`, `C:\\x` and `file:x` for something else
        return fsspec.filesystem("file"), os.path.abspath(path)  # noqa: PTH100  # links stay as they are named
    if why := foreign_host(uri):
        raise ValueError(why)
    cls = fsspec.get_filesystem_class(_protocol(uri))
    now = environment()
    if _made_under.get(cls) != now:
        cls.clear_instance_cache()
        _made_under[cls] = now
    return connect(cls, uri)


def connect(cls: Any, uri: str) -> tuple[Any, str]:
    """An instance of the fsspec class for a remote uri, and the path there."""
    if _is_chain(uri):
        fs, path = fsspec.core.url_to_fs(uri)
        return fs, str(path)
    # a signature covers the URL as it is spelled: it is sent as it is
    signed = scheme_of(uri) in ("http", "https") and redacted(uri) != uri and uri.isascii()
    kwargs = {**cls._get_kwargs_from_urls(uri), **({"encoded": True} if signed else {})}
    fs, path = cls(**kwargs), cls._strip_protocol(uri)  # not by `url_to_fs`, for which any `::` ends a URL
    return fs, str(path)


def _protocol(uri: str) -> str:
    """The protocol whose class opens `uri`; of a chain the outermost."""
    return scheme_of(uri).partition("::")[0]


def _is_chain(uri: str) -> bool:
    """Whether `uri` is a chain of fsspec's: it begins with what wraps another, as in `zip://a.mp4::s3://bucket/b.zip`."""
    return _protocol(uri) in _WRAPPERS and "::" in uri


def open_binary(uri: str, mode: str = "rb", *, content_type: str | None = None) -> Any:
    """A file object over `uri`, opened for `rb` or `wb`; folders on the way to a new local file are made.

    Args:
        content_type: what a browser is told of a new object on S3 or Google's storage.

    Raises:
        UnfitFileError: a pipe, a socket or a device is to be read.
    """
    fs, path = file_system(uri)
    if is_local(fs):
        if "w" in mode:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        else:
            check_regular(path)
        return Path(path).open(mode)
    spelled = _CONTENT_TYPE.get(_protocol(uri))
    return fs.open(path, mode, **({spelled: content_type} if spelled and content_type else {}))


def check_regular(path: str) -> None:
    """Raises `UnfitFileError` for a local pipe, socket or device, links followed, and `OSError` where nothing is."""
    mode = os.stat(path).st_mode  # noqa: PTH116  before it is opened: opening a device may act on it
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnfitFileError(f"{path} is a pipe, a socket or a device, not a file")


def read_whole(fs: Any, path: str) -> bytes:
    """Content of a small file of an fsspec file system, such as those beside the tables.

    Raises:
        UnfitFileError: a local one is no regular file, or larger than 256 MiB.
    """
    if not is_local(fs):
        return bytes(fs.cat_file(path))
    check_regular(path)
    with Path(path).open("rb") as file:
        found = file.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        raise UnfitFileError(f"{path} is larger than {_MOST_BYTES} bytes")
    return found


def files_below(uri: str) -> list[str]:
    """Paths of all files below a folder or prefix, as they are now; none where there is no such folder."""
    fs, folder = file_system(uri)
    fs.invalidate_cache()
    try:
        found = fs.find(folder)
    except FileNotFoundError:
        return []
    # some servers name the prefix itself, or folders
    return sorted(p for p in found if p.startswith(f"{folder.rstrip('/')}/") and not p.endswith("/"))


def is_local(fs: Any) -> bool:
    """Whether an fsspec file system is this machine's own."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    return "file" in protocols


def arrow_files(uris: Sequence[str]) -> tuple[Any, list[str]]:
    """A `pyarrow.fs.FileSystem` that holds files of one place, and their paths there, for readers that take both."""
    from pyarrow import fs

    found = [file_system(uri) for uri in uris]
    return fs.PyFileSystem(fs.FSSpecHandler(found[0][0])), [path for _, path in found]


def storage_options(uri: str) -> dict[str, str]:
    """What delta-rs has to be told for `uri` beside the variables that it reads by itself (AWS_*, AZURE_*, GOOGLE_*).

    It knows no profile's region or endpoint, refuses http:// unless told otherwise, and needs the kind of conditional
    put on S3, without which two writers could both believe that they made the same version.
    """
    scheme = scheme_of(uri)
    if not scheme:
        return {}
    options = {"retry_timeout": f"{_RETRY_S}s"}
    if scheme == "s3":
        options["aws_conditional_put"] = "etag"
        region, endpoint = _profile("region"), s3_endpoint()
        if region and not os.environ.get("AWS_REGION"):
            options["AWS_REGION"] = region
        if endpoint:
            options["AWS_ENDPOINT_URL"] = endpoint
        if (endpoint or "").startswith("http://"):
            options["AWS_ALLOW_HTTP"] = "true"
    return options


def s3_endpoint() -> str | None:
    """Where S3 answers, as the AWS tools find it; None: Amazon's own."""
    return _profile("endpoint_url")


def _profile(name: str) -> str | None:
    """A setting of S3 as the AWS tools find it: variable first, then the profile."""
    if name == "endpoint_url":
        for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
            if os.environ.get(variable):
                return os.environ[variable]
    from botocore.session import Session

    session = Session()
    found = session.get_config_variable("region") if name == "region" else session.get_scoped_config().get(name)
    return str(found) if found else None
