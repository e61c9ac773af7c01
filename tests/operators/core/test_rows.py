from __future__ import annotations

import pyarrow as pa
import pytest

from operators.analysis.filter import Filter
from operators.analysis.measure import Measure
from operators.audio.listen import Listen
from operators.caption.caption import Caption
from operators.core import rows
from operators.core.base import Row
from operators.coreference.names import Names
from operators.embedding.match import Match
from operators.embedding.rate import Rate
from operators.narrate.narrate import Narrate
from operators.store.commit import RECEIPT
from operators.store.load import Load
from operators.video.decode import Decode
from operators.video.probe import Probe
from tests.support import rows as sample


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (rows.VIDEO, sample.video()),
        (rows.SEGMENT, sample.decoded()),
        (rows.CAPTIONED_SEGMENT, sample.captioned()),
        (rows.LONG_CAPTION, sample.narrated()),
    ],
)
def test_a_row_comes_back_from_arrow_as_it_went(schema: pa.Schema, row: Row) -> None:
    wanted = {name: row[name] for name in schema.names}
    assert pa.Table.from_pylist([wanted], schema=schema).to_pylist() == [wanted]


def test_what_segment_operators_write_can_travel() -> None:
    for operator in (Decode, Measure, Caption):
        assert set(rows.COLUMNS) >= operator.writes, operator
        assert set(rows.COLUMNS) >= operator.reads, operator


def test_what_video_operators_read_is_written_before_them() -> None:
    assert set(RECEIPT.names) >= Load.reads
    assert Load.writes | Load.reads >= Narrate.reads
    assert set(rows.LONG_CAPTION.names) >= Narrate.writes
    assert set(rows.VIDEO.names) >= Probe.writes


def test_every_kept_column_has_a_writer() -> None:
    written = Narrate.writes | Names.writes | Load.writes | Filter.writes | Listen.writes
    written |= Match.writes | Rate.writes
    made = written | set(RECEIPT.names) | {"content_hash", "run_id", "host", "timings", "config"}
    assert set(rows.FILTERED.names) <= made


def test_columns_of_one_name_have_one_type_everywhere() -> None:
    schemas = [rows.VIDEO, rows.SEGMENT, rows.CAPTIONED_SEGMENT, rows.LONG_CAPTION, rows.FILTERED, rows.FAILED, RECEIPT]
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            if field.name not in ("attempts", "windows", "frames"):  # counts here, captions there
                assert types.setdefault(field.name, field.type) == field.type, field.name
