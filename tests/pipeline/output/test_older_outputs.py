"""An output of an earlier version opens, verifies and goes on.

tests/data/output-1.tar.xz was written by the code before the column `config` was added: `a` and `b` are told, `c` is
captioned and not told yet.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from operators.core import rows as schemas
from operators.store.commit import CommitDataset, CommitSegments
from operators.store.store import Store
from pipeline.output import finalize
from pipeline.output.output import Output
from pipeline.output.verification import verify
from pipeline.planning.diff import compare
from pipeline.planning.plan import Plan
from pipeline.planning.superseded import find
from pipeline.planning.videos import Videos
from tests.support import rows
from tests.support.outputs import CONFIG, plan_of

ARCHIVE = Path(__file__).parents[2] / "data" / "output-1.tar.xz"
RUN = "20261101-120000-0000aa"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return Store(str(tmp_path / "out"))


def planned(store: Store) -> tuple[Plan, str]:
    """The plan that its run had made, whatever the operators' versions are by now, and its narrator's key."""
    table = pq.read_table(io.BytesIO(store.read_file(f"runs/{RUN}/videos.parquet") or b""))
    new = plan_of(CONFIG, [rows.video(v) for v in table["video_id"].to_pylist()])
    videos = Videos(new.videos.facts, table["key"].to_pylist(), new.videos.cut)
    return Plan(config=CONFIG, videos=videos, unusable=[]), table["narrator"][0].as_py()


def columns(store: Store, table: str) -> set[str]:
    return {f.name for f in DeltaTable(f"{store.uri}/{table}").schema().fields}


def test_it_opens_and_new_columns_are_null(store: Store) -> None:
    assert "config" not in columns(store, "dataset") and "config" not in columns(store, "segments")
    told = Output(store.uri).to_arrow()
    assert told.schema == schemas.LONG_CAPTION and told["config"].null_count == told.num_rows == 2
    segments = Output(store.uri).captioned("c")
    assert [s["config"] for s in segments] == [None, None] and segments[0]["windows"][0]["text"] == "Window 0 is told."
    assert [b["config"].null_count for b in store.segments.batches(["config"])] == [6]
    assert store.segments.news(["key", "config"]).num_rows == 6
    assert "config" not in columns(store, "dataset"), "reading changes nothing"


def test_it_verifies_and_only_what_was_not_done_is_wrong(store: Store) -> None:
    found = verify(Output(store.uri))
    assert {(f.kind, f.what) for f in found.findings} == {("unfinished", f"run {RUN}"), ("missing", "video c")}
    assert found.configs == {"": 2} and not found.notes


def test_it_resumes_and_grows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, narrator = planned(store)
    for name in ("plan.narrator", "superseded.narrator_of"):
        monkeypatch.setattr(f"pipeline.planning.{name}", lambda _: narrator)
    left = compare(plan, store)
    assert [v.video_id for v in left.whole] == ["c"] and not left.segments
    assert not find(plan, store).asks, "its own config replaces nothing"
    before = {r["video_id"]: r["content_hash"] for r in store.dataset.read().to_pylist()}

    CommitSegments(store.uri, "later", "here", captioner="0123abcd")
    data = CommitDataset(store.uri, "later", "here", narrator, captioner="0123abcd")
    c = next(v for v in plan.videos if v.video_id == "c")
    data.commit([rows.narrated("c", key=c.key)])
    finalize.clean(store, plan, run_id="later")
    asked = {"run_id": "later", "inputs": ["/videos"], "share": "all"}
    store.write_file("runs/later/asked.json", json.dumps(asked).encode())
    store.write_file("runs/later/report.json", json.dumps({"run_id": "later", "status": "done"}).encode())

    assert "config" in columns(store, "dataset")
    now = {r["video_id"]: (r["content_hash"], r["config"]) for r in store.dataset.read().to_pylist()}
    assert {v: (digest, None) for v, digest in before.items()}.items() <= now.items()
    assert now["c"][1] == f"0123abcd-{narrator[:8]}"
    found = verify(Output(store.uri))
    assert not [f for f in found.findings if f.kind != "stray"], "but for files that compaction leaves to the sweep"
    assert [n.kind for n in found.notes] == ["mixed"] and sum(found.configs.values()) == 3
    for table in store.tables:
        table.sweep()
    plain = pa.concat_tables([pq.read_table(p) for p in Path(store.uri, "dataset").glob("*.parquet")])
    assert plain.num_rows == 3 and set(plain.column_names) == set(schemas.LONG_CAPTION.names)
