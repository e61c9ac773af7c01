"""The work around the writers: selection, splits, annotations, resume, growth, and places that are not taken."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.cli.main import main
from pipeline.export.export import Report, Settings, check, export
from pipeline.export.folder import Folder
from pipeline.export.plan import own_files
from pipeline.output.annotations import OPENING, Annotations
from pipeline.terminal.errors import UsageError
from tests.support.command import ROOT

SHORT = "duration_s < 30"
Exported = Callable[..., tuple[Report, Path]]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ids(folder: Path) -> dict[str, set[str]]:
    return {p.stem: {r["video_id"] for r in rows(p)} for p in folder.glob("*.jsonl")}


def contents(folder: Path) -> dict[str, bytes]:
    files = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(".longcap/runs/")}


def test_a_condition_may_use_any_column_and_the_users_own(exported: Exported) -> None:
    report, folder = exported("jsonl", where="metadata.license == 'cc0' and duration_s > 20")
    assert report.ok and report.not_selected == {"where": 3}
    assert ids(folder) == {"train": {"forest"}}
    with pytest.raises(UsageError, match=r"no video of .* is selected for the export \(where: 4\)"):
        exported("jsonl", "none", where="duration_s > 1e6")


def test_splits_do_not_part_what_shows_the_same(exported: Exported) -> None:
    for seed in range(4):
        report, folder = exported("jsonl", f"s{seed}", split="train=0.5,test=0.5", seed=seed)
        found = ids(folder)
        assert report.ok and sorted(map(len, found.values())) == [2, 2]
        assert {"harbour", "again & again"} in found.values(), "one shows what the other shows"
    _, folder = exported("jsonl", "group", split="train=0.5,test=0.5", group="metadata.license")
    assert {frozenset(v) for v in ids(folder).values()} == {
        frozenset({"harbour", "again & again"}),
        frozenset({"forest", "late"}),
    }


def test_annotations_are_applied(out: str, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    output = longcap.open(str(tmp_path / "out"))
    said = Annotations(output.store)
    row = {r["video_id"]: r for r in output.to_arrow().to_pylist()}
    said.add(row["late"], "reject", author="a")
    rejected = said.add(row["forest"], "reject", author="a")
    said.undo(row["forest"], rejected["annotation_id"], author="b")
    said.add(row["forest"], "accept", author="b")
    said.add(row["harbour"], "text", section_index=0, text="A ferry leaves the pier.", author="a")
    said.add(row["harbour"], "times", section_index=1, start_s=11.0, end_s=19.5, author="a")
    said.add(row["harbour"], "reject", section_index=2, author="a")
    said.add(row["harbour"], "text", section_index=OPENING, text="A day at the harbour.", author="a")

    def exported(name: str, **settings: Any) -> tuple[Report, dict[str, Any]]:
        report = export(output.uri, "jsonl", str(tmp_path / name), settings=Settings(**settings))
        return report, {r["id"]: r for r in rows(tmp_path / name / "train.jsonl")}

    report, found = exported("apply")
    assert report.ok and report.not_selected == {"rejected": 1} and "late" not in found
    harbour = found["harbour"]
    assert harbour["caption"].startswith("A day at the harbour.\n\nA ferry leaves the pier.\n\n")
    segments = [(s["start_s"], s["end_s"]) for s in harbour["segments"]]
    made = [(s["start_s"], s["end_s"]) for s in row["harbour"]["sections"]]
    assert segments == [made[0], (11.0, 19.5), *made[3:]], "the third was rejected"
    assert row["harbour"]["sections"][2]["text"] not in harbour["caption"]
    report, found = exported("accepted", annotations="accepted")
    assert set(found) == {"forest"} and report.not_selected == {"rejected": 1, "not accepted": 2}
    report, found = exported("ignore", annotations="ignore")
    assert len(found) == 4 and found["harbour"]["caption"] == row["harbour"]["caption"]
    # a further act reaches an export that is there already, and touches only the shard of its video
    said.add(row["forest"], "text", section_index=OPENING, text="Trees.", author="a")
    report, found = exported("apply")
    assert (report.written, report.kept) == (1, 0) and found["forest"]["caption"].startswith("Trees.")


def test_a_second_call_does_only_what_is_new(out: str, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    output = longcap.open(str(tmp_path / "out"))
    harbour = next(r for r in output.to_arrow().to_pylist() if r["video_id"] == "harbour")
    said = Annotations(output.store)
    without = said.add(harbour, "reject", author="a")  # for the export, the dataset has three videos

    def run() -> Report:
        settings = Settings(shard=1, unit="section", spans="cut", split="train=0.5,test=0.5")
        return export(output.uri, "sharegpt", str(tmp_path / "sft"), settings=settings)

    first = run()
    assert first.ok and (first.written, first.kept) == (3, 0)
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "sft" / "videos").iterdir()}
    before = contents(tmp_path / "sft")
    again = run()
    assert (again.written, again.kept) == (0, 3) and contents(tmp_path / "sft") == before
    said.undo(harbour, without["annotation_id"], author="a")
    grown = run()
    assert grown.ok and (grown.written, grown.kept) == (1, 3)
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps, "no clip is cut twice"
    assert len(list((tmp_path / "sft" / "videos").iterdir())) > len(stamps)
    names = ("train.jsonl", "test.jsonl")
    lines = {line for name in names for line in (tmp_path / "sft" / name).read_bytes().split(b"\n")}
    assert {line for name in names for line in before[name].split(b"\n")} < lines
    split = {r["id"].rsplit("-s", 1)[0]: name for name in names for r in rows(tmp_path / "sft" / name)}
    assert split["harbour"] == next(s for k, s in split.items() if k.startswith("v-")), "it joins what it shows"


def test_a_killed_export_goes_on_and_ends_as_if_nothing_had_been(out: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "longcap", "export", out, "--to", "stem-txt", "--unit", "section"]
    command += ["--where", SHORT, "--shard-videos", "1", "-o"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([*command, str(killed)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list((killed / ".longcap" / "shards").glob("*.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "result").exists()
    report = export(out, "stem-txt", str(killed), settings=Settings(unit="section", shard=1, where=SHORT))
    assert report.ok and report.kept >= 1
    assert export(out, "stem-txt", str(whole), settings=Settings(unit="section", shard=1, where=SHORT)).ok
    assert contents(killed) == contents(whole)


def test_a_folder_of_somebody_else_and_other_settings_are_refused(exported: Exported, out: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty and not an export: it contains notes\.txt"):
        exported("jsonl", "mine")
    with pytest.raises(UsageError, match="cannot be written to"):
        export(out, "jsonl", f"{out}/export")
    _, folder = exported("stem-txt", "a", unit="section", where="video_id == 'forest'")
    with pytest.raises(UsageError, match=r"other settings \(where\)"):
        exported("stem-txt", "a", unit="section", where="video_id == 'harbour'")
    (folder / "train" / "mine.md").write_text("mine")
    settings = Settings(unit="section", where="video_id == 'harbour'")
    assert export(out, "stem-txt", str(folder), settings=settings, replace=True).ok
    videos = [p.name for p in (folder / "train").iterdir()]
    assert not [v for v in videos if v.startswith("forest")] and "mine.md" in videos


def test_a_video_that_leaves_the_selection_takes_its_files_with_it(out: str, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    output = longcap.open(str(tmp_path / "out"))

    def run() -> Report:
        return export(output.uri, "stem-txt", str(tmp_path / "x"), settings=Settings(unit="video", max_left_out=1.0))

    assert run().ok and len(list((tmp_path / "x" / "train").iterdir())) == 8
    row = next(r for r in output.to_arrow().to_pylist() if r["video_id"] == "forest")
    Annotations(output.store).add(row, "reject", author="a")
    report = run()
    assert report.ok and sorted(p.stem for p in (tmp_path / "x" / "train").glob("forest*")) == []
    assert len(list((tmp_path / "x" / "train").iterdir())) == 6
    assert set(own_files(Folder(str(tmp_path / "x")))) >= {"train/harbour.mp4", "train/harbour.txt"}


def test_to_object_storage(out: str, s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    folder = f"{s3_server.uri}/exports/sft"
    settings = Settings(unit="section", spans="cut", where="video_id == 'forest'")
    report = export(out, "sharegpt", folder, settings=settings)
    assert report.ok and report.rows == {"train": 2}
    place = Folder(folder)
    (first, _) = [json.loads(line) for line in place.lines("train.jsonl")]
    assert place.size(first["videos"][0]) and check(folder) == []
    assert export(out, "sharegpt", folder, settings=settings).written == 0
    place.remove([first["videos"][0]])
    assert "there is no file" in str(check(folder)[0])


def test_the_command_line(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "sft")
    assert main(["export", out, "--to", "sharegpt", "-o", folder, "--set", "cutoff_len=10"]) == 0
    said = capsys.readouterr().out
    assert "4 rows (100%) exceed the target's 10 tokens" in said and "LLaMA-Factory: dataset_dir" in said
    assert main(["check-export", folder]) == 0 and "no problems, 4 rows" in capsys.readouterr().out
    data = Path(folder, "train.jsonl")
    data.write_text(data.read_text().replace("<video>", "", 1))
    assert main(["check-export", folder]) == 1
    assert "train.jsonl:1: it has 0 <video> tags and 1 videos" in capsys.readouterr().out
    assert main(["export", out, "--to", "youtube", "-o", str(tmp_path / "y")]) == 1
    assert "YouTube needs 3" in capsys.readouterr().out
    assert main(["export", out, "--to", "sharegtp", "-o", folder]) == 2
    assert "did you mean sharegpt?" in capsys.readouterr().err
    assert main(["export", out, "--to", "activitynet", "--unit", "window", "-o", folder]) == 2
    assert "--unit window is not possible with activitynet; allowed are video" in capsys.readouterr().err
    assert main(["formats"]) == 0 and "webdataset" in capsys.readouterr().out
    assert main(["formats", "llava"]) == 0 and "--set target=llava" in capsys.readouterr().out
    assert main(["export", out, "--to", "jsonl", "-o", str(tmp_path / "j"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == {"train": 4}
