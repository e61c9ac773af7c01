from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.rows import LONG_CAPTION
from pipeline.config import SourceOptions
from pipeline.errors import UsageError
from pipeline.manifests import Entry, read_manifest
from tests.support import rows

OPTIONS = SourceOptions()
_ROWS: list[dict[str, Any]] = [
    {"uri": "a.mp4", "video_id": "007", "title": 'Ünder, "quoted"\nand broken'},
    {"uri": "s3://bucket/b c.mp4", "video_id": "x", "title": ""},
]


def _write(folder: Path, suffix: str) -> str:
    path = folder / f"m{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(_ROWS), path)
    elif suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in _ROWS) + "\n\n")
    else:
        quoted = [[value.replace('"', '""') for value in row.values()] for row in _ROWS]
        lines = ["uri,video_id,title", *(",".join(f'"{value}"' for value in row) for row in quoted)]
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    return str(path)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_every_format_says_the_same(tmp_path: Path, suffix: str) -> None:
    entries = read_manifest(_write(tmp_path, suffix), OPTIONS)
    assert [e.uri for e in entries] == [f"{tmp_path}/a.mp4", "s3://bucket/b c.mp4"]
    assert [e.video_id for e in entries] == ["007", "x"]
    assert [json.loads(e.metadata) for e in entries] == [{"title": row["title"]} for row in _ROWS]


def _read(folder: Path, text: str, **options: Any) -> list[Entry]:
    path = folder / "m.csv"
    path.write_text(text)
    return read_manifest(str(path), SourceOptions(**options))


def test_columns_go_where_they_are_mapped(tmp_path: Path) -> None:
    text = "path,key,title,year\na.mp4,k,T,1999\n"
    (entry,) = _read(tmp_path, text, uri_column="path", id_column="key", metadata_columns=("year",))
    assert (entry.video_id, entry.metadata) == ("k", '{"year": "1999"}')
    (entry,) = _read(tmp_path, text, uri_column="path", metadata_columns=())
    assert (entry.video_id, entry.metadata) == (None, "{}")
    (entry,) = _read(tmp_path, text, uri_column="path")
    assert json.loads(entry.metadata) == {"key": "k", "title": "T", "year": "1999"}


def test_what_parquet_holds_travels_as_json(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    row = {
        "uri": "a.mp4",
        "when": datetime.datetime(2024, 5, 1, 12, 30),
        "day": datetime.date(2024, 5, 1),
        "price": decimal.Decimal("1.10"),
        "score": float("nan"),
        "tags": ["x", "y"],
        "nested": {"n": 1, "flag": True},
        "nothing": None,
    }
    pq.write_table(pa.Table.from_pylist([row]), path)
    (entry,) = read_manifest(str(path), OPTIONS)
    assert json.loads(entry.metadata) == {
        "when": "2024-05-01T12:30:00",
        "day": "2024-05-01",
        "price": "1.10",
        "score": None,
        "tags": ["x", "y"],
        "nested": {"n": 1, "flag": True},
        "nothing": None,
    }
    assert list(json.loads(entry.metadata)) == sorted(json.loads(entry.metadata))


def test_bytes_cannot_travel_unless_they_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    pq.write_table(pa.table({"uri": ["a.mp4"], "thumb": [b"\x00"], "n": [1]}), path)
    with pytest.raises(UsageError, match=r"row 1: thumb holds bytes.*sources\.metadata_columns"):
        read_manifest(str(path), OPTIONS)
    (entry,) = read_manifest(str(path), SourceOptions(metadata_columns=("n",)))
    assert entry.metadata == '{"n": 1}'


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("m.csv", b"url\na.mp4\n", {}, ["no column uri; did you mean url?", "Its columns: url"]),
        ("m.csv", b"uri\na.mp4\n", {"id_column": "key"}, ["no column key."]),
        ("m.csv", b"uri,titel\na,b\n", {"metadata_columns": ("title",)}, ["no column title; did you mean titel?"]),
        ("m.csv", b"uri,t\na.mp4,x\n,y\n", {}, ["row 2: uri is ''"]),
        ("m.csv", b"uri,t\na.mp4,x,too much\n", {}, ["row 1 has not as many fields"]),
        ("m.csv", b"uri,t\na.mp4\n", {}, ["row 1 has not as many fields"]),
        ("m.csv", b'uri,t\na.mp4,"x\n', {}, ["is no CSV"]),
        ("m.csv", b"uri\ncaf\xe9.mp4\n", {}, ["is not UTF-8"]),
        ("m.csv", b"", {}, ["no column uri"]),
        ("m.jsonl", b'{"uri": "a.mp4"}\n{oops}\n', {}, ["line 2 is no JSON"]),
        ("m.jsonl", b'["a.mp4"]\n', {}, ["line 1 is no JSON object"]),
        ("m.jsonl", b'{"uri": 5}\n', {}, ["row 1: uri is 5"]),
        ("m.jsonl", b'{"uri": "a.mp4", "video_id": 1.5}\n', {}, ["row 1: video_id is 1.5", "text or a whole number"]),
        ("m.jsonl", b'{"uri": "a.mp4", "video_id": null}\n', {}, ["row 1: video_id is None"]),
        ("m.parquet", b"not parquet at all", {}, ["is no parquet file"]),
    ],
)
def test_a_manifest_that_cannot_be_read_says_where(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any], says: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_manifest(str(tmp_path / name), SourceOptions(**options))
    assert str(tmp_path / name) in str(caught.value)
    for part in says:
        assert part in str(caught.value)


def test_a_manifest_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*gone\.csv"):
        read_manifest(str(tmp_path / "gone.csv"), OPTIONS)


def test_the_dataset_of_a_run_names_its_videos_and_brings_their_own_metadata_alone(tmp_path: Path) -> None:
    path = tmp_path / "part-0.parquet"
    own = {"license": "CC BY 4.0", "year": 1999}
    told = [rows.told("a", metadata=json.dumps(own), motion=0.2), rows.told("b", uri="s3://bucket/b.mp4")]
    pq.write_table(pa.Table.from_pylist(told, schema=LONG_CAPTION), path)
    a, b = read_manifest(str(path), OPTIONS)
    assert (a.video_id, a.uri, json.loads(a.metadata)) == ("a", "/videos/a.mp4", own)
    assert (b.video_id, b.uri, b.metadata) == ("b", "s3://bucket/b.mp4", "{}")
    (a, _) = read_manifest(str(path), SourceOptions(metadata_columns=("motion",)))
    assert json.loads(a.metadata) == {"motion": 0.2}
