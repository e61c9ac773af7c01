"""Read files of references and captions: JSON, JSONL, CSV, TSV, Parquet or subtitles, optionally gzipped."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from typing import Any

from operators.core.causes import explained
from operators.core.storage import open_binary
from pipeline.sources.files import normalise
from pipeline.terminal.errors import UsageError

_ZIPPED = ".gz"
_SUBTITLES = (".srt", ".vtt", ".ass", ".ssa")
_FILES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", *_SUBTITLES)
FILES = (*_FILES, *(f"{suffix}{_ZIPPED}" for suffix in _FILES))
"""Suffixes of files of references or captions; anything else is an output."""

# keys that identify other forms, so that a misread file is an error
PROBLEMS = (
    ValueError,
    csv.Error,
    RecursionError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
)
_SHOUTED = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SIGNS = re.compile(r"[^a-z0-9]+")
_UNITS = {
    "sec": "",
    "secs": "",
    "seconds": "",
    "second": "",
    "s": "",
    "ms": "_ms",
    "msec": "_ms",
    "milliseconds": "_ms",
}


def stem_of(uri: str) -> str:
    """Return the name of a file without its suffix in `FILES`."""
    name = uri.rstrip("/").rsplit("/", 1)[-1]
    suffix = max((s for s in FILES if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(suffix)] if suffix else name


def form_of(uri: str) -> str:
    """Return the form of `uri`: the suffix of a file without its dot, such as "jsonl" or "csv.gz"; else "output"."""
    name = uri.rstrip("/").lower()
    return max((s for s in FILES if name.endswith(s)), key=len, default=".output")[1:]


def read_value(uri: str) -> Any:
    """Return the contents of a file: an object, a list, or an iterator of rows if it has one row per line.

    Raises:
        UsageError: it cannot be opened.
    """
    name = uri.rstrip("/").lower()
    kind = name.removesuffix(_ZIPPED).rsplit(".", 1)[-1]
    try:
        with open_binary(normalise(uri)) as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"cannot read {uri}: {explained(error)}") from None
    return _parsed(gzip.decompress(data) if name.endswith(_ZIPPED) else data, kind, stem_of(uri))


def _parsed(data: bytes, kind: str, name: str) -> Any:
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        return pq.read_table(pa.BufferReader(data)).to_pylist()
    if f".{kind}" in _SUBTITLES:
        return {name: _cues(data)}
    encoding = "utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    if kind in ("csv", "tsv"):
        return _rows_of(data.decode(encoding), "," if kind == "csv" else "\t")
    if kind == "json":
        return json.loads(data.decode(encoding), object_pairs_hook=_object)
    return _lines(data, encoding)


def _lines(data: bytes, encoding: str) -> Iterator[Any]:
    """Yield values line by line, so that the values of a large file are not all in memory."""
    for number, line in enumerate(io.TextIOWrapper(io.BytesIO(data), encoding, newline="\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line, object_pairs_hook=_object)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing repeated keys: json would silently keep the last of two captions of an id."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} appears twice in one object")
    return found


def _rows_of(text: str, delimiter: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # a caption may be longer than 128 KiB
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    names = [column_name(name) for name in next(rows, [])]
    for row in rows:
        if any(cell.strip() for cell in row):
            if len(row) > len(names):
                raise ValueError(f"line {rows.line_num} has {len(row)} cells, the first line {len(names)}")
            yield dict(zip(names, (cell.strip() for cell in row), strict=False))


def column_name(name: str) -> str:
    """Normalise a name: `Video ID`, `videoId` and `video-id` to video_id; `End (ms)` to end_ms."""
    words = [word for word in _SIGNS.split(_SHOUTED.sub("_", name.strip()).lower()) if word]
    if len(words) > 1 and words[-1] in _UNITS and words[-2] != words[-1]:
        unit = _UNITS[words.pop()]
        return "_".join(words) + unit
    return "_".join(words)


def _cues(data: bytes) -> dict[str, Any]:
    """Return the events of a subtitle file, such as that of an audio-described video."""
    from operators.video.cues import read_cues
    from operators.video.encodings import decode_text

    return {
        "events": [{"start": cue.start_s, "end": cue.end_s, "text": cue.text} for cue in read_cues(decode_text(data))]
    }
