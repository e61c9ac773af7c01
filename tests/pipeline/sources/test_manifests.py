from __future__ import annotations

import datetime
import decimal
import gzip
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.core.rows import LONG_CAPTION
from pipeline.config.types import SourceOptions
from pipeline.sources import formats
from pipeline.sources.manifests import Entry, read_manifest
from pipeline.terminal.errors import UsageError
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
    with pytest.raises(UsageError, match=r"row 1: thumb has a value of type bytes.*sources\.metadata_columns"):
        read_manifest(str(path), OPTIONS)
    (entry,) = read_manifest(str(path), SourceOptions(metadata_columns=("n",)))
    assert entry.metadata == '{"n": 1}'


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("m.csv", b"url\na.mp4\n", {}, ["no column uri; did you mean url?", "Its columns: url"]),
        ("m.csv", b"uri\na.mp4\n", {"id_column": "key"}, ["no column key."]),
        ("m.csv", b"uri,titel\na,b\n", {"metadata_columns": ("title",)}, ["no column title; did you mean titel?"]),
        ("m.csv", b"uri,t\n,x\n,y\n", {}, ["row 1: uri is ''"]),
        ("m.csv", b"uri,t,t\na.mp4,x,y\n", {}, ["two columns named 't'"]),
        ("m.csv", b'uri,t\na.mp4,"x\nb.mp4,"y"\n', {}, ["line 2 is not valid CSV"]),
        ("m.csv", "uri\na.mp4\n".encode("utf-16"), {}, ["is not UTF-8 but UTF-16"]),
        ("m.csv", "uri\na.mp4\n".encode("utf-32"), {}, ["is not UTF-8 but UTF-32"]),
        ("m.csv", gzip.compress(b"uri\na.mp4\n", mtime=0), {}, ["is compressed (gzip)"]),
        ("m.jsonl", b"PK\x03\x04\x14\x00", {}, ["zip archive or a spreadsheet"]),
        ("m.csv", b"uri," + b"x" * 17 * 2**20 + b"\na.mp4,b\n", {}, ["line 1 is not a header", "16777216"]),
        ("m.csv", b"uri,t\na.mp4,x,too much\n", {}, ["row 1 has 3 fields; the header has 2"]),
        ("m.csv", b"uri,t\na.mp4\n", {}, ["row 1 has 1 fields; the header has 2"]),
        ("m.csv", b'uri,t\na.mp4,"x\n', {}, ["is not valid CSV"]),
        ("m.csv", b"uri\ncaf\xe9.mp4\n", {}, ["is not UTF-8"]),
        ("m.csv", b"", {}, ["no column uri"]),
        ("m.jsonl", b"{oops}\n{oops}\n", {}, ["line 1 is not valid JSON"]),
        ("m.jsonl", b'["a.mp4"]\n', {}, ["line 1 is not a JSON object"]),
        ("m.jsonl", b'{"uri": 5}\n', {}, ["row 1: uri is 5"]),
        ("m.jsonl", b'{"uri": "a.mp4", "video_id": 1.5}\n', {}, ["row 1: video_id is 1.5", "text or a whole number"]),
        ("m.jsonl", b'{"uri": "a.mp4", "video_id": null}\n', {}, ["row 1: video_id is None"]),
        ("m.parquet", b"not parquet at all", {}, ["is not a Parquet file"]),
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
    told = [rows.narrated("a", metadata=json.dumps(own), motion=0.2), rows.narrated("b", uri="s3://bucket/b.mp4")]
    pq.write_table(pa.Table.from_pylist(told, schema=LONG_CAPTION), path)
    a, b = read_manifest(str(path), OPTIONS)
    assert (a.video_id, a.uri, json.loads(a.metadata)) == ("a", "/videos/a.mp4", own)
    assert (b.video_id, b.uri, b.metadata) == ("b", "s3://bucket/b.mp4", "{}")
    (a, _) = read_manifest(str(path), SourceOptions(metadata_columns=("motion",)))
    assert json.loads(a.metadata) == {"motion": 0.2}


GOOD_LINE = b'{"uri": "a.mp4", "title": "fine"}'


def _lines(folder: Path, *lines: bytes) -> list[Entry]:
    path = folder / "m.jsonl"
    path.write_bytes(b"\n".join([GOOD_LINE, *lines]))
    good, *others = read_manifest(str(path), OPTIONS)
    assert (good.uri, good.metadata, good.problem) == (f"{folder}/a.mp4", '{"title": "fine"}', None)
    return others


@pytest.mark.parametrize(
    ("line", "metadata"),
    [
        (rb'{"uri": "b.mp4", "title": "half \ud83d emoji"}', {"title": "half \ufffd emoji"}),
        (rb'{"uri": "b.mp4", "t\udc00": ["\ud83d\ude00", {"\udfff": 1}]}', {"t\ufffd": ["\U0001f600", {"\ufffd": 1}]}),
        (b'{"uri": "b.mp4", "n": 1' + b"0" * 400 + b"}", {"n": "1" + "0" * 400}),
        (b'{"uri": "b.mp4", "n": -1' + b"0" * 5000 + b"}", {"n": "-1" + "0" * 5000}),
        (b'{"uri": "b.mp4", "n": 18446744073709551615}', {"n": 2**64 - 1}),
        (b'{"uri": "b.mp4", "n": [NaN, Infinity, 1e999, 1.5]}', {"n": [None, None, None, 1.5]}),
        (b'{"uri": "b.mp4", "t": "' + b"word " * 60000 + b'"}\r', {"t": "word " * 60000}),
    ],
    ids=lambda value: f"{value!r:.50}",
)
def test_a_value_that_can_be_repaired_is(tmp_path: Path, line: bytes, metadata: Any) -> None:
    (entry,) = _lines(tmp_path, line)
    assert (entry.uri, entry.problem) == (f"{tmp_path}/b.mp4", None)
    assert json.loads(entry.metadata) == metadata


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (rb'{"uri": "half \ud83d.mp4"}', r"uri is 'half \ud83d.mp4'"),
        (rb'{"uri": "nul\u0000.mp4"}', "uri is 'nul\\x00.mp4'"),
        (b'{"uri": "' + b"x" * 9000 + b'"}', "uri has 9000 characters"),
        (b'{"uri": 1' + b"0" * 20 + b"}", "no name"),
        (b'{"title": "no uri"}', "uri is None"),
        (b'{"uri": "b.mp4", "x": ' + b"[" * 100 + b"]" * 100 + b"}", "x is nested deeper than 64 levels"),
        (b'{"uri": "b.mp4", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "line 2 is nested too deep"),
        (b'{"uri": "b.mp4", "uri": "c.mp4"}', "line 2 has the key 'uri' twice"),
        (b'{"uri": "caf\xe9.mp4"}', "line 2 is not UTF-8"),
        (b'{"uri": "b.mp4", "t": "' + b"x" * 13 * 2**20 + b'"}', "t makes the row's metadata 13631"),
        (b'{"uri": "b.mp4", "t": "' + b"x" * 17 * 2**20 + b'"}', "line 2 takes more than 16777216 bytes"),
        (b"[]", "line 2 is not a JSON object"),
        (b"\x00", "line 2 is not valid JSON"),
    ],
    ids=lambda value: f"{value!r:.50}",
)
def test_a_row_that_cannot_be_used_costs_itself_alone(tmp_path: Path, line: bytes, says: str) -> None:
    if says == "no name":  # a long whole number is text, and text is a name
        assert _lines(tmp_path, line)[0].uri == f"{tmp_path}/1{'0' * 20}"
        return
    (entry,) = _lines(tmp_path, line)
    assert entry.problem is not None and says in entry.problem, entry.problem
    assert entry.where == f"{tmp_path}/m.jsonl row 2"


def test_csv_fields_may_be_long_and_a_row_that_is_off_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    rows_ = [b"uri,t", b"a.mp4," + b"word " * 60000, b"b.mp4,x,y", b'c.mp4,"x"y', b"d.mp4,caf\xe9", b"e.mp4,z"]
    path.write_bytes(b"\r".join(rows_))
    a, b, c, d, e = read_manifest(str(path), OPTIONS)
    assert (len(a.metadata), a.problem) == (300_000 + len('{"t": ""}'), None)
    assert [entry.problem is None for entry in (b, c, d, e)] == [False, False, False, True]
    assert (
        "has 3 fields; the header has 2" in str(b.problem)
        and "line 4 is not valid CSV" in str(c.problem)
        and "t is not UTF-8" in str(d.problem)
    )
    assert (b.where, e.uri) == (f"{path} row 2", f"{tmp_path}/e.mp4")


def test_odd_types_of_parquet_travel_as_text_or_cost_their_row(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    broken = pa.array([b"caf\xc3\xa9", b"caf\xe9"]).cast(pa.binary()).view(pa.string())
    table = pa.table(
        {
            "uri": pa.array(["a.mp4", "b.mp4"]).dictionary_encode(),
            "when": pa.array([2**62, 0], pa.timestamp("us")),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "large": pa.array([2**64 - 1, 0], pa.uint64()),
            "broken": broken,
        }
    )
    pq.write_table(table, path)
    a, b = read_manifest(str(path), OPTIONS)
    assert a.problem is None and b.problem is not None and "broken cannot be read" in b.problem
    got = json.loads(a.metadata)
    assert (got["map"], got["large"], got["broken"]) == ([["k", 1]], 2**64 - 1, "café")
    assert isinstance(got["when"], str)


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl", "m.parquet"])
def test_a_manifest_that_has_no_end_is_refused(tmp_path: Path, name: str) -> None:
    """Opening a pipe waits for a writer, and reading a device fills the memory."""
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero-{name}").symlink_to("/dev/zero")
    for path in (tmp_path / name, tmp_path / f"zero-{name}"):
        with pytest.raises(UsageError, match="it is a pipe, a socket or a device"):
            read_manifest(str(path), OPTIONS)


@pytest.mark.parametrize(("name", "first"), [("m.csv", b"uri\n"), ("m.jsonl", b'{"uri": "a.mp4"}\n')])
def test_a_line_that_is_too_long_is_never_in_memory_as_a_whole(tmp_path: Path, name: str, first: bytes) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(first)
        file.truncate(200 * 2**20)  # a hole, which reads as zeros
        file.seek(0, os.SEEK_END)
        file.write(b"\r\n" + first.replace(b"uri\n", b"a.mp4\n"))
    tracemalloc.start()
    try:
        entries = read_manifest(str(path), OPTIONS)
        assert tracemalloc.get_traced_memory()[1] < 120 * 2**20
    finally:
        tracemalloc.stop()
    assert [e.uri for e in entries if e.problem is None] == [f"{tmp_path}/a.mp4"] * (1 if name == "m.csv" else 2)
    assert [str(e.problem) for e in entries if e.problem] == ["line 2 takes more than 16777216 bytes"]


def test_rows_of_parquet_that_are_compressed_well_are_decoded_few_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    pq.write_table(
        pa.table({"uri": ["a.mp4"] * 4, "x": ["z" * 2**24] * 4}), path, compression="zstd", use_dictionary=False
    )
    assert path.stat().st_size < 2**18
    assert 1 <= formats._rows_at_once(pq.ParquetFile(path).metadata) <= 4


@pytest.mark.parametrize("header", ["uri, video_id,title", "uri,Video_ID,title", "uri,VIDEO_ID ,title"])
def test_a_column_that_was_meant_to_hold_ids_is_not_taken_for_another(tmp_path: Path, header: str) -> None:
    with pytest.raises(
        UsageError, match=r"m\.csv has the column .*, which is not read as ids: name it video_id"
    ) as caught:
        _read(tmp_path, f"{header}\na.mp4,t1,Opening\n")
    assert "\n" not in str(caught.value) and "sources.id_column" in str(caught.value)
    column = header.split(",")[1]
    (entry,) = _read(tmp_path, f"{header}\na.mp4,t1,Opening\n", id_column=column)
    assert entry.video_id == "t1"
    (entry,) = _read(tmp_path, f"{header},video_id\na.mp4,x,Opening,t2\n")
    assert entry.video_id == "t2" and json.loads(entry.metadata)[column] == "x"
