"""Valid files of other programs are accepted: their names of files, columns and roles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.export.export import check
from tests.support.video import render

PLAIN = [{"from": "human", "value": "<video>What happens?"}, {"from": "gpt", "value": "A boat leaves."}]
CHAT = [{"role": "user", "content": "<video>What happens?"}, {"role": "assistant", "content": "A boat leaves."}]
SYSTEM = {"role": "system", "content": "Be brief."}
TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
VIDEOS = {"messages": "messages", "videos": "videos"}


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    render(tmp_path / "a.mp4", count=3, fps=10.0)
    return tmp_path


def put(folder: Path, **files: Any) -> None:
    """Write JSON files; `a__jsonl` becomes `a.jsonl`, one row per line."""
    for name, value in files.items():
        path = folder / name.replace("__", ".")
        lines = [json.dumps(row) for row in value] if path.suffix == ".jsonl" else [json.dumps(value)]
        path.write_text("\n".join(lines) + "\n")


def said(folder: Path, to: str, **options: Any) -> list[str]:
    return [str(problem) for problem in check(str(folder), to, options)]


@pytest.mark.parametrize(
    ("entry", "row"),
    [
        ({"columns": VIDEOS, "tags": TAGS}, {"messages": CHAT, "videos": ["a.mp4"]}),
        ({"columns": {**VIDEOS, "messages": "conversations"}}, {"conversations": PLAIN, "videos": ["a.mp4"]}),
        ({"columns": {**VIDEOS, "videos": "clips"}, "tags": TAGS}, {"messages": CHAT, "clips": "a.mp4"}),
        (
            {"columns": VIDEOS, "tags": {**TAGS, "system_tag": "system"}},
            {"messages": [SYSTEM, *CHAT], "videos": "a.mp4"},
        ),
        ({}, {"conversations": [{**turn, "value": turn["value"].replace("<video>", "")} for turn in PLAIN]}),
        (
            {"columns": VIDEOS, "tags": {**TAGS, "user_tag": "Q", "assistant_tag": "A"}},
            {"messages": [{**CHAT[0], "role": "Q"}, {**CHAT[1], "role": "A"}], "videos": ["a.mp4"]},
        ),
    ],
)
@pytest.mark.parametrize("file", ["d.json", "d.jsonl", "sub/d.json"])
def test_datasets_of_llamafactory(entry: dict[str, Any], row: dict[str, Any], file: str, theirs: Path) -> None:
    (theirs / "sub").mkdir()
    name = file.split("/", maxsplit=1)[0] if "/" in file else file
    info = {"mine": {"file_name": name, "formatting": "sharegpt", **entry}, "far": {"hf_hub_url": "someone/else"}}
    put(theirs, **{file: [row, row], "dataset_info__json": info, "other__json": {"not": "a dataset"}})
    assert said(theirs, "sharegpt") == []


@pytest.mark.parametrize(
    ("entry", "row", "why"),
    [
        ({"columns": VIDEOS, "tags": TAGS}, {"messages": [SYSTEM, *CHAT], "videos": ["a.mp4"]}, "not list system_tag"),
        ({"columns": VIDEOS}, {"conversations": PLAIN, "videos": ["a.mp4"]}, "d.json[0]: it has no turns"),
        (
            {"columns": {"messages": "messages"}, "tags": TAGS},
            {"messages": CHAT, "videos": ["a.mp4"]},
            "columns does not list videos",
        ),
        (
            {"columns": VIDEOS, "tags": {k: v for k, v in TAGS.items() if k != "assistant_tag"}},
            {"messages": CHAT, "videos": ["a.mp4"]},
            "tags does not list assistant_tag",
        ),
        ({"columns": VIDEOS, "tags": TAGS}, {"messages": CHAT, "videos": ["b.mp4"]}, "there is no file b.mp4"),
    ],
)
def test_what_llamafactory_would_drop(entry: dict[str, Any], row: dict[str, Any], why: str, theirs: Path) -> None:
    info = {"mine": {"file_name": "d.json", "formatting": "sharegpt", **entry}}
    put(theirs, d__json=[row], dataset_info__json=info)
    assert any(why in line for line in said(theirs, "sharegpt"))


@pytest.mark.parametrize("row", [{"messages": CHAT}, {"conversations": PLAIN}])
def test_ms_swift_needs_no_dataset_info(row: dict[str, Any], theirs: Path) -> None:
    put(theirs, mine__json=[{**row, "videos": ["a.mp4"]}])
    assert said(theirs, "sharegpt", trainer="swift") == []


def test_pairs_of_llamafactory(theirs: Path) -> None:
    row = {
        "conversations": PLAIN[:1],
        "chosen": PLAIN[1],
        "rejected": {"from": "gpt", "value": "No."},
        "videos": "a.mp4",
    }
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "videos": "videos"}
    entry: dict[str, Any] = {"file_name": "d.json", "formatting": "sharegpt", "ranking": True, "columns": columns}
    put(theirs, d__json=[row], dataset_info__json={"mine": entry})
    assert said(theirs, "dpo") == []
    put(theirs, d__json=[{**row, "rejected": PLAIN[1]}])
    assert said(theirs, "dpo") == ["d.json[0]: its chosen and rejected texts are equal"]
    (theirs / "dataset_info.json").write_text("{")
    assert "it is not valid JSON" in said(theirs, "dpo")[0]


@pytest.mark.parametrize(("target", "tag"), [("llava", "<image>"), ("qwen", "<video>"), ("vila", "<video>")])
def test_lists_of_llava(target: str, tag: str, theirs: Path) -> None:
    turns = [{**PLAIN[0], "value": f"{tag}\nWhat happens?"}, PLAIN[1]]
    put(theirs, train__json=[{"id": "1", "video": "a.mp4", "conversations": turns}], config__json={"lr": 1e-5})
    assert said(theirs, "llava", target=target) == []
    words = [{**PLAIN[0], "value": "What is 1 + 1?"}, PLAIN[1]]
    picture = [{**PLAIN[0], "value": "<image>\nWhat is this?"}, PLAIN[1]]
    mixed = [{"id": "1", "conversations": words}, {"id": "2", "image": "a.jpg", "conversations": picture}]
    put(theirs, train__json=mixed)
    assert said(theirs, "llava", target=target) == []
    put(theirs, train__json=[{"id": "1", "video": "b.mp4", "conversations": turns}])
    assert said(theirs, "llava", target=target) == ["train.json[0]: there is no file b.mp4"]
    assert "there is no file *.jsonl" in said(theirs, "llava", target="internvl")[0]
    (theirs / "train.json").unlink()
    assert "and no file *.json with a list of rows" in said(theirs, "llava", target=target)[0]


@pytest.mark.parametrize(
    ("to", "row"),
    [
        ("musubi", {"video_path": "a.mp4", "caption": "A boat.\nIt leaves."}),
        ("diffsynth", {"video": "a.mp4", "prompt": "A boat.\nIt leaves."}),
        ("messages", {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]}),
    ],
)
def test_rows_of_other_writers(to: str, row: dict[str, Any], theirs: Path) -> None:
    put(theirs, rows__jsonl=[row])
    assert said(theirs, to) == []
    (theirs / "rows.jsonl").unlink()
    put(theirs, rows__json=[row])
    assert (said(theirs, to) == []) == (to != "musubi"), "musubi-tuner reads jsonl alone"


def test_images_beside_videos_for_videox_fun(theirs: Path) -> None:
    put(theirs, train__json=[{"file_path": "a.mp4", "text": "A", "type": "video"}, {"file_path": "b.png", "text": "B"}])
    assert said(theirs, "videox-fun") == []
    put(theirs, train__json=[{"file_path": "a.mp4", "text": "A"}])
    assert "opens it as an image" in said(theirs, "videox-fun")[0]


def test_subtitles_with_coordinates(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000  X1:40 X2:600 Y1:20 Y2:50\nHello \n")
    assert said(tmp_path, "srt") == []


def test_files_are_checked_with_to(tmp_path: Path) -> None:
    row = {"video": "a.mp4", "conversations": [{"from": "human", "value": "<video>hi"}, {"from": "gpt", "value": "x"}]}
    (tmp_path / "mine.jsonl").write_text(json.dumps(row) + "\n")
    found = said(tmp_path, "llava", target="internvl")
    assert any("no newline follows" in why for why in found) and any("there is no file a.mp4" in why for why in found)
