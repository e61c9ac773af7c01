"""Tables of spans and of paths: round trips and traps."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

import pipeline as longcap
from pipeline.export.base import Part, Unfit
from pipeline.export.export import check
from pipeline.export.registry import make
from pipeline.terminal.errors import UsageError
from tests.pipeline.export.formats.test_conversations import broken, sample
from tests.pipeline.export.test_export import Exported, rows


def test_activitynet_is_the_sections(exported: Exported, out: str) -> None:
    report, folder = exported("activitynet")
    found = json.loads((folder / "train.json").read_text())
    dataset = {f"v_{r['video_id']}": r for r in longcap.open(out).to_arrow().to_pylist() if " " not in r["video_id"]}
    assert report.ok and len(found) == 4
    for key, row in dataset.items():
        assert found[key]["sentences"] == [s["text"] for s in row["sections"]]
        assert found[key]["timestamps"] == [[round(s["start_s"], 3), round(s["end_s"], 3)] for s in row["sections"]]
    report, folder = exported("activitynet", "windows", events="window")
    found = json.loads((folder / "train.json").read_text())
    assert {k: len(found[k]["sentences"]) for k in dataset} == {k: r["windows"] for k, r in dataset.items()}


GOOD = {"v_a": {"duration": 10.0, "timestamps": [[0.0, 4.0]], "sentences": ["A boat."]}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ({"v_a": {**GOOD["v_a"], "timestamps": []}}, "not lists of equal length"),
        ({"v_a": {**GOOD["v_a"], "timestamps": [[4.0, 4.0]]}}, "starts at 4 and ends at 4"),
        ({"v_a": {**GOOD["v_a"], "timestamps": [[4.0, 11.0]]}}, "after the video"),
        ({"v_a": {**GOOD["v_a"], "timestamps": [["0", "4"]]}}, "is not [start, end]"),
        ({"v_a": {**GOOD["v_a"], "sentences": [""]}}, "has no text"),
        ({"v_a": {**GOOD["v_a"], "sentences": ["Лодка."]}}, "evaluation tools erase"),
        ({"v_a": {**GOOD["v_a"], "duration": None}}, "duration is None"),
        ('{"v_a": 1, "v_a": 2}', "appears twice"),
        ('{"v_a": {"duration": NaN, "timestamps": [], "sentences": []}}', "duration is nan"),
        ("[]", "not a JSON object"),
    ],
)
def test_activitynet_traps(text: Any, why: str, tmp_path: Path) -> None:
    (tmp_path / "val_1.json").write_text(json.dumps(GOOD))
    assert check(str(tmp_path), "activitynet") == []
    (tmp_path / "val_1.json").write_text(text if isinstance(text, str) else json.dumps(text))
    assert any(why in p.why for p in check(str(tmp_path), "activitynet"))


def test_captions_that_the_tools_would_erase_are_left_out() -> None:
    part = Part(start_s=0.0, end_s=5.0, text="Лодка на реке.")
    with pytest.raises(Unfit, match="erase letters that are not ASCII, here 100%"):
        make("activitynet", {}).rows(sample(parts=(part,)))
    assert make("activitynet", {"allow_non_ascii": True}).rows(sample(parts=(part,)))
    cafe = Part(start_s=0.0, end_s=5.0, text="A café by the river with many guests.")
    assert make("activitynet", {}).rows(sample(parts=(cafe,)))


def test_vidchapters(exported: Exported) -> None:
    report, folder = exported("vidchapters")
    found = json.loads((folder / "chapters_train.json").read_text())
    assert report.ok and json.loads((folder / "train.json").read_text()) == list(found)
    assert [c["time"] for c in found["forest"]["chapters"]] == [0.0, 10.0]
    found["forest"]["chapters"][1]["time"] = 99
    (folder / "chapters_train.json").write_text(json.dumps(found))
    assert "the loader keeps only 0 <= start <= 22" in str(check(str(folder))[0])


def test_qvhighlights_windows_lie_on_even_seconds(exported: Exported) -> None:
    report, folder = exported("qvhighlights")
    found = rows(folder / "train.jsonl")
    assert report.ok and len({r["qid"] for r in found}) == len(found)
    for row in found:
        assert all(t % 2 == 0 for window in row["relevant_windows"] for t in window)
        assert row["relevant_clip_ids"] == [
            c for a, b in row["relevant_windows"] for c in range(int(a) // 2, int(b) // 2)
        ]
    spec = make("qvhighlights", {})
    part = Part(start_s=3.1, end_s=21.0, text="x", spans=((3.1, 4.9), (5.9, 8.0), (20.5, 21.0)))
    (row,) = spec.rows(sample(parts=(part,), span=(3.1, 21.0), duration_s=21.4))
    assert row["relevant_windows"] == [[2, 8]] and row["duration"] == 20, "nothing is moved to another clip"
    with pytest.raises(Unfit, match="60 words"):
        spec.rows(sample(text="word " * 60))


@pytest.mark.parametrize(
    ("duration_s", "span", "windows"),
    [
        (149.99, (148.5, 149.99), [[148, 150]]),  # 30000/1001 frames per second
        (149.99, (140.14, 148.01), [[140, 148]]),
        (150.15, (0.0, 150.15), [[0, 150]]),
        (149.9, (147.95, 148.0), [[146, 148]]),
        (1.2, (0.0, 1.2), [[0, 2]]),
    ],
)
def test_qvhighlights_keeps_the_last_clip(
    duration_s: float, span: tuple[float, float], windows: list[list[int]]
) -> None:
    part = Part(start_s=span[0], end_s=span[1], text="x")
    (row,) = make("qvhighlights", {}).rows(sample(parts=(part,), span=span, duration_s=duration_s))
    assert row["relevant_windows"] == windows and row["duration"] == max(2, 2 * round(duration_s / 2))
    with pytest.raises(Unfit, match="it lies behind 20 s"):
        make("qvhighlights", {}).rows(sample(parts=(part,), span=(20.5, 21.0), duration_s=21.4))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: r.update(relevant_windows=[[1, 4]], relevant_clip_ids=None), "is not on even seconds"),
        (lambda r: r.update(relevant_windows=[[0, 9000]]), "after the video"),
        (lambda r: r.update(relevant_clip_ids=[77]), "are not the clips"),
        (lambda r: r.update(qid="1"), "qid is '1'"),
        (lambda r: r.update(saliency_scores=[[1, 2]]), "not three scores"),
        (lambda r: r.update(query=""), "it has no query"),
    ],
)
def test_qvhighlights_traps(change: Callable[[dict[str, Any]], object], why: str, exported: Exported) -> None:
    _, folder = exported("qvhighlights")
    assert any(why in said for said in broken(folder, "train.jsonl", change))


def test_charades_lines(exported: Exported) -> None:
    report, folder = exported("charades", unit="section")
    lines = (folder / "charades_sta_train.txt").read_text().splitlines()
    place, text = lines[0].split("##")
    vid, start, end = place.split(" ")
    assert (
        report.ok and text and float(start) < float(end) and vid in json.loads((folder / "charades.json").read_text())
    )
    (folder / "charades_sta_train.txt").write_text("a b 0 2##x\nforest 3 1##x\nforest 0 99##x\nforest 0 2##x##y\n")
    said = [p.why for p in check(str(folder))]
    assert any("single spaces" in w for w in said) and any("exactly one ##" in w for w in said)
    assert any("after the video" in w for w in said)


def test_tables_for_generators(exported: Exported, out: str) -> None:
    short = {"where": "video_id == 'late'", "unit": "section"}
    for to, file, video, text in (
        ("musubi", "train.jsonl", "video_path", "caption"),
        ("diffsynth", "metadata.jsonl", "video", "prompt"),
    ):
        report, folder = exported(to, to, **short)
        found = rows(folder / file)
        assert report.ok and found and all("\n" not in r[text] for r in found)
        for row in found:
            with av.open(str(folder / row[video])) as container:
                assert container.streams.video[0].frames > 0
    assert "source_fps = 16.0" in (exported("musubi", "toml", **short)[1] / "dataset.toml").read_text()
    report, folder = exported("videox-fun", "vx", **short)
    assert report.ok and json.loads((folder / "train.json").read_text())[0]["type"] == "video"
    said = json.loads((folder / "train.json").read_text())
    del said[0]["type"]
    (folder / "train.json").write_text(json.dumps(said))
    assert "opens it as an image" in str(check(str(folder))[0])
    report, folder = exported("opensora", "os", **short)
    with (folder / "train.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert report.ok and sum(int(float(r["num_frames"])) for r in table) == 120
    assert float(table[0]["aspect_ratio"]) == pytest.approx(64 / 192)


@pytest.mark.parametrize(
    ("to", "file", "change", "why"),
    [
        ("diffsynth", "metadata.jsonl", lambda r: r.update(prompt=""), "it has no prompt"),
        ("diffsynth", "metadata.jsonl", lambda r: r.update(video="x.ts"), "none of the suffixes"),
        ("diffsynth", "metadata.jsonl", lambda r: r.update(video="videos/gone.mp4"), "there is no file"),
    ],
)
def test_generator_traps(
    to: str, file: str, change: Callable[[dict[str, Any]], object], why: str, exported: Exported
) -> None:
    _, folder = exported(to, unit="video", media="link", where="video_id == 'forest'")
    assert any(why in said for said in broken(folder, file, change))


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("num_frames", "7", "num_frames is 7, but the file has"),
        ("num_frames", "0", "is not above 0"),
        ("fps", "", "is not a number"),
        ("aspect_ratio", "9", "aspect_ratio is not height / width"),
        ("text", "", "it has no text"),
    ],
)
def test_opensora_traps(column: str, value: str, why: str, exported: Exported) -> None:
    _, folder = exported("opensora", unit="video", media="link", where="video_id == 'forest'")
    with (folder / "train.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    with (folder / "train.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, row)
        table.writeheader()
        table.writerow({**row, column: value})
    assert any(why in p.why for p in check(str(folder)))
    with (folder / "train.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [name for name in row if name != column], extrasaction="ignore")
        table.writeheader()
        table.writerow(row)
    assert f"it has no column {column}" in str(check(str(folder))[0])


def test_opensora_is_read_by_pandas_as_it_was_written(exported: Exported) -> None:
    pandas = pytest.importorskip("pandas")
    report, folder = exported("opensora", unit="window", where="video_id = 'forest'")
    with (folder / "train.csv").open(newline="") as file:
        said = list(csv.DictReader(file))
    read = pandas.read_csv(folder / "train.csv")
    assert report.ok and len(read) == len(said) > 1 and read["text"].tolist() == [r["text"] for r in said]
    assert not read.isna().any().any() and read["num_frames"].tolist() == [int(r["num_frames"]) for r in said]
    for word in ("None", "n/a", "nan"):
        broken_row = {**said[0], "text": word}
        with (folder / "train.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, broken_row)
            table.writeheader()
            table.writerow(broken_row)
        assert pandas.read_csv(folder / "train.csv")["text"].isna().all()
        assert any("reads as a missing value" in p.why for p in check(str(folder)))


def test_musubi_takes_4n_plus_1_frames_and_its_own_cache(exported: Exported) -> None:
    with pytest.raises(UsageError, match="target_frames is 80; it must be 4N"):
        make("musubi", {"target_frames": 80})
    _, folder = exported("musubi", unit="section", where="video_id != 'forest'", split="train=0.5,test=0.5")
    said = (folder / "dataset.toml").read_text()
    caches = [line for line in said.splitlines() if line.startswith("cache_directory")]
    assert len(set(caches)) == 2 and said.count("source_fps = 16.0") == 2


def test_musubi_clips_have_the_rate_of_the_model(exported: Exported) -> None:
    report, folder = exported("musubi", unit="section", where="video_id = 'late'", model_fps=24)
    assert report.ok and "source_fps = 24.0" in (folder / "dataset.toml").read_text()
    assert make("musubi", {"source_fps": 24}) == make("musubi", {"model_fps": 24})
    for row in rows(folder / "train.jsonl"):
        with av.open(str(folder / row["video_path"])) as container:
            stream = container.streams.video[0]
            assert stream.average_rate == 24 and row["fps"] == 24.0
            start_ms, end_ms = (int(ms) for ms in Path(row["video_path"]).stem.split("-")[-2:])
            assert stream.frames == pytest.approx((end_ms - start_ms) * 24 / 1000, abs=1)


def test_musubi_has_one_dataset_per_rate_of_whole_videos(exported: Exported) -> None:
    """Its loader takes all videos of a dataset to have `source_fps`: two of 6 and one of 10 frames per second."""
    whole: dict[str, Any] = {"unit": "video", "media": "link", "where": "video_id != 'forest'"}
    report, folder = exported("musubi", model_fps=6, **whole)
    said = tomllib.loads((folder / "dataset.toml").read_text())["datasets"]
    found = {Path(d["video_jsonl_file"]).name: d["source_fps"] for d in said}
    assert report.ok and found == {"train.jsonl": 6.0, "train-10fps.jsonl": 10.0}
    assert len({d["cache_directory"] for d in said}) == 2
    assert [len(rows(folder / name)) for name in found] == [2, 1]
    report, _ = exported("musubi", "slow", model_fps=16, max_left_out=1.0, **whole)
    assert report.left_out_count == 3 and "the loader would show it too fast" in report.left_out[0].why
    path = folder / "dataset.toml"
    path.write_text(path.read_text().replace("source_fps = 6.0", "source_fps = 3.0"))
    assert "has 6 frames per second, but source_fps in dataset.toml is 3; it is trained too slow" in str(
        check(str(folder))[0]
    )
    path.write_text(path.read_text().replace("source_fps = 3.0", "source_fps = 6"))
    assert "accepts only decimal numbers" in str(check(str(folder))[0])


def test_captions_beyond_the_text_encoder_are_reported_or_left_out() -> None:
    long = "word " * 600
    (row,) = make("diffsynth", {}).rows(sample(text=long))
    assert row["prompt"]
    with pytest.raises(Unfit, match="the text encoder reads 512"):
        make("diffsynth", {"over_limit": "leave_out"}).rows(sample(text=long))
    assert make("diffsynth", {"text_encoder": "hunyuan-1.5"}).limit_tokens == 1024


def test_a_text_beside_each_video(exported: Exported, out: str) -> None:
    report, folder = exported("stem-txt", unit="video", media="link")
    captions = {r["video_id"]: r["caption"] for r in longcap.open(out).to_arrow().to_pylist()}
    assert report.ok and (folder / "train" / "forest.txt").read_text() == " ".join(captions["forest"].split())
    (folder / "train" / "forest.txt").write_text("All these loaders\nread all lines.")
    (folder / "train" / "late.txt").unlink()
    (folder / "train" / "other.txt").write_text("x")
    (folder / "train" / "harbour.mkv").write_bytes(b"x")
    said = " ".join(str(p) for p in check(str(folder)))
    assert "forest" not in said
    for why in ("late.mkv: it has no caption", "other.txt: it has no video", "has the same stem"):
        assert why in said


def test_cosmos_leaves_out_what_is_too_short(exported: Exported) -> None:
    report, folder = exported("cosmos", unit="window", where="video_id == 'late'", num_frames=80, max_left_out=0.9)
    assert report.left_out_count == 1 and "needs 81" in report.left_out[0].why and report.ok
    assert [p.stem for p in (folder / "train" / "videos").iterdir()] == [
        p.stem for p in (folder / "train" / "metas").iterdir()
    ]
    assert "it has" in str(check(str(folder), "cosmos", {"num_frames": 200})[0])
    video = next((folder / "train" / "videos").iterdir())
    (folder / "train" / "metas" / f"{video.stem}.txt").unlink()
    (folder / "train" / "videos" / "other.MP4").write_bytes(b"x")
    said = " ".join(str(p) for p in check(str(folder)))
    assert "the loader trains on an empty caption" in said and "other.MP4: its name does not end in .mp4" in said


def test_stories(exported: Exported, out: str) -> None:
    sections = {r["video_id"]: r["sections"] for r in longcap.open(out).to_arrow().to_pylist()}["forest"]
    only = {"where": "video_id == 'forest'"}
    report, folder = exported("vript", "vript", **only)
    (row,) = rows(folder / "train.jsonl")
    assert report.ok and [s["caption"]["content"] for s in row["data"].values()] == [s["text"] for s in sections]
    assert any("num_clips is 9" in s for s in broken(folder, "train.jsonl", lambda r: r["meta"].update(num_clips=9)))
    report, folder = exported("scenewalk", "sw", events="section", **only)
    (row,) = json.loads((folder / "train.json").read_text())
    assert report.ok and row["captions"] == [s["text"] for s in sections]
    row["timestamps"].reverse()
    (folder / "train.json").write_text(json.dumps([row]))
    assert "not in order of time" in str(check(str(folder))[0])
    report, folder = exported("interleaved", "il", **only)
    (row,) = rows(folder / "train.jsonl")
    assert report.ok and [p["type"] for p in row["content"]] == ["text", *["video", "text"] * len(sections)]
    assert any("ends with a text" in s for s in broken(folder, "train.jsonl", lambda r: r["content"].pop()))


@pytest.mark.parametrize("media", ["path", "copy"])
def test_fiftyone_finds_each_video(media: str, exported: Exported, out: str) -> None:
    report, folder = exported("fiftyone", media=media)
    found = json.loads((folder / "train" / "labels.json").read_text())["labels"]
    rows = {r["video_id"]: r for r in longcap.open(out).to_arrow().to_pylist()}
    key = "forest" if media == "copy" else rows["forest"]["uri"]
    assert report.ok and len(found) == 4
    assert [d["label"] for d in found[key]] == [s["text"] for s in rows["forest"]["sections"]]
    assert found[key][0]["attributes"]["caption"] == rows["forest"]["caption"]
    found["gone"] = [{"label": "x", "timestamps": [3, 1]}]
    (folder / "train" / "labels.json").write_text(json.dumps({"labels": found}))
    said = " ".join(str(p) for p in check(str(folder)))
    assert (folder / "train" / "data.json").exists() == (media == "path") == ('data_path="data.json"' in report.use[0])
    if media == "path":
        (folder / "train" / "data.json").unlink()
        assert "neither train/data/ nor train/data.json" in str(check(str(folder))[0])
    assert "there is no video train/data/gone" in said and "it starts at 3 and ends at 1" in said


def test_control_tracks_have_a_frame_for_each_frame_of_the_clip(exported: Exported) -> None:
    kinds = ("edges", "flow", "keypoints")
    report, folder = exported("controls", unit="window", where="video_id = 'late'", kinds=kinds)
    found = rows(folder / "train.jsonl")
    assert report.ok and [r["num_frames"] for r in found] == [100, 70]
    with av.open(str(folder / found[0]["video"])) as clip:
        times = [float(f.pts * f.time_base) for f in clip.decode(video=0)]
    for name in kinds:
        with av.open(str(folder / found[0][name])) as track:
            shown = [(float(f.pts * f.time_base), f.to_ndarray(format="gray").max()) for f in track.decode(video=0)]
        assert [t for t, _ in shown] == pytest.approx(times, abs=1e-3) and max(light for _, light in shown) > 100
    said = broken(folder, "train.jsonl", lambda r: r.update(num_frames=5))
    assert any("edges has 100 frames, but the row says 5" in s for s in said)


def test_only_the_tracks_that_are_asked_for_are_drawn(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    for name in ("_Flow", "Keypoints"):
        monkeypatch.setattr(f"pipeline.export.formats.controls.{name}", lambda _, name=name: drawn.append(name))
    report, folder = exported("controls", unit="window", where="video_id = 'late'", kinds=("edges", "edges"))
    assert report.ok and drawn == [] and [r["num_frames"] for r in rows(folder / "train.jsonl")] == [100, 70]
    assert {p.stem.rsplit("-", 1)[-1] for p in (folder / "controls").rglob("*.mp4")} == {"edges"}
    with pytest.raises(UsageError, match="kinds"):
        exported("controls", "none", unit="window", kinds=())


def test_storyboards_divide_the_frames(exported: Exported) -> None:
    report, folder = exported("storyboards", where="video_id in ('forest', 'late')")
    found = {Path(r["video"]).stem: r for r in rows(folder / "train.jsonl")}
    assert report.ok and found["late"]["num_frames"] == 120 and found["forest"]["num_frames"] == 132
    spans = [(p["start_frame"], p["end_frame"]) for p in found["forest"]["prompts"]]
    assert spans == [(0, 60), (60, 132)]
    said = broken(folder, "train.jsonl", lambda r: r["prompts"][0].update(end_frame=999))
    assert any("is not a range" in s for s in said)
