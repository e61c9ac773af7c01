"""Storage by URI, with the credentials, the endpoint and the region that the environment holds now.

Two clients reach it: fsspec (sources, files beside the tables) and delta-rs (the tables). Both are told the same, from
the usual places: AWS_*, AZURE_*, GOOGLE_* variables, and for S3 the profile of AWS_PROFILE. Nothing of it is kept.

fsspec hands out one instance a protocol for the life of a process, and an instance keeps what it found when it was
made. A notebook that sets its keys after a first failed try would be refused for ever: instances made under another
environment are let go.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import fsspec

from operators.addresses import redacted

_PREFIXES = ("AWS_", "AZURE_", "GCSFS_", "GOOGLE_", "FSSPEC_", "STORAGE_EMULATOR_HOST")
_RETRY_S = 30  # for which delta-rs itself asks again before it gives a failure back

_made_under: dict[type, dict[str, str]] = {}


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
        ValueError: no such protocol; ImportError: its client is not installed.
    """
    cls = fsspec.get_filesystem_class(fsspec.utils.get_protocol(uri))
    now = environment()
    if _made_under.get(cls) != now:
        cls.clear_instance_cache()
        _made_under[cls] = now
    signed = uri.startswith(("http://", "https://")) and redacted(uri) != uri and uri.isascii()
    # a signature covers the URL as it is spelled: it is sent as it is
    fs, path = fsspec.core.url_to_fs(uri, encoded=True) if signed else fsspec.core.url_to_fs(uri)
    return fs, str(path)


def open_binary(uri: str, mode: str = "rb") -> Any:
    """A file object over `uri`, opened for `rb` or `wb`; folders on the way to a new local file are made."""
    fs, path = file_system(uri)
    if "w" in mode and is_local(fs):
        fs.makedirs(fs._parent(path), exist_ok=True)
    return fs.open(path, mode)


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


def storage_options(uri: str) -> dict[str, str]:
    """What delta-rs has to be told for `uri` beside the variables that it reads by itself (AWS_*, AZURE_*, GOOGLE_*).

    It knows no profile's region or endpoint, refuses http:// unless told otherwise, and needs the kind of conditional
    put on S3, without which two writers could both believe that they made the same version.
    """
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if not scheme:
        return {}
    options = {"retry_timeout": f"{_RETRY_S}s"}
    if scheme in ("s3", "s3a"):
        options["aws_conditional_put"] = "etag"
        region, endpoint = _profile("region"), _profile("endpoint_url")
        if region and not os.environ.get("AWS_REGION"):
            options["AWS_REGION"] = region
        if endpoint:
            options["AWS_ENDPOINT_URL"] = endpoint
        if (endpoint or "").startswith("http://"):
            options["AWS_ALLOW_HTTP"] = "true"
    return options


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
