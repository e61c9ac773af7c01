"""File systems by URI, with the credentials and the endpoint that the environment holds now.

fsspec hands out one instance a protocol for the life of a process, and an instance keeps what it found when it was
made. A notebook that sets its keys after a first failed try would be refused for ever: instances made under another
environment are let go.
"""

from __future__ import annotations

import os
from typing import Any

import fsspec

_PREFIXES = ("AWS_", "AZURE_", "GCSFS_", "GOOGLE_", "FSSPEC_")

_made_under: dict[type, dict[str, str]] = {}


def file_system(uri: str) -> tuple[Any, str]:
    """The `fsspec.AbstractFileSystem` that `uri` lies on, and its path there.

    Raises:
        ValueError: no such protocol; ImportError: its client is not installed.
    """
    cls = fsspec.get_filesystem_class(fsspec.utils.get_protocol(uri))
    now = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}
    if _made_under.get(cls) != now:
        cls.clear_instance_cache()
        _made_under[cls] = now
    fs, path = fsspec.core.url_to_fs(uri)
    return fs, str(path)


def open_binary(uri: str, mode: str = "rb") -> Any:
    """A file object over `uri`, opened for `rb` or `wb`; folders on the way to a new local file are made."""
    fs, path = file_system(uri)
    if "w" in mode and "file" in _protocols(fs):
        fs.makedirs(fs._parent(path), exist_ok=True)
    return fs.open(path, mode)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
