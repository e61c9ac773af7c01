"""Scenes as scripts: 2 to 20 of them in a row, each with its voice-over, and whether all are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longcap.testing import check_operator
from operators.ask.join import Join
from operators.core.base import ItemError, Row


def video(count: int, *missing: int, name: str = "v") -> Row:
    windows = [
        {
            "window_index": k,
            "start_s": 5.0 * k,
            "end_s": 5.0 * k + 5,
            "text": f"Dog {k} runs.",
            "fields": json.dumps({"title": f"Run {k}.", "shot_type": "close-up", "camera": "It pans"}),
            "valid": k not in missing,
        }
        for k in range(count)
    ]
    return {"video_id": name, "duration_s": 5.0 * count, "captioned": [{"windows": windows}]}


def script(**options: object) -> Join:
    return Join(of="segments.windows", template="scene_text", key="{video_id}-Scene-{number:03d}", **options)  # type: ignore[arg-type]


def test_two_to_twenty_consecutive_scenes_are_one_row() -> None:
    rows = [video(47, name=f"v{k}") for k in range(8)]
    made = check_operator(script(), rows, other={"most": 19})
    for row in made:
        counts = [part["items"] for part in row["joined"]]
        assert all(2 <= count <= 20 for count in counts) and sum(counts) == 47 and row["dropped"] == []
        firsts = [int(part["first"][-3:]) for part in row["joined"]]
        assert firsts == [1 + sum(counts[:k]) for k in range(len(counts))], "one after the other, none twice"
        assert all(part["text"].count("Scene ") == part["items"] for part in row["joined"])
    assert len({tuple(part["items"] for part in row["joined"]) for row in made}) > 1, "each video draws its own"
    (again,) = check_operator(script(), rows[:1], other={"most": 19})
    assert again["joined"] == made[0]["joined"], "equal videos, equal rows"


def test_a_scene_has_a_key_its_script_and_what_is_said_in_it() -> None:
    speech = [{"start_s": 6.0, "end_s": 8.0, "text": "Fetch!", "speaker": None, "language": "en", "words": None}]
    with script().open() as apply:
        made = apply({**video(2), "speech": speech})
    assert [item["item_key"] for item in made["items"]] == ["v-Scene-001", "v-Scene-002"]
    assert [len(item["said"]) for item in made["items"]] == [0, 1] and made["integrity"]
    assert made["items"][0]["text"] == ("Scene 1, 0:00 to 0:05: Run 0. Shot: close-up. Camera: It pans. Dog 0 runs."), (
        "one full stop after each part"
    )
    assert "Voice-over: " in made["items"][1]["text"] and "Fetch!" in made["joined"][0]["text"]


def test_a_scene_without_a_caption_ends_a_row_and_is_no_integrity() -> None:
    with script().open() as apply:
        made = apply(video(7, 3))
    assert made["integrity"] is False and made["items"][3]["text"] is None
    assert all("Scene 4," not in part["text"] for part in made["joined"])
    spans = [(part["start_s"], part["end_s"]) for part in made["joined"]]
    assert not any(start_s < 15.0 < end_s for start_s, end_s in spans)


@pytest.mark.parametrize(
    ("least", "most", "count", "sizes", "dropped"),
    [(2, 2, 3, [2], 1), (2, 3, 7, None, 0), (3, 4, 9, None, 0), (2, 20, 21, None, 0), (5, 9, 4, [], 4)],
)
def test_no_scene_is_lost_where_runs_can_hold_it(
    least: int, most: int, count: int, sizes: list[int] | None, dropped: int
) -> None:
    for name in "abcdefgh":
        with script(least=least, most=most).open() as apply:
            made = apply(video(count, name=name))
        counts = [part["items"] for part in made["joined"]]
        assert all(least <= n <= most for n in counts) and len(made["dropped"]) == dropped
        assert sum(counts) == count - dropped and (sizes is None or counts == sizes)
        assert made["dropped"] == [item["item_key"] for item in made["items"]][count - dropped :]


def test_a_missing_segment_ends_a_row_and_is_no_integrity() -> None:
    windows = video(8)["captioned"][0]["windows"]
    parts = [(0, windows[:2]), (2, windows[4:6]), (3, windows[6:])]
    captioned = [{"segment_index": k, "start_s": 10.0 * k, "end_s": 10.0 * k + 10, "windows": w} for k, w in parts]
    with script().open() as apply:
        made = apply({**video(8), "captioned": captioned})
        whole = apply({**video(4), "captioned": [{**captioned[0], "windows": windows[:2]}], "duration_s": 10.0})
    assert made["integrity"] is False and whole["integrity"] is True
    assert made["joined"][0]["end_s"] == 10.0 and made["joined"][1]["start_s"] == 20.0
    with script().open() as apply:
        assert apply({**video(8), "captioned": captioned[:2]})["integrity"] is False, "the end of the video is missing"


def test_items_that_are_texts_are_joined(tmp_path: Path) -> None:
    (tmp_path / "topic.j2").write_text("{# version: 1 #}\n{{ number }}: {{ item }}.", encoding="utf-8")
    join = Join(of="topics", template=str(tmp_path / "topic.j2"))
    (made,) = check_operator(join, [{"video_id": "v", "duration_s": 9.0, "topics": ["a", "b"]}], other={"most": 19})
    assert [(i["text"], i["fields"], i["end_s"]) for i in made["items"]] == [("1: a.", None, 9.0), ("2: b.", None, 9.0)]
    assert [part["text"] for part in made["joined"]] == ["1: a.\n2: b."] and made["integrity"]


def test_wrong_bounds_are_one_line_and_no_scene_is_a_failure() -> None:
    with pytest.raises(ValueError, match="least is 3 and most is 2"):
        script(least=3, most=2)
    with script().open() as apply, pytest.raises(ItemError, match="has no item to join"):
        apply(video(0))
