"""Exports of further tables of an output: questions, preference pairs, vectors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline as longcap
from pipeline.export.export import Settings, check, export
from pipeline.export.times import on_clip
from pipeline.output.annotations import Annotations
from pipeline.terminal.errors import UsageError
from tests.pipeline.export.formats.test_conversations import broken
from tests.pipeline.export.test_export import Exported, rows

FOREST: dict[str, Any] = {"where": "video_id = 'forest'"}


@pytest.mark.parametrize(
    ("to", "turns"), [("sharegpt", "messages"), ("llava", "conversations"), ("messages", "messages")]
)
def test_questions_of_a_table_become_conversations(to: str, turns: str, exported: Exported) -> None:
    report, folder = exported(to, table="asked", **FOREST)
    found = rows(folder / "train.jsonl")
    text = [json.dumps(r[turns]) for r in found]
    assert report.ok and len(found) == 2 and [r["id"] for r in found] == ["forest-q0000", "forest-q0001"]
    assert "Which [video] starts at 10 s?" in text[1] and "The one at 10 s." in text[1]


def test_a_table_that_is_not_there_is_one_line(exported: Exported) -> None:
    with pytest.raises(UsageError, match=r"has no table 'askd' of videos; did you mean asked\?"):
        exported("sharegpt", table="askd")
    with pytest.raises(UsageError, match=r"--unit section is not possible with table asked: .* use --unit video"):
        exported("sharegpt", table="asked", unit="section")
    report, _ = exported("sharegpt", "b", table="asked", question="wrong", **FOREST)
    assert not report.ok and "has no wrong and answer in row 0" in report.left_out[0].why


@pytest.mark.parametrize("target", ["llamafactory", "swift", "llava"])
def test_preference_pairs_have_a_gap(target: str, exported: Exported) -> None:
    scored = {"chosen_score": "good", "rejected_score": "bad", "min_gap": 0.5}
    report, folder = exported("dpo", target=target, table="asked", **scored, **FOREST)
    (row,) = rows(folder / "train.jsonl")
    assert report.ok and row["score_gap"] == pytest.approx(0.8) and row["id"] == "forest-p0001"
    text = json.dumps(row)
    assert "It starts at 10 s." in text and "It starts never." in text
    if target == "llamafactory":
        assert json.loads((folder / "dataset_info.json").read_text())["longcap"]["ranking"] is True
        assert len(row["messages"]) == 1


@pytest.mark.parametrize(
    ("target", "change", "why"),
    [
        ("llamafactory", lambda r: r.update(rejected=r["chosen"]), "are equal"),
        ("llamafactory", lambda r: r["messages"].append(r["chosen"]), "with an even number"),
        ("llamafactory", lambda r: r.update(chosen="text"), "no chosen and rejected text"),
        ("swift", lambda r: r.pop("rejected_response"), "no chosen and rejected text"),
        ("swift", lambda r: r.update(rejected_response=r["messages"][-1]["content"]), "are equal"),
        ("swift", lambda r: r["messages"].pop(), "with an odd number"),
        ("llava", lambda r: r.update(prompt=""), "it has no prompt"),
    ],
)
def test_preference_traps(
    target: str, change: Callable[[dict[str, Any]], object], why: str, exported: Exported
) -> None:
    _, folder = exported("dpo", target=target, table="asked", **FOREST)
    assert any(why in said for said in broken(folder, "train.jsonl", change))


def test_a_table_of_pairs_must_be_marked_as_ranking(exported: Exported) -> None:
    _, folder = exported("dpo", table="asked", **FOREST)
    info = json.loads((folder / "dataset_info.json").read_text())
    del info["longcap"]["ranking"], info["longcap"]["columns"]["rejected"]
    (folder / "dataset_info.json").write_text(json.dumps(info))
    said = " ".join(str(p) for p in check(str(folder)))
    assert "ranking is not true" in said and "columns does not list rejected" in said


def test_what_people_corrected_is_preferred_to_what_the_model_said(out: str, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    output = longcap.open(str(tmp_path / "out"))
    row = next(r for r in output.to_arrow().to_pylist() if r["video_id"] == "harbour")
    Annotations(output.store).add(row, "text", section_index=1, text="A ferry leaves.", author="a")
    report = export(output.uri, "dpo", str(tmp_path / "dpo"), settings=Settings(unit="section"))
    (pair,) = rows(tmp_path / "dpo" / "train.jsonl")
    assert report.ok and pair["chosen"]["content"] == "A ferry leaves."
    assert pair["rejected"]["content"] == row["sections"][1]["text"] and "0:13" in pair["rejected"]["content"]
    clips = Settings(unit="section", spans="cut")
    assert export(output.uri, "dpo", str(tmp_path / "clips"), settings=clips).ok
    (pair,) = rows(tmp_path / "clips" / "train.jsonl")
    assert pair["rejected"]["content"] == on_clip(row["sections"][1]["text"], 10.0, 20.0), "both count from the clip"


def test_vectors_of_segments_are_in_order(exported: Exported, out: str) -> None:
    report, folder = exported("embeddings", table="asked")
    found = {r["id"]: r for r in rows(folder / "train.jsonl")}
    array = np.load(folder / found["forest"]["embeddings"])
    assert report.ok and array.dtype == np.float32 and array.tolist() == [[0.0, 1.0, 2.0], [10.0, 1.0, 2.0]]
    assert [t[0] for t in found["forest"]["times_s"]] == [0.0, 10.0]
    np.save(folder / found["forest"]["embeddings"], array[:1])
    assert "the row says float32 of [2, 3]" in str(check(str(folder))[0])
    report, _ = exported("embeddings", "b", table="asked", column="question", max_left_out=1.0)
    assert report.left_out_count == 4 and "must be vectors of the same length" in report.left_out[0].why
