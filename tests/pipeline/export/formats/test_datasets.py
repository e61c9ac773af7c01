"""Exports that public packages read: Hugging Face datasets, webdataset, webvtt-py, pysubs2."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pipeline as longcap
from pipeline.export.base import Part, Unfit
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
    assert "the viewer shows 1 MB" in said and "the hub accepts 0 in one folder" in said and "fewer than 2" in said
    report, _ = exported("hub", "webm", media="path")
    assert not report.ok and "a videofolder must contain its videos" in report.left_out[0].why
    with pytest.raises(Unfit, match=r"accepts only \.mkv.*layout=embedded"):
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
        ([("a.mp4", b"x"), ("a.mp4", b"x")], "it appears twice"),
        ([("a.mp4", b"")], "it is empty"),
        ([("a.json", b"{")], "it is not valid JSON"),
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


@pytest.mark.parametrize("reader", ["srt", "pysrt"])
def test_other_readers_of_srt_read_the_same(reader: str, exported: Exported, out: str) -> None:
    module = pytest.importorskip(reader)
    report, folder = exported("srt")
    for row in longcap.open(out).to_arrow().to_pylist():
        path = folder / "train" / f"{row['video_id']}.srt"
        if not path.exists():  # a video whose id is no file name
            continue
        if reader == "srt":
            cues = [(c.start.total_seconds(), c.content) for c in module.parse(path.read_text())]
        else:
            cues = [(c.start.ordinal / 1000, c.text) for c in module.open(str(path))]
        assert cues == [(round(s["start_s"], 3), s["text"]) for s in row["sections"]]
    assert report.ok


def test_webvtt_allows_all_character_references(tmp_path: Path) -> None:
    said = "Tom &amp; Ann say &quot;it&#x27;s&quot; &#39;so&#39;&hellip; &lt;i&gt; <i>caf&eacute;</i> <v Ann>a</v>"
    (tmp_path / "a.vtt").write_text(VTT.replace("Hello", said))
    assert check(str(tmp_path), "webvtt") == []


VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("WEBVT\n\n" + VTT, "its first line is not WEBVTT"),
        (VTT.replace("02.000", "01.000"), "parsers drop it"),
        (VTT.replace("01.000 -->", "1.0 -->"), "no line of times"),
        (VTT.replace("Hello", "a --> b"), "contains -->"),
        (VTT.replace("Hello", "fish & chips"), "not escaped"),
        (VTT.replace("Hello", "AT&T; R&D"), "not escaped"),
        (VTT.replace("Hello", "&#x; and &#;"), "not escaped"),
        (VTT.replace("Hello", "1 < 3"), "not escaped"),
        (VTT.replace("Hello", ""), "has no text"),
        (VTT.replace("Hello", "Hello\n\nand more"), "no line of times"),
        (VTT + "\n00:00:00.000 --> 00:00:02.000\nX\n", "starts before the previous one"),
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
        (SRT.replace("01,000", "01.000"), "it is not a subtitle"),
        (SRT.replace("00:00:01", "00:01"), "it is not a subtitle"),
        (SRT.replace("1\n", "7\n", 1), "its number is 7, not 1"),
        (SRT.replace("02,000", "01,000"), "it does not end after it starts"),
        (SRT.replace("Hello", "Hello\n\nand more"), "it is not a subtitle"),
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
        ("0:00\n0:20 B\n0:40 C\n", "is not a line such as"),
        ("0:00 A\n1:00 B\n0:40 C\n", "not in order"),
        ("0:00 A\n1:00 B <3\n1:40 C\n", "it contains < or >"),
        ("".join(f"{k}:00 {'é' * 40}\n" for k in range(60)), "it has 5,210 bytes; YouTube accepts 5,000"),
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


@pytest.mark.parametrize(("count", "letter"), [(3, "a"), (80, "a"), (400, "a"), (400, "語")])
def test_youtube_chapters_fit_a_description(count: int, letter: str, tmp_path: Path) -> None:
    sections = [
        Part(start_s=30.0 * k, end_s=30.0 * k + 30, text="x", topic=f"<{k}> {f'{letter * 9} ' * 6}".strip())
        for k in range(count)
    ]
    (text,) = make("youtube", {}).rows(sample(parts=tuple(sections), duration_s=30.0 * count))
    lines = text.splitlines()
    assert len(text.encode()) <= 5000 and lines[0].startswith("0:00 ‹0› ") and "<" not in text
    assert len(lines) == count if count < 100 else 70 < len(lines) < count
    assert max(len(line.split(" ", 1)[1]) for line in lines) <= (60 if count == 3 else 55 if count == 80 else 20)
    (tmp_path / "a.chapters.txt").write_text(text)
    assert check(str(tmp_path), "youtube") == []


def test_the_shortest_chapters_are_merged_first() -> None:
    lengths = [30.0 if k % 2 else 12.0 for k in range(300)]
    starts = [sum(lengths[:k]) for k in range(300)]
    parts = [Part(start_s=s, end_s=s + n, text="語" * 60) for s, n in zip(starts, lengths, strict=True)]
    (text,) = make("youtube", {}).rows(sample(parts=tuple(parts), duration_s=sum(lengths)))
    seconds = [
        sum(60**k * int(t) for k, t in enumerate(line.split()[0].split(":")[::-1])) for line in text.splitlines()
    ]
    assert seconds[0] == 0 and min(b - a for a, b in pairwise(seconds)) >= 30


def test_energon_prepares_every_split(exported: Exported) -> None:
    """It assigns tars by regular expressions that begin to match at the start of a name."""
    report, folder = exported("webdataset", split="train=0.5,train_b=0.5")
    patterns = dict(part.split(":") for part in re.findall(r"--split-parts '([^']*)'", report.use[-1]))
    tars = sorted(p.name for p in folder.glob("*.tar"))
    found = {name: [tar for tar in tars if re.match(pattern, tar)] for name, pattern in patterns.items()}
    assert found == {"train": ["train-00000.tar"], "train_b": ["train_b-00000.tar"]}


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
