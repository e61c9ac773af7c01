"""Annotations: append-only rows, undo by a further row, what stands, and that the output stays sound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from operators.core.base import Row
from operators.store.store import Store
from pipeline.output.annotations import OPENING, Annotations, corrected, standing, verdict_of
from pipeline.output.output import Output
from pipeline.output.verification import tidy, verify
from pipeline.terminal.errors import UsageError
from tests.support import rows
from tests.support.outputs import commit_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(str(tmp_path / "out"))
    commit_run(found, [rows.video("a"), rows.video("b")])
    for table in found.tables:
        table.tidy()
    found.write_file("longcap.json", b'{"longcap": "output", "contract": 1}\n')
    return found


def caption_of(store: Store, video_id: str = "a") -> Row:
    found: Row = store.dataset.lookup("video_id", video_id).to_pylist()[0]
    return found


def kinds(said: list[Row]) -> list[str]:
    return [row["kind"] for row in said]


def test_an_output_that_nobody_annotated_has_no_table(store: Store) -> None:
    said = Annotations(store)
    assert said.history("a") == [] and said.version() is None and not store.annotations.exists()


def test_acts_are_kept_and_the_newest_verdict_stands(store: Store) -> None:
    caption, said = caption_of(store), Annotations(store)
    said.add(caption, "accept", author="ann")
    said.add(caption, "reject", author="bob", note="wrong car")
    again = Annotations(Store(store.uri))  # another process reads the same
    assert kinds(again.history("a")) == ["accept", "reject"]
    stands = again.standing("a", caption["content_hash"])
    assert [(r["kind"], r["author"], r["note"]) for r in stands] == [("reject", "bob", "wrong car")]
    assert verdict_of(stands) == "reject"
    assert again.history("b") == []


def test_an_undo_is_a_further_row_and_can_be_undone(store: Store) -> None:
    caption, said = caption_of(store), Annotations(store)
    first = said.add(caption, "accept", author="ann")
    second = said.add(caption, "reject", author="ann")
    undo = said.undo(caption, second["annotation_id"], author="ann")
    assert verdict_of(said.standing("a", caption["content_hash"])) == "accept"
    with pytest.raises(UsageError, match="already undone"):
        said.undo(caption, second["annotation_id"], author="ann")
    said.undo(caption, undo["annotation_id"], author="ann")
    assert verdict_of(said.standing("a", caption["content_hash"])) == "reject"
    said.undo(caption, first["annotation_id"], author="ann")
    assert kinds(said.history("a")) == ["accept", "reject", "undo", "undo", "undo"]
    with pytest.raises(UsageError, match="no annotation nowhere"):
        said.undo(caption, "nowhere", author="ann")


def test_corrections_make_another_long_caption(store: Store) -> None:
    caption = caption_of(store)
    section = {
        **rows.section(text="One car. Two dogs. One car."),
        "sentences": [{"text": t, "windows": [0]} for t in ("One car.", "Two dogs.", "One car.")],
    }
    caption = {**caption, "caption": f"A video.\n\n{section['text']}", "sections": [section]}
    said = Annotations(store)
    said.add(caption, "text", author="ann", section_index=0, sentence_index=2, text="A red car.")
    said.add(caption, "text", author="ann", section_index=OPENING, text="A street.")
    said.add(caption, "times", author="ann", section_index=0, sentence_index=1, start_s=2.0, end_s=4.5)
    stands = said.standing("a", caption["content_hash"])
    new = corrected(caption, stands)
    assert new["caption"] == "A street.\n\nOne car. Two dogs. A red car."
    assert new["words"] == 9
    assert [s["text"] for s in new["sections"][0]["sentences"]] == ["One car.", "Two dogs.", "A red car."]
    assert (new["sections"][0]["sentences"][1]["start_s"], new["sections"][0]["sentences"][1]["end_s"]) == (2.0, 4.5)
    assert caption["sections"][0]["sentences"][2]["text"] == "One car.", "the row itself is not changed"
    said.add(caption, "text", author="ann", section_index=0, text="All of it anew.")
    whole = corrected(caption, said.standing("a", caption["content_hash"]))
    assert whole["caption"] == "A street.\n\nAll of it anew."
    assert corrected(caption, []) is caption


def test_what_was_said_of_an_earlier_caption_does_not_apply(store: Store) -> None:
    caption, said = caption_of(store), Annotations(store)
    said.add(caption, "reject", author="ann")
    assert said.standing("a", "another") == []
    assert kinds(standing(said.history("a"), caption["content_hash"])) == ["reject"]


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("praise", {}, "kind is 'praise'"),
        ("text", {"text": "x"}, "needs section_index"),
        ("text", {"section_index": 0}, "text is allowed only with"),
        ("text", {"section_index": 0, "text": "x" * 100_001}, "at most 100000"),
        ("text", {"section_index": 0, "text": 5}, "text must be a text"),
        ("accept", {"section_index": 7}, "no section 7"),
        ("accept", {"section_index": 0, "sentence_index": 9}, "no sentence 9"),
        ("accept", {"section_index": "0"}, "whole numbers"),
        ("accept", {"text": "x"}, "text is allowed only with"),
        ("accept", {"start_s": 1.0}, "start_s and end_s"),
        ("times", {"section_index": 0, "start_s": 5.0, "end_s": 5.0}, "0 <= start < end <= 100.0"),
        ("times", {"section_index": 0, "start_s": 5.0, "end_s": 900.0}, "0 <= start < end <= 100.0"),
        ("times", {"start_s": 1.0, "end_s": 2.0}, "section or of a sentence"),
        ("note", {"note": "  "}, "must not be empty"),
    ],
)
def test_what_does_not_fit_is_refused(store: Store, kind: Any, values: Row, told: str) -> None:
    said = Annotations(store)
    with pytest.raises(UsageError, match=told):
        said.add(caption_of(store), kind, author="ann", **values)
    assert not store.annotations.exists(), "nothing was written"


def test_two_at_once_lose_nothing(store: Store) -> None:
    sessions = [Annotations(store) for _ in range(3)]
    caption = caption_of(store)

    def act(k: int) -> None:
        for n in range(3):
            sessions[k].add(caption, "note", author=f"p{k}", note=f"{k}.{n}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(act, range(3)))
    notes = sorted(row["note"] for row in Annotations(store).history("a"))
    assert notes == [f"{k}.{n}" for k in range(3) for n in range(3)]


def test_the_output_stays_sound_and_tidying_keeps_them(store: Store) -> None:
    said = Annotations(store)
    for kind in ("accept", "reject", "accept"):
        said.add(caption_of(store), kind, author="ann")  # type: ignore[arg-type]
    found = verify(Output(store.uri))
    assert found.ok, found.findings
    tidy(Output(store.uri))
    assert verify(Output(store.uri)).ok
    assert kinds(Annotations(store).history("a")) == ["accept", "reject", "accept"]
    folder = Path(store.uri, "annotations")
    assert len(list(folder.glob("*.parquet"))) == 1, "small files were joined, and nothing else is left"
    assert not list(Path(store.uri, "runs", "open").glob("*.json"))


def test_a_file_that_a_crash_left_is_known_to_be_ours(store: Store) -> None:
    said = Annotations(store)
    said.add(caption_of(store), "accept", author="ann")
    folder = Path(store.uri, "annotations")
    store.open_for(said.session)  # as when it died before it could commit
    copy = next(folder.glob("*.parquet"))
    left = folder / f"part-00000-{'0' * 8}-0000-0000-0000-{'0' * 12}-c000.zstd.parquet"
    left.write_bytes(copy.read_bytes())
    assert [(f.kind, Path(f.what).name) for f in verify(Output(store.uri)).findings] == [("stray", left.name)]
    tidy(Output(store.uri))
    assert not left.exists() and verify(Output(store.uri)).ok


def test_it_works_on_s3(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store = Store(f"{s3_server.uri}/annotated")
    commit_run(store, [rows.video("a")])
    said = Annotations(store)
    row = said.add(caption_of(store), "accept", author="ann")
    said.undo(caption_of(store), row["annotation_id"], author="ann")
    assert kinds(Annotations(Store(store.uri)).history("a")) == ["accept", "undo"]
