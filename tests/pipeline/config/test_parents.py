"""Parents in finished outputs, and what a config says of the two tables that every job makes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from operators.core.annotation import ANNOTATION
from operators.store.store import Store
from operators.store.table import Table
from pipeline.config.load import load_config
from pipeline.config.tables import captioner, fingerprint, strict, tables_of
from pipeline.config.types import Config
from pipeline.terminal.errors import UsageError

OPS = "tests.support.operators"
TOTALS = pa.schema([pa.field("table", pa.string()), pa.field("key", pa.string()), pa.field("total", pa.int64())])


def config(tmp_path: Path, text: str, *overrides: str) -> Config:
    (tmp_path / "config.yaml").write_text(text)
    return load_config(tmp_path / "config.yaml", list(overrides))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = str(tmp_path_factory.mktemp("finished") / "done")
    Store(uri, tables={"totals": TOTALS}).claim()
    Table(f"{uri}/annotations", ANNOTATION).fence()
    return uri


@pytest.mark.parametrize("level", ["video", "segment"])
@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("totals", "is of level run: only tables of level run are made from it"),
        ("videos", "all tables are made from the videos of done, as the parent videos says"),
        ("filtered", "name done.dataset"),
        ("failures", "has failures"),
        ("annotations", "has annotations"),
        ("nothing", "/nothing is no table of a finished output"),
    ],
)
def test_a_table_of_a_finished_output_that_is_no_parent_is_refused(
    tmp_path: Path, done: str, level: str, table: str, says: str
) -> None:
    steps = '["decode", "measure"]' if level == "segment" else f'["{OPS}:Entitle"]'
    text = f"inputs: {{done: {done}}}\ntables: {{x: {{level: {level}, from: [done.{table}], steps: {steps}}}}}"
    with pytest.raises(UsageError) as refused:
        config(tmp_path, text)
    assert says in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("empty", ["''", "' '", "/"])
def test_a_finished_output_needs_a_place(tmp_path: Path, empty: str) -> None:
    text = f"inputs: {{done: {empty}}}\ntables: {{x: {{level: video, steps: ['{OPS}:Entitle']}}}}"
    with pytest.raises(UsageError, match=r"^inputs\.done is .*; it must be the folder or prefix of a finished output$"):
        config(tmp_path, text)


def test_missing_may_be_the_only_thing_that_a_config_says_of_a_table(tmp_path: Path) -> None:
    plain = load_config()
    for one in (
        load_config(None, ["tables.dataset.missing=fail"]),
        config(tmp_path, "tables: {dataset: {missing: fail}, segments: {missing: fail}}"),
    ):
        spec = tables_of(one)["dataset"]
        assert spec.missing == "fail" and strict(one) and spec.parents == ("segments",)
        assert spec.steps == tables_of(plain)["dataset"].steps
        assert (captioner(one), fingerprint(one)) == (captioner(plain), fingerprint(plain)), "no key moves"
    with pytest.raises(UsageError, match=r"recipe\.video names 'boom', which is no operator"):
        load_config(None, ["tables.dataset.missing=fail", "recipe.video=[boom]"])
