"""Canonical URIs: one spelling for each local file, and the spelling of a location that delta-rs interprets correctly.

The URI of a local file is its absolute path, taken literally: `%20`, `#`, `::` and spaces have no special meaning. Only
a path that is not valid UTF-8 is written as a `file://` URI with percent escapes (RFC 8089), because text columns hold
UTF-8. Every other URI is `scheme://...`, with the key as the store has it.
"""

from __future__ import annotations

import os
import re
from unicodedata import category
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes

from operators.core.text import printable, repaired

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*(?:::[a-z][a-z0-9+.-]*)*)://", re.IGNORECASE)
_FILE = re.compile(r"file:(?://(?P<host>[^/]*)(?P<path>/.*)?|(?P<alone>/(?!/).*))\Z", re.IGNORECASE | re.DOTALL)
_ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}  # one file, one uri, one id
_HERE = frozenset({"", "localhost"})
_LOST_SLASH = re.compile(
    r"(s3[an]?|gc?s|az|abfss?|adl|oss|cos|obs|hdfs|hf|https?|ftps?|sftp|ssh|smb):/(?!/)", re.IGNORECASE
)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")  # delta-rs decodes it a second time, so that tables lie elsewhere
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, surrogates, line breaks
_NO_FOLDER_OF_TABLES = frozenset("[]^|")  # of a local path: delta-rs makes a host name of it, and aborts


def scheme_of(uri: str) -> str:
    """The scheme of a URI, such as `s3`; empty for a local path and for a `file:` URI of this machine.

    `file` is returned only for a URI that names a file of another host, which cannot be opened.
    """
    if file := _FILE.match(uri):
        return "" if (file["host"] or "").lower() in _HERE and (file["path"] or file["alone"]) else "file"
    found = _SCHEME.match(uri)
    if found is None:
        return ""
    scheme = found[1].lower()
    return _ALIASES.get(scheme, scheme)


def local_path(uri: str) -> str | None:
    """The path of a local file; None for every other URI.

    Percent escapes of a `file:` URI are decoded; a plain path is taken literally.
    """
    if scheme_of(uri):
        return None
    file = _FILE.match(uri)
    return os.fsdecode(unquote_to_bytes(file["path"] or file["alone"])) if file else uri


def local_uri(path: str) -> str:
    """The canonical URI of an absolute path: the path itself, or a `file://` URI if it is not valid UTF-8."""
    if path.isascii() or is_utf8(path):
        return path
    try:
        return f"file://{quote_from_bytes(os.fsencode(path))}"
    except UnicodeEncodeError:  # a surrogate that stands for no byte: no file has this name
        return repaired(path)


def foreign_host(uri: str) -> str | None:
    """The reason why a `file:` URI of another machine cannot be opened; None for every other URI."""
    if scheme_of(uri) != "file":
        return None
    file = _FILE.match(uri)
    host = file["host"] if file else ""
    what = f"a file of the host {printable(host)}" if host.lower() not in _HERE else "no file"
    return f"it names {what}; give a path, or file:///PATH for a file of this machine"


def lost_slash(text: str) -> str | None:
    """The reason why a URI with one slash, such as `s3:/bucket`, is refused; None for everything else.

    `pathlib.Path("s3://bucket")` is one. As a path it would name a folder `s3:` here.
    """
    found = _LOST_SLASH.match(text)
    if found is None:
        return None
    scheme = found[1]
    return (
        f"write {scheme}:// with two slashes (pathlib.Path removes one: give URLs as text), or ./{scheme}: for a folder"
    )


def is_utf8(path: str) -> bool:
    """Whether a path is valid UTF-8; many programs accept no other."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def table_uri(uri: str) -> str:
    """A location in the spelling that delta-rs expects: remote locations as URLs, local ones as paths."""
    if not scheme_of(uri):
        return local_path(uri) or uri
    scheme, _, rest = uri.partition("://")
    bucket, slash, key = rest.partition("/")
    return f"{scheme}://{bucket}{slash}{quote(key)}"


def unfit_for_tables(uri: str) -> str | None:
    """The reason why a location cannot hold tables, as the end of a sentence; None if it can.

    delta-rs decodes percent escapes twice, drops line breaks, turns backslashes into slashes and resolves `..`, so that
    its tables would be in another folder than the files beside them.
    """
    path = local_path(uri)
    key = path if path is not None else uri.partition("://")[2]
    return foreign_host(uri) or _unfit_character(key, local=path is not None) or _unfit_part(uri)


def _unfit_character(key: str, *, local: bool) -> str | None:
    unfit = (c for c in key if c == "\\" or category(c) in _UNFIT or (local and c in _NO_FOLDER_OF_TABLES))
    if bad := next(unfit, None):
        return f"its name holds {bad!r}, and no table can lie below such a name; rename it or choose another"
    if escape := _ESCAPE.search(key):
        same = repr(chr(int(escape[0][1:], 16)))
        return f"its name holds {escape[0]!r}, which is not kept apart from {same}; rename it or choose another"
    return None


def _unfit_part(uri: str) -> str | None:
    if not scheme_of(uri):
        return None
    bucket, *parts = uri.partition("://")[2].rstrip("/").split("/")
    if not bucket:
        return "it names no bucket"
    odd = next((part for part in parts if part in ("", ".", "..")), None)
    if odd is None:
        return None
    return f"its name holds {odd or '//'!r}, which stores and their clients read in different ways; leave it out"
