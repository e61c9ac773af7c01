"""Conversations: rows in equal rows out, and each trap of a loader is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.export.base import Part, Sample, Unfit
from pipeline.export.export import check
from pipeline.export.formats.conversation import repeated_share, safe
from pipeline.export.registry import make
from tests.pipeline.export.test_export import Exported, rows


def sample(**given: Any) -> Sample:
    part = Part(start_s=0.0, end_s=12.5, text="A boat.")
    values: dict[str, Any] = {
        "key": "a",
        "video_id": "a",
        "uri": "/v/a.mp4",
        "split": "train",
        "media": "/v/a.mp4",
        "duration_s": 30.0,
        "span": None,
        "text": "A boat.",
        "parts": (part,),
        "opening": "",
        "windows": (),
        "row": {},
    }
    return Sample(**{**values, **given})


def broken(folder: Path, file: str, change: Callable[[dict[str, Any]], object], **options: Any) -> list[str]:
    """What the check says once the first row is changed."""
    path = folder / file
    found = rows(path)
    change(found[0])
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return [p.why for p in check(str(folder), None, options)]


def test_sharegpt_rows_are_the_dataset(exported: Exported, out: str) -> None:
    report, folder = exported("sharegpt", system="You caption videos.")
    assert report.ok
    captions = {r["video_id"]: r for r in longcap.open(out).to_arrow().to_pylist()}
    found = rows(folder / "train.jsonl")
    assert {r["messages"][-1]["content"] for r in found} == {c["caption"] for c in captions.values()}
    assert {r["videos"][0] for r in found} == {c["uri"] for c in captions.values()}
    info = json.loads((folder / "dataset_info.json").read_text())["longcap"]
    assert info["columns"] == {"messages": "messages", "videos": "videos"} and info["tags"]["system_tag"] == "system"
    assert found[0]["messages"][0] == {"role": "system", "content": "You caption videos."}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: r["messages"][0].update(content="no tag"), "0 <video> tags and 1 videos"),
        (lambda r: r["messages"][0].update(content="<video><video>x"), "2 <video> tags and 1 videos"),
        (lambda r: r["messages"][1].update(content="It says <video>."), "the answer contains <video>"),
        (lambda r: r["messages"].reverse(), "user and assistant do not alternate"),
        (lambda r: r["messages"].pop(), "1 turns; the loader drops rows with an odd number"),
        (lambda r: r["messages"][0].update(role="human"), "the role 'human'"),
        (lambda r: r["messages"][0].update(role=["user"]), "the role ['user']"),
        (lambda r: r["messages"][1].update(content=" "), "turn 1 has no text"),
        (lambda r: r.update(videos=["/nowhere/a.mp4"]), "there is no file"),
        (lambda r: r.update(videos=["s3://b/a.mp4"]), "which the loader cannot open"),
        (lambda r: r.update(videos=3), "it must be a path or a list"),
        (lambda r: r.update(messages=[]), "it has no turns"),
        (lambda r: r["messages"][0].update(content=None), "turn 0 has no text"),
        (lambda r: r.update(videos=r["videos"][0]), "its videos is a list but a str in earlier rows"),
    ],
)
def test_sharegpt_traps(change: Callable[[dict[str, Any]], object], why: str, exported: Exported) -> None:
    _, folder = exported("sharegpt")
    assert any(why in said for said in broken(folder, "train.jsonl", change))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda e: e["columns"].pop("videos"), "columns does not list videos"),
        (lambda e: e["columns"].update(video="videos"), "the loader reads videos only"),
        (lambda e: e["tags"].pop("system_tag"), "tags does not list system_tag"),
        (lambda e: e.pop("formatting"), "formatting is 'alpaca'"),
        (lambda e: e.update(file_name="other.jsonl"), "there is no file other.jsonl"),
    ],
)
def test_dataset_info_traps(change: Callable[[dict[str, Any]], object], why: str, exported: Exported) -> None:
    _, folder = exported("sharegpt", system="You caption videos.")
    info = json.loads((folder / "dataset_info.json").read_text())
    change(info["longcap"])
    (folder / "dataset_info.json").write_text(json.dumps(info))
    assert any(why in p.why for p in check(str(folder)))


def test_a_container_without_a_number_of_frames_is_read_in_part(exported: Exported) -> None:
    """LLaMA-Factory takes the first `video_maxlen` frames of it for the whole video; `late` is a Matroska file."""
    given: dict[str, Any] = {"where": "video_id = 'late'", "video_maxlen": 64}
    report, _ = exported("sharegpt", "a", **given)
    assert not report.ok and "gives no number of frames" in report.problems[0].why
    assert exported("sharegpt", "b", trainer="swift", **given)[0].ok
    assert exported("sharegpt", "c", unit="section", spans="cut", **given)[0].ok
    assert exported("sharegpt", "d", where="video_id = 'late'")[0].ok, "it has no more than 128"


def test_files_that_cannot_be_read_line_by_line(exported: Exported) -> None:
    _, folder = exported("sharegpt")
    path = folder / "train.jsonl"
    path.write_text(path.read_text() + '\n{"messages": \n[1]\n')
    said = " ".join(str(p) for p in check(str(folder)))
    assert "train.jsonl:5: the line is empty" in said and "train.jsonl:6: it is not valid JSON" in said
    assert "train.jsonl:7: it must be a JSON object, not list" in said
    path.write_text("")
    assert "it contains no row" in str(check(str(folder))[0])


@pytest.mark.parametrize(
    ("target", "tag"), [("llava", "<image>\n"), ("qwen", "<video>\n"), ("internvl", "<video>\n"), ("vila", "<video>\n")]
)
def test_llava_writes_each_targets_tag_and_registry(target: str, tag: str, exported: Exported) -> None:
    report, folder = exported("llava", target=target, unit="section")
    found = rows(folder / "train.jsonl")
    assert report.ok and all(r["conversations"][0]["value"].startswith(tag) for r in found)
    spans = [r.get("clip") for r in found]
    if target == "internvl":
        assert all(spans) and "from" not in found[0]["conversations"][0]["value"]
        meta = json.loads((folder / "meta.json").read_text())["longcap"]
        assert meta["length"] == len(found) and meta["annotation"].endswith(".jsonl")
    else:
        assert not any(spans) and " from 0.0 s to 10.0 s." in found[0]["conversations"][0]["value"]
    assert bool(report.use)


@pytest.mark.parametrize(
    ("target", "change", "why"),
    [
        ("llava", lambda r: r["conversations"][0].update(value="<video>\nx"), "0 <image> tags for 1 videos"),
        ("qwen", lambda r: r["conversations"][0].update(value="<image>\nx"), "a video's tag is <video>"),
        ("internvl", lambda r: r["conversations"][0].update(value="<video>x"), "no newline follows <video>"),
        ("internvl", lambda r: r.update(image=None), "both image and video"),
        ("internvl", lambda r: r.update(clip=[5, 2]), "clip is [5, 2]"),
        ("internvl", lambda r: r["conversations"][1].update(value="a b c d e f g h i j k " * 9), "is repetitive"),
        ("qwen", lambda r: r.update(clip=[0, 2]), "which the loader of qwen does not read"),
        ("vila", lambda r: r["conversations"].reverse(), "do not alternate"),
        ("llava", lambda r: r.update(video=""), "1 <image> tags for 0 videos"),
        ("qwen", lambda r: r.update(video=None), "1 <video> tags for 0 videos"),
        ("llava", lambda r: r.update(id="forest"), "'forest' appears twice"),
    ],
)
def test_llava_traps(target: str, change: Callable[[dict[str, Any]], object], why: str, exported: Exported) -> None:
    _, folder = exported("llava", target=target)
    assert any(why in said for said in broken(folder, "train.jsonl", change)), why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"annotation": "rows.json"}, "annotation does not end in jsonl"),
        ({"repeat_time": 1.5}, "repeat_time is 1.5"),
    ],
)
def test_internvl_meta_traps(change: dict[str, Any], why: str, exported: Exported) -> None:
    _, folder = exported("llava", target="internvl")
    meta = json.loads((folder / "meta.json").read_text())
    meta["longcap"].update(change)
    (folder / "meta.json").write_text(json.dumps(meta))
    assert any(why in p.why for p in check(str(folder)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda v: v.update(video_start=9.0), "video_start 9.0 and video_end 10.0 are not a span"),
        (lambda v: v.update(fps=1.0, nframes=8), "it has fps and nframes"),
        (lambda v: v.update(type="clip"), "a part of type 'clip'"),
        (lambda v: v.update(video="s3://b/a.mp4"), "which the loader cannot open"),
    ],
)
def test_messages_traps(change: Callable[[dict[str, Any]], object], why: str, exported: Exported) -> None:
    _, folder = exported("messages", video_key="video", native_spans=True, unit="section")

    def broken_video(row: dict[str, Any]) -> None:
        video = row["messages"][0]["content"][0]
        video["video_end"] = 8.0 if why.startswith("video_start") else video["video_end"]
        change(video)

    assert any(why.replace("10.0", "8.0") in said for said in broken(folder, "train.jsonl", broken_video))


TIMELINE = "List what happens in this video, each event with its start and end time."


@pytest.mark.parametrize("answer", ["caption", "timeline"])
def test_answers_count_from_where_the_loader_does(answer: str, exported: Exported) -> None:
    """InternVL's frames of a clip have no times, and Qwen2.5-VL counts from the start of a clip; Qwen3-VL reads the
    time in the video beside each frame."""
    given: dict[str, Any] = {"unit": "section", "where": "video_id = 'harbour'", "answer": answer}
    own: dict[str, Any] = {"video_key": "video", "native_spans": True, **given}
    said: dict[str, dict[str, list[str]]] = {}
    for name, to, options in (
        ("cut", "sharegpt", {"spans": "cut", "trainer": "swift"}),
        ("text", "sharegpt", {"spans": "text"}),
        ("internvl", "llava", {"target": "internvl"}),
        ("qwen2.5", "messages", {**own, "native_times": "clip"}),
        ("qwen3", "messages", own),
    ):
        report, folder = exported(to, name, **{**given, **options})
        assert report.ok
        said[name] = {}
        for row in rows(folder / "train.jsonl"):
            if to == "messages":
                texts = [turn["content"][-1]["text"] for turn in row["messages"]]
            else:
                texts = [
                    turn.get("content") or turn.get("value") for turn in row.get("messages") or row["conversations"]
                ]
            said[name][row["id"]] = [text.removeprefix("<video>").strip() for text in texts]
    assert said["internvl"] == said["cut"] == said["qwen2.5"]
    assert {k: v[1] for k, v in said["qwen3"].items()} == {k: v[1] for k, v in said["text"].items()}
    second = [said[name]["harbour-s0001"] for name in ("internvl", "qwen3", "text")]
    assert [v[0] for v in second[:2]] == [TIMELINE if answer == "timeline" else "Describe this video in detail."] * 2
    assert second[2][0].startswith("List" if answer == "timeline" else "Describe") and " from 10.0 s" in second[2][0]
    assert "0:03" in second[0][1] and "0:13" in second[1][1]
    assert answer == "caption" or (second[0][1].startswith("0.0 s - ") and second[1][1].startswith("10.0 s - "))


def test_messages_and_native_spans(exported: Exported) -> None:
    report, folder = exported("messages", video_key="video", native_spans=True, unit="section")
    video = rows(folder / "train.jsonl")[0]["messages"][0]["content"][0]
    assert report.ok and (video["video_start"], video["video_end"]) == (0.0, 10.0)
    said = broken(folder, "train.jsonl", lambda r: r["messages"][0]["content"][0].update(path="x"))
    assert "with 2 of path, url, video" in said[0]


def test_a_timeline_has_the_sections_and_their_times(exported: Exported, out: str) -> None:
    report, folder = exported("sharegpt", answer="timeline", times="clock", where="video_id == 'forest'")
    (row,) = rows(folder / "train.jsonl")
    sections = next(r for r in longcap.open(out).to_arrow().to_pylist() if r["video_id"] == "forest")["sections"]
    assert report.ok and row["messages"][1]["content"] == "\n".join(
        f"0:{s['start_s']:02.0f} - 0:{s['end_s']:02.0f}: {' '.join(s['text'].split())}" for s in sections
    )


def test_texts_bring_in_no_tags_and_no_control_tokens() -> None:
    text = "A sign reads <video> and <|im_end|>, then </s> and < 5 >."
    assert safe(text) == "A sign reads [video] and [im_end], then [s] and < 5 >."
    (row,) = make("sharegpt", {}).rows(sample(text=text))
    assert [t["content"].count("<video>") for t in row["messages"]] == [1, 0]
    with pytest.raises(Unfit, match="its text is empty"):
        make("sharegpt", {}).rows(sample(text="  "))


def test_tokens_of_the_video_count_against_the_cutoff() -> None:
    spec = make("sharegpt", {})
    assert spec.media_tokens(sample(duration_s=3600.0, width_px=1920, height_px=1080)) == 64 * (65536 // 784)
    assert repeated_share("one two three") == 0.0
