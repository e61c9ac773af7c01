"""Exports that public packages read: Hugging Face datasets, webdataset, webvtt-py, pysubs2."""

from __future__ import annotations

import io
import json
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pipeline as longcap
from pipeline.export.base import Unfit
from pipeline.export.export import check
from pipeline.export.registry import make
from tests.pipeline.export.formats.test_conversations import sample
from tests.pipeline.export.test_export import Exported


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    return tmp_path / "cache"


@pytest.fixture
def captions(out: str) -> dict[str, str]:
    return {r["video_id"]: r["caption"] for r in longcap.open(out).to_arrow().to_pylist()}


def test_load_dataset_reads_the_videofolder(exported: Exported, cache: Path, captions: dict[str, str]) -> None:
    import datasets

    report, folder = exported("hub", split="train=0.5,test=0.5")
    assert report.ok
    loaded = datasets.load_dataset(str(folder), cache_dir=str(cache))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 2, "test": 2}
    found: dict[str, str] = {}
    for split in loaded.values():
        assert isinstance(split.features["video"], datasets.Video)
        for row in split.cast_column("video", datasets.Video(decode=False)):
            assert Path(row["video"]["path"]).is_file() and row["segments"][0]["text"]
            found[row["video_id"]] = row["caption"]
    assert found == captions


def test_load_dataset_reads_embedded_videos(exported: Exported, cache: Path, sources: Path) -> None:
    import datasets

    report, folder = exported("hub", layout="embedded", media="path")
    assert report.ok
    loaded = datasets.load_dataset(str(folder), cache_dir=str(cache), split="train")
    assert isinstance(loaded.features["video"], datasets.Video)
    rows = {r["video_id"]: r for r in loaded.cast_column("video", datasets.Video(decode=False))}
    assert rows["late"]["video"]["bytes"] == (sources / "late.mkv").read_bytes()
    table = pq.ParquetFile(next((folder / "data").glob("*.parquet")))
    assert table.metadata.row_group(0).column(0).has_offset_index


def test_hub_traps(exported: Exported) -> None:
    _, folder = exported("hub")
    victim = next(folder.glob("train/*/harbour.mp4"))
    victim.rename(victim.with_name("unknown.mp4"))
    said = " ".join(str(p) for p in check(str(folder)))
    assert "there is no file" in said and "unknown.mp4: no metadata.parquet names it" in said
    (folder / "README.md").unlink()
    assert "there is no card" in str(check(str(folder))[0])
    report, _ = exported("hub", "text", unit="section", spans="text")
    assert not report.ok and "use --spans cut" in report.left_out[0].why


def test_hub_limits(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.export.formats import hub

    _, folder = exported("hub")
    monkeypatch.setattr(hub, "_FIRST_ROWS_BYTES", 500)
    monkeypatch.setattr(hub, "_ENTRIES", 0)
    monkeypatch.setattr(hub, "_FILES", 2)
    said = " ".join(p.why for p in check(str(folder)))
    assert "the viewer shows 1 MB" in said and "the hub takes 0 in one folder" in said and "fewer than 2" in said
    report, _ = exported("hub", "webm", media="path")
    assert not report.ok and "the videos of a videofolder lie in it" in report.left_out[0].why
    with pytest.raises(Unfit, match=r"takes only \.mkv.*layout=embedded"):
        make("hub", {}).rows(sample(media="train/a.webm", row=defaultdict(lambda: None)))


def test_webdataset_and_datasets_read_the_tars(
    exported: Exported, cache: Path, captions: dict[str, str], sources: Path
) -> None:
    import datasets
    import webdataset

    report, folder = exported("webdataset", shard=2)
    tars = sorted(str(p) for p in folder.glob("*.tar"))
    assert report.ok and len(tars) == 2
    found = list(webdataset.WebDataset(tars, shardshuffle=False).decode())
    assert {s["json"]["video_id"]: s["txt"] for s in found} == captions
    by_id = {s["json"]["video_id"]: s for s in found}
    assert by_id["late"]["mp4"] == (sources / "late.mkv").read_bytes()
    assert {s["__key__"].count(".") for s in found} == {0}
    loaded = datasets.load_dataset(str(folder), data_files={"train": "*.tar"}, cache_dir=str(cache), split="train")
    assert {
        r["json"]["video_id"]: r["txt"] for r in loaded.cast_column("mp4", datasets.Video(decode=False))
    } == captions
    assert "CrudeWebdataset" in (folder / ".nv-meta" / "dataset.yaml").read_text()
    _, again = exported("webdataset", "again", shard=2)
    assert [Path(t).read_bytes() for t in tars] == [p.read_bytes() for p in sorted(again.glob("*.tar"))]


def members(path: Path, names: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in names:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([("a.mp4", b"x"), ("b.mp4", b"x"), ("a.txt", b"x")], "its parts are not neighbours"),
        ([("a.mp4", b"x"), ("a.txt", b"x"), ("b.mp4", b"x")], "it has ['mp4']; the first sample has ['mp4', 'txt']"),
        ([("a.1.mp4", b"x")], "its key has a dot"),
        ([("f/a.mp4", b"x")], "has a folder"),
        ([("a.mp4", b"x"), ("a.mp4", b"x")], "it stands twice"),
        ([("a.mp4", b"")], "it is empty"),
        ([("a.json", b"{")], "it is no JSON"),
        ([("README", b"x")], "has no suffix"),
    ],
)
def test_webdataset_traps(names: list[tuple[str, bytes]], why: str, tmp_path: Path) -> None:
    members(tmp_path / "train-00000.tar", names)
    assert any(why in p.why for p in check(str(tmp_path), "webdataset"))


def test_energon_takes_a_bounded_number_of_tars(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.export.formats import webdataset

    _, folder = exported("webdataset", shard=2)
    monkeypatch.setattr(webdataset, "_MOST", 2)
    assert "larger --shard-videos" in str(check(str(folder))[0])


def test_a_torn_tar_is_found(exported: Exported) -> None:
    _, folder = exported("webdataset")
    path = folder / "train-00000.tar"
    path.write_bytes(path.read_bytes()[:9000])
    assert check(str(folder))


def test_subtitles_are_read_back_by_other_parsers(exported: Exported, out: str) -> None:
    import pysubs2
    import webvtt

    rows = {r["video_id"]: r for r in longcap.open(out).to_arrow().to_pylist()}
    report, folder = exported("webvtt")
    assert report.ok
    for name in ("harbour", "forest", "late"):
        cues = webvtt.read(folder / "train" / f"{name}.vtt")
        sections = rows[name]["sections"]
        assert [c.text for c in cues] == [s["text"] for s in sections]
        assert [c.start_in_seconds for c in cues] == [int(s["start_s"]) for s in sections]
    report, folder = exported("srt", "srt", events="window")
    lines = pysubs2.load(str(folder / "train" / "late.srt"))
    assert report.ok and len(lines) == rows["late"]["windows"] and lines[0].start == 0


VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("WEBVT\n\n" + VTT, "its first line is not WEBVTT"),
        (VTT.replace("02.000", "01.000"), "parsers drop it"),
        (VTT.replace("01.000 -->", "1.0 -->"), "no line of times"),
        (VTT.replace("Hello", "a --> b"), "contains -->"),
        (VTT.replace("Hello", "fish & chips < 3"), "not escaped"),
        (VTT.replace("Hello", ""), "has no text"),
        (VTT.replace("Hello", "Hello\n\nand more"), "no line of times"),
        (VTT + "\n00:00:00.000 --> 00:00:02.000\nX\n", "starts before the one before"),
        ("WEBVTT\n", "it has no cue"),
    ],
)
def test_webvtt_traps(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(VTT)
    assert check(str(tmp_path), "webvtt") == []
    (tmp_path / "a.vtt").write_text(text)
    assert any(why in p.why for p in check(str(tmp_path), "webvtt"))


SRT = "1\n00:00:01,000 --> 00:00:02,000\nHello\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SRT.replace("01,000", "01.000"), "it is no subtitle"),
        (SRT.replace("00:00:01", "00:01"), "it is no subtitle"),
        (SRT.replace("1\n", "7\n", 1), "its number is 7, not 1"),
        (SRT.replace("02,000", "01,000"), "it ends not after it starts"),
        (SRT.replace("Hello", "Hello\n\nand more"), "it is no subtitle"),
        ("", "it has no subtitle"),
    ],
)
def test_srt_traps(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text(SRT)
    assert check(str(tmp_path), "srt") == []
    (tmp_path / "a.srt").write_text(text)
    assert any(why in p.why for p in check(str(tmp_path), "srt"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0:05 A\n0:20 B\n1:00 C\n", "does not start at 0:00"),
        ("0:00 A\n0:20 B\n", "it has 2 chapters"),
        ("0:00 A\n0:20 B\n0:25 C\n", "shorter than 10 s"),
        ("0:00 A\n0:20 - 0:40 B\n", "it has 2 chapters"),
        ("0:00\n0:20 B\n0:40 C\n", "is no line such as"),
        ("0:00 A\n1:00 B\n0:40 C\n", "not in order"),
    ],
)
def test_youtube_traps(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.chapters.txt").write_text(text)
    assert any(why in p.why for p in check(str(tmp_path), "youtube"))


def test_chapters(exported: Exported) -> None:
    report, folder = exported("youtube", where="video_id == 'harbour'")
    lines = (folder / "train" / "harbour.chapters.txt").read_text().splitlines()
    assert report.ok and lines[0].startswith("0:00 ") and len(lines) >= 3
    report, folder = exported("ffmetadata", "ff")
    assert report.ok and (folder / "train" / "harbour.ffmeta").read_text().startswith(";FFMETADATA1\n[CHAPTER]\n")
    (folder / "train" / "harbour.ffmeta").write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=5\nEND=2\ntitle=x\n"
    )
    assert "no START before its END" in str(check(str(folder))[0])


def test_ffmpeg_reads_the_chapters(exported: Exported, tmp_path: Path, sources: Path) -> None:
    import subprocess

    import av

    from operators.video.ffmpeg_backend import ffmpeg_program

    _, folder = exported("ffmetadata", where="video_id == 'harbour'")
    command = [ffmpeg_program(), "-v", "error", "-i", str(sources / "harbour.mp4")]
    command += ["-i", str(folder / "train" / "harbour.ffmeta"), "-map", "0", "-map_chapters", "1", "-c", "copy"]
    subprocess.run([*command, str(tmp_path / "with.mp4")], check=True)
    with av.open(str(tmp_path / "with.mp4")) as container:
        chapters: list[Any] = container.chapters()
    assert len(chapters) == (folder / "train" / "harbour.ffmeta").read_text().count("[CHAPTER]")
    assert json.dumps([str(c["metadata"]["title"]) for c in chapters])
