"""Tables of a recipe that cannot be written to the tables that an output already has."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from operators.core import rows
from operators.store.store import Store
from pipeline.output import ownership
from pipeline.output.output import Output
from pipeline.output.stored_tables import check_stored
from pipeline.terminal.errors import UsageError

TEXT = pa.field("video_id", pa.string())
KEY = pa.field("key", pa.string())
OF_SEGMENTS = pa.schema([TEXT, KEY, pa.field("segment_index", pa.int32())])
POINT = pa.struct([pa.field("x", pa.float32())])
WIDE = pa.struct([pa.field("x", pa.float32()), pa.field("y", pa.float32())])


def schema(kind: pa.DataType) -> pa.Schema:
    return pa.schema([*OF_SEGMENTS, pa.field("mark", kind)])


def written(tmp_path: Path, name: str, found: pa.Schema) -> str:
    uri = str(tmp_path / "out")
    ownership.take(uri, "empty")
    Store(uri, tables={name: found}).claim()
    return uri


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (pa.int32(), pa.string()),
        (pa.string(), pa.int32()),
        (pa.int32(), pa.int64()),
        (pa.list_(pa.int32()), pa.list_(pa.string())),
        (POINT, pa.struct([pa.field("x", pa.string())])),
        (POINT, pa.string()),
    ],
)
def test_a_column_of_another_type_is_refused(tmp_path: Path, before: pa.DataType, now: pa.DataType) -> None:
    uri = written(tmp_path, "marks", schema(before))
    with pytest.raises(
        UsageError, match=r"/out/marks holds .* in the column mark, and .* give the column another name"
    ):
        ownership.check(uri, [], [], recursive=False, tables={"marks": schema(now)})
    check_stored(uri, {"marks": OF_SEGMENTS, "others": schema(now)})


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (POINT, WIDE),
        (WIDE, POINT),
        (pa.list_(POINT), pa.list_(WIDE)),
        (pa.list_(pa.float32(), 4), pa.list_(pa.float32(), 8)),
        (pa.uint8(), pa.uint8()),
        (pa.timestamp("us", tz="UTC"), pa.timestamp("us", tz="UTC")),
        (pa.map_(pa.string(), pa.int64()), pa.map_(pa.string(), pa.int64())),
    ],
)
def test_types_that_a_table_can_keep_are_not(tmp_path: Path, before: pa.DataType, now: pa.DataType) -> None:
    check_stored(written(tmp_path, "marks", schema(before)), {"marks": schema(now)})


def test_rows_of_another_level_are_refused(tmp_path: Path) -> None:
    uri = written(tmp_path, "marks", OF_SEGMENTS)
    for found, level in ((pa.schema([TEXT, KEY]), "video"), (pa.schema([pa.field("table", pa.string()), KEY]), "run")):
        with pytest.raises(UsageError, match=rf"holds rows of level segment, and tables\.marks is of level {level}: "):
            check_stored(uri, {"marks": found})


@pytest.mark.parametrize("name", rows.CORE)
def test_a_column_that_recipes_added_keeps_its_type(tmp_path: Path, name: str) -> None:
    with_text, with_number = (rows.joined(rows.CORE[name], [pa.field("x", t)]) for t in (pa.string(), pa.int32()))
    uri = written(tmp_path, name, with_text)
    check_stored(uri, {name: with_text})
    with pytest.raises(UsageError, match=rf"holds string in the column x, and the steps of {name} write int32"):
        check_stored(uri, {name: with_number})


def test_a_file_with_the_name_of_a_table_is_named(tmp_path: Path) -> None:
    uri = written(tmp_path, "marks", OF_SEGMENTS)
    store = Store(uri)
    store.write_file("runs/r/tables.json", b'{"run_id": "r", "tables": {"marks": {}}}')
    for name in ("marks", "segments"):
        (tmp_path / "out" / name).rename(tmp_path / name)
        (tmp_path / "out" / name).write_text("x")
        with pytest.raises(UsageError, match=rf"/out/{name} is a file, and Longcap keeps a table in a folder"):
            Output(uri)
        with pytest.raises(UsageError, match=rf"/out/{name} is a file, and Longcap keeps a table in a folder"):
            ownership.check(uri, [], [], recursive=False, tables={"marks": OF_SEGMENTS})
        (tmp_path / "out" / name).unlink()
        (tmp_path / name).rename(tmp_path / "out" / name)
