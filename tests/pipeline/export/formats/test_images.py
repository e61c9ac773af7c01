"""Rows with images: frames at their times, pages in order."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

import pipeline as longcap
from pipeline.export.export import Settings, export
from pipeline.export.formats.images import pages_of
from tests.pipeline.export.formats.test_conversations import broken
from tests.pipeline.export.test_export import Exported, rows
from tests.support.video import read_jpeg

LATE = {"where": "video_id = 'late'"}


def test_frames_are_those_of_the_span(exported: Exported) -> None:
    report, folder = exported("frames", unit="window", frames=4, short_side_px=64, **LATE)
    first, second = rows(folder / "train.jsonl")
    assert report.ok and len(first["images"]) == 4
    assert [read_jpeg((folder / p).read_bytes()) for p in first["images"]] == [12, 37, 62, 87]
    assert read_jpeg((folder / second["images"][0]).read_bytes()) > 50
    assert "at 1.2 s, 3.7 s, 6.2 s, 8.7 s. Describe in detail what" in first["messages"][0]["content"][-1]["text"]
    (folder / first["images"][1]).write_bytes(b"no image")
    said = broken(folder, "train.jsonl", lambda r: r["images"].pop())
    assert any("4 image parts and 3 images" in s for s in said) and any("cannot be opened" in s for s in said)


def test_datasets_reads_the_images(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    _, folder = exported("frames", frames=2, **LATE)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    loaded = datasets.load_dataset("json", data_files="train.jsonl", split="train", cache_dir=str(tmp_path / "cache"))
    loaded = loaded.cast_column("images", datasets.List(datasets.Image()))
    assert [image.size for image in loaded[0]["images"]] == [(192, 64)] * 2


def test_pages_hold_the_text_in_order(exported: Exported, out: str) -> None:
    report, folder = exported("pages", columns=30, lines=5, where="video_id = 'harbour'")
    found = rows(folder / "train.jsonl")
    row = next(r for r in longcap.open(out).to_arrow().to_pylist() if r["video_id"] == "harbour")
    assert report.ok and len(found) == len(row["sections"])
    assert found[1]["messages"][1]["content"][0]["text"] == row["sections"][1]["text"]
    pages = pages_of(row["caption"], 30, 5)
    assert " ".join(pages).split() == row["caption"].split()
    assert found[0]["images"] == [f"images/harbour/{k:04d}.png" for k in range(len(pages))] == found[1]["images"]
    inks = [sum(Image.open(folder / p).histogram()[:128]) for p in found[0]["images"]]
    assert all(ink > 100 for ink in inks)
    assert len({(folder / p).read_bytes() for p in found[0]["images"]}) == len(pages)


@pytest.mark.parametrize("to", ["frames", "webdataset", "hub"])
def test_a_video_that_is_gone_is_left_out_alone(to: str, out: str, sources: Path, tmp_path: Path) -> None:
    shutil.copytree(sources, tmp_path / "sources")
    shutil.copytree(out, tmp_path / "out")
    output = longcap.open(str(tmp_path / "out"))
    table = output.store.dataset
    table.fence()
    moved = table.read().to_pylist()
    moved = [{**r, "uri": str(tmp_path / "sources" / Path(r["uri"]).name)} for r in moved]
    table.upsert(pa.Table.from_pylist(moved, schema=table.schema), ["video_id"])
    (tmp_path / "sources" / "late.mkv").unlink()
    options = {"frames": {"frames": 1}, "hub": {"layout": "embedded"}}.get(to, {})
    settings = Settings(media="path", unit="video")
    report = export(output.uri, to, str(tmp_path / "x"), options=options, settings=settings)
    assert not report.ok and report.problems == [] and report.rows == {"train": 3}
    assert [p.where for p in report.left_out] == ["late"]
