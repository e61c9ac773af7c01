"""Generated tables of another output, made from the captions: as records, masks, dialogues and packed sequences."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.export import lengths
from pipeline.export.export import Report, Settings, check, export
from pipeline.output.annotations import Annotations
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.pipeline.export.test_export import rows

Made = Callable[..., tuple[Report, Path]]


def config_over(out: str) -> longcap.Config:
    return longcap.load_config("training", [f"inputs.done={out}", "run.flush_s=0"])


@pytest.fixture(scope="module")
def training(out: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the recipe `training` makes of the captions."""
    found = str(tmp_path_factory.mktemp("training") / "out")
    assert longcap.run([], found, config_over(out), quiet=True).ok
    return found


@pytest.fixture
def made(out: str, training: str, tmp_path: Path) -> Made:
    def do(to: str, name: str = "export", where: str | None = None, split: str | None = None, **options: Any) -> Any:
        settings = Settings(where=where, split=split, tables=training)
        return export(out, to, str(tmp_path / name), options=options, settings=settings), tmp_path / name

    return do


def test_the_recipe_makes_tables_that_are_sound(out: str, training: str) -> None:
    output = longcap.open(training)
    assert verify(output).findings == []
    items = {name: output.table(name).to_pylist() for name in output.store.derived}
    assert set(items) == {"questions", "dialogues", "subcaptions", "chapters", "highlights", "documents"}
    captions = {r["video_id"]: r for r in longcap.open(out).to_arrow().to_pylist()}
    for row in items["subcaptions"]:
        assert row["items"] and all(i["text"] in captions[row["video_id"]]["caption"] for i in row["items"])
    again = longcap.run([], training, config_over(out), quiet=True)
    assert {t["left"] for t in again.report.tables.values()} == {0}


def test_records_are_the_items_of_a_table(training: str, made: Made) -> None:
    report, folder = made("records", table="subcaptions", split="train=0.5,test=0.5")
    found = [*rows(folder / "train.jsonl"), *rows(folder / "test.jsonl")]
    stored = longcap.open(training).table("subcaptions").to_pylist()
    assert report.ok and len(found) == sum(len(r["items"]) for r in stored) == sum(report.rows.values())
    assert {r["text"] for r in found} == {i["text"] for r in stored for i in r["items"]}
    assert len({r["id"] for r in found}) == len(found) and "content_hash" not in found[0]
    split = {r["video_id"]: r["split"] for r in found}
    assert split["harbour"] == split["again & again"], "what shows the same is in one split"
    assert [r["id"] for r in rows(folder / "train.jsonl")]


def test_questions_become_conversations(made: Made) -> None:
    report, folder = made("sharegpt", table="questions", question="prompt", reply="letter", cutoff_len=100_000)
    found = rows(folder / "train.jsonl")
    assert report.ok and found
    asked = [r for r in found if "\nA. " in r["messages"][0]["content"]]
    assert asked and {r["messages"][1]["content"] for r in asked} <= set("ABCD")


def test_masks_are_videoxum(made: Made) -> None:
    report, folder = made("videoxum")
    found = json.loads((folder / "train.json").read_text())
    assert report.ok and len(found) == 4
    harbour = next(r for r in found if r["video_id"] == "harbour")
    assert harbour["sampled_frames"] == 40 and sum(harbour["vsum_onehot"][0]) == 6
    assert len(harbour["tsum"]) == len(harbour["vsum"]) == len(harbour["timestamps"])


def test_dialogues_are_distime(made: Made) -> None:
    report, folder = made("distime")
    assert report.ok
    for row in rows(folder / "train.jsonl"):
        said = json.dumps(row["conversations"])
        assert said.count("<TIME_STAMP>") * 2 == len(row["tgt"]) and said.count("<video>") == 1
        assert len(row["scores"]) * 2 == len(row["tgt"])


@pytest.mark.parametrize("most", [200, 600, 100_000])
def test_packs_keep_their_budget_and_cut_nothing(most: int, training: str, made: Made) -> None:
    report, folder = made("packed", table="questions", max_tokens=most)
    found = rows(folder / "train.jsonl")
    assert report.problems == [] and report.rows["train"] == len(found)
    samples = [key for row in found for key in row["samples"]]
    assert len(samples) == len(set(samples))
    stored = [i for r in longcap.open(training).table("questions").to_pylist() for i in r["items"]]
    plain = {(" ".join(i["question"].split()), " ".join(i["answer"].split())) for i in stored}
    count = 0
    for row in found:
        names = row["fields"].split(",")
        assert sum(lengths.estimate(row[n.strip("[]")]) for n in names) <= most
        for name in names:
            if name.startswith("[q"):
                k = name[2:-1]
                assert (" ".join(row[f"q{k}"].split()), " ".join(row[f"a{k}"].split())) in plain, "nothing is cut"
                count += 1
    assert count == len(stored) or most < 1000


@pytest.mark.parametrize(
    ("to", "file", "change", "why"),
    [
        ("videoxum", "train.json", lambda r: r["vsum_onehot"][0].pop(), "sampled_frames values"),
        ("videoxum", "train.json", lambda r: r.update(vsum_onehot=[[0] * r["sampled_frames"]]), "chooses no frame"),
        ("videoxum", "train.json", lambda r: r["tsum"].pop(), "not lists of equal length"),
        ("videoxum", "train.json", lambda r: r["timestamps"][0].reverse(), "it starts at"),
        ("distime", "train.jsonl", lambda r: r["tgt"].pop(), "a flat list"),
        ("distime", "train.jsonl", lambda r: r["tgt"].extend([1, 2]), "<TIME_STAMP>, and tgt has"),
        ("distime", "train.jsonl", lambda r: r["conversations"].pop(), "turns"),
        ("packed", "train.jsonl", lambda r: r.pop("d0"), "field d0 has no text"),
        ("packed", "train.jsonl", lambda r: r.update(fields="[d0]"), "nothing in it is trained on"),
        ("packed", "train.jsonl", lambda r: r.update(fields="d0"), "trained on as an answer"),
        ("packed", "train.jsonl", lambda r: r.update(d0=r["d0"] * 900), "LWM truncates"),
        ("records", "train.jsonl", lambda r: r.update(end_s=1e6), "after the video"),
    ],
)
def test_traps(to: str, file: str, change: Callable[[dict[str, Any]], object], why: str, made: Made) -> None:
    _, folder = made(to, where="video_id = 'harbour'", **({"table": "subcaptions"} if to == "records" else {}))
    path = folder / file
    found = json.loads(path.read_text()) if file.endswith(".json") else rows(path)
    change(found[0])
    path.write_text(json.dumps(found) if file.endswith(".json") else "".join(json.dumps(r) + "\n" for r in found))
    assert any(why in p.why for p in check(str(folder)))


def test_what_people_rejected_or_corrected_is_told_by_no_row(out: str, training: str, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    output = longcap.open(str(tmp_path / "out"))
    row = next(r for r in output.to_arrow().to_pylist() if r["video_id"] == "harbour")
    was = row["sections"][1]["text"]
    Annotations(output.store).add(row, "text", section_index=1, text="A ferry leaves.", author="a")
    settings = Settings(tables=training, where="video_id = 'harbour'")
    report = export(output.uri, "records", str(tmp_path / "r"), options={"table": "chapters"}, settings=settings)
    texts = [r["text"] for r in rows(tmp_path / "r" / "train.jsonl")]
    assert report.ok and 0 < len(texts) < len(row["sections"]) and not any(was in text for text in texts)


def test_what_is_not_there_is_one_line(out: str, training: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no table 'chapters' of videos.*--tables"):
        export(out, "records", str(tmp_path / "a"), options={"table": "chapters"})
    with pytest.raises(UsageError, match="there is no output"):
        export(out, "videoxum", str(tmp_path / "c"), settings=Settings(tables=str(tmp_path / "none")))
