"""Storage by URI, with credentials, endpoint and region from the current environment.

Two clients are used: fsspec (sources and files beside the tables) and delta-rs (the tables). Both get the same settings
from the usual places: AWS_*, AZURE_* and GOOGLE_* variables, and for S3 the profile of AWS_PROFILE. The settings are
never stored.

fsspec caches one instance per protocol for the life of a process, and an instance keeps the credentials with which it
was created. A notebook that sets its keys after a first failed attempt would be refused forever. Instances that were
created under another environment are therefore discarded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec

from operators.core.addresses import redacted
from operators.core.folders import make_folder
from operators.core.uris import foreign_host, local_path, scheme_of

_PREFIXES = ("AWS_", "AZURE_", "GCSFS_", "GOOGLE_", "FSSPEC_", "STORAGE_EMULATOR_HOST")
_MOST_BYTES = 256 * 2**20  # limit of a file that is read completely; a list of a million inputs has about 100 MB
_RETRY_S = 30  # time for which delta-rs itself retries before it reports a failure

_WRAPPERS = frozenset(
    {"zip", "tar", "libarchive", "dir", "reference", "blockcache", "cached", "filecache", "simplecache"}
)

_CONTENT_TYPE = {"s3": "ContentType", "s3a": "ContentType", "gs": "content_type", "gcs": "content_type"}

_made_under: dict[type, dict[str, str]] = {}


class UnfitFileError(OSError):
    """The path is a pipe, a socket or a device, or the file is larger than allowed.

    Opening a pipe blocks until it has a writer, and reading some devices never ends.
    """


def environment() -> dict[str, str]:
    """The environment variables that storage clients read, to be passed to workers on other machines."""
    return {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}


def adopt(variables: Mapping[str, str]) -> None:
    """Set this process's storage variables to those of a driver's `environment()`."""
    for name in environment().keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


def file_system(uri: str) -> tuple[Any, str]:
    """The `fsspec.AbstractFileSystem` of `uri`, and the path on it.

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
    """An instance of the fsspec class for a remote URI, and the path on it."""
    if is_chain(uri):
        fs, path = fsspec.core.url_to_fs(uri)
        return fs, str(path)
    # a signature covers the exact spelling of a URL, so the URL is sent unchanged
    signed = scheme_of(uri) in ("http", "https") and redacted(uri) != uri and uri.isascii()
    kwargs = {**cls._get_kwargs_from_urls(uri), **({"encoded": True} if signed else {})}
    fs, path = cls(**kwargs), cls._strip_protocol(uri)  # not by `url_to_fs`, for which any `::` ends a URL
    return fs, str(path)


def _protocol(uri: str) -> str:
    """The protocol of `uri`; of a chained URI the outermost one."""
    return scheme_of(uri).partition("::")[0]


def is_chain(uri: str) -> bool:
    """Whether `uri` is a chained URI of fsspec, such as `zip://a.mp4::s3://bucket/b.zip`."""
    return _protocol(uri) in _WRAPPERS and "::" in uri


def open_binary(uri: str, mode: str = "rb", *, content_type: str | None = None) -> Any:
    """Open `uri` as a binary file with mode `rb` or `wb`. Missing parent folders of a new local file are created.

    Args:
        content_type: content type of a new object on S3 or Google Cloud Storage.

    Raises:
        UnfitFileError: the file to read is a pipe, a socket or a device.
    """
    fs, path = file_system(uri)
    if is_local(fs):
        if "w" in mode:
            make_folder(Path(path).parent)
        else:
            check_regular(path)
        return Path(path).open(mode)
    spelled = _CONTENT_TYPE.get(_protocol(uri))
    return fs.open(path, mode, **({spelled: content_type} if spelled and content_type else {}))


def check_regular(path: str) -> None:
    """Check that a local path is a regular file; symbolic links are followed.

    Raises:
        UnfitFileError: a pipe, a socket or a device.
        OSError: the path does not exist.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116  before it is opened: opening a device may act on it
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnfitFileError(f"{path} is a pipe, a socket or a device, not a file")


def read_whole(fs: Any, path: str) -> bytes:
    """Read a small file of an fsspec file system, such as those beside the tables.

    Raises:
        UnfitFileError: a local file that is not a regular file or is larger than 256 MiB.
    """
    if not is_local(fs):
        return bytes(fs.cat_file(path))
    check_regular(path)
    with Path(path).open("rb") as file:
        found = file.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        raise UnfitFileError(f"{path} is larger than {_MOST_BYTES} bytes")
    return found


def files_below(uri: str) -> dict[str, Any]:
    """Current files below a folder or prefix, sorted: path -> `info` of its file system. Empty if there is no folder.

    The name is taken literally, unlike in a glob, which would match other folders if it holds `*`, `?` or `[`.
    """
    fs, folder = file_system(uri)
    fs.invalidate_cache()
    try:
        found = fs.find(folder, detail=True)
    except FileNotFoundError:
        return {}
    # some servers also list the prefix itself, or folders
    start = f"{folder.rstrip('/')}/"
    return {path: found[path] for path in sorted(found) if path.startswith(start) and not path.endswith("/")}


def is_local(fs: Any) -> bool:
    """Whether an fsspec file system is the local one."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    return "file" in protocols


def arrow_files(uris: Sequence[str]) -> tuple[Any, list[str]]:
    """A `pyarrow.fs.FileSystem` for files of one store and their paths on it, for readers that accept both."""
    from pyarrow import fs

    found = [file_system(uri) for uri in uris]
    return fs.PyFileSystem(fs.FSSpecHandler(found[0][0])), [path for _, path in found]


def s3_path(uri: str) -> tuple[Any, str]:
    """Arrow's file system for an `s3://` URI, and the path there."""
    from pyarrow import fs

    # Arrow finds keys and profiles as all AWS clients do, but not the endpoint of a profile
    endpoint = s3_endpoint()
    scheme, _, host = (endpoint or "").rpartition("://")
    where = {"endpoint_override": host, "scheme": scheme or "https"} if endpoint else {}
    return fs.S3FileSystem(**where), uri.removeprefix("s3://")


def storage_options(uri: str) -> dict[str, str]:
    """Options of delta-rs for `uri`, beside the variables that it reads itself (AWS_*, AZURE_*, GOOGLE_*).

    delta-rs does not read the region and endpoint of a profile and refuses http:// by default. On S3 it also needs the
    kind of conditional put, without which two writers could both succeed in writing the same version.
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
    """The S3 endpoint as the AWS tools determine it; None for Amazon's own."""
    return _profile("endpoint_url")


def _profile(name: str) -> str | None:
    """A setting of S3 as the AWS tools determine it: from the variable, else from the profile."""
    if name == "endpoint_url":
        for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
            if os.environ.get(variable):
                return os.environ[variable]
    from botocore.session import Session

    session = Session()
    found = session.get_config_variable("region") if name == "region" else session.get_scoped_config().get(name)
    return str(found) if found else None
