"""Captions of frames and windows, asked of an engine that is told what to answer."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pyarrow as pa
import pytest

from operators.analysis.facts import Facts, Light, Piece
from operators.caption.caption import Caption
from operators.core import rows
from operators.core.base import ItemError, Row
from operators.core.fingerprint import digest
from operators.prompts import load_prompt
from tests.operators.caption.segments import run, windows_of
from tests.support.engines import say, segment_seed
from tests.support.rows import decoded, image


@pytest.mark.parametrize(
    ("options", "index", "wanted"),
    [
        ({}, 0, range(12)),
        ({}, 1, range(11, 19)),
        ({"warm_up_windows": 0}, 1, range(12, 19)),
        ({"warm_up_windows": 2}, 1, range(10, 19)),
        ({"chain": "none"}, 1, range(12, 19)),
        ({"chain": "none", "warm_up_windows": 3}, 1, range(12, 19)),
    ],
)
def test_which_windows_are_asked_for(options: dict[str, Any], index: int, wanted: range) -> None:
    log = f"which-{options}-{index}"
    made, requests = run(log, decoded("v", index, warm_up=2), **options)
    assert windows_of(requests) == list(wanted)
    own = range(12) if index == 0 else range(12, 19)
    assert [w["window_index"] for w in made["windows"]] == list(own)  # what only warmed up is dropped
    assert [(w["start_s"], w["end_s"]) for w in made["windows"]] == [(5.0 * k, min(5.0 * k + 10, 100.0)) for k in own]
    warm = Caption(**options).warm_up()
    assert min(wanted) == max(0, own.start - warm)


def test_each_window_knows_the_caption_before_it_and_no_other() -> None:
    made, requests = run("chain", decoded("v", 1))
    windows = [r for r in requests if r.kind == "window"]
    assert "was described so" not in windows[0].prompt
    for before, after in itertools.pairwise(windows):
        assert after.prompt.splitlines()[-1] == say(before)
    for row, request in zip(made["windows"], windows[1:], strict=True):
        assert row["text"] == say(request)
        assert row["prompt_hash"] == digest(request.prompt)


def test_without_a_chain_no_window_knows_another() -> None:
    _, requests = run("free", decoded("v", 1), chain="none")
    assert all("was described so" not in r.prompt for r in requests)


def test_a_failed_window_does_not_reach_the_next_prompt() -> None:
    script = [{"kind": "window", "window": 14, "do": "loop"}]
    made, requests = run("gap", decoded("v", 1), script=script, tries=2)
    failed = made["windows"][2]
    assert (failed["window_index"], failed["valid"], failed["text"], failed["attempts"]) == (14, False, "", 2)
    assert failed["problem"] == "the answer repeats itself in a loop"
    assert [w["valid"] for w in made["windows"]].count(False) == 1
    windows = {round(r.start_s / 5): r for r in requests if r.kind == "window"}
    assert windows[15].prompt.splitlines()[-1] == say(windows[13])


def test_frames_are_those_of_the_segment_each_asked_for_its_own_cell() -> None:
    made, requests = run("frames", decoded("v", 1, warm_up=2))
    frames = [r for r in requests if r.kind == "frame"]
    assert [f.start_s for f in frames] == [float(t) for t in range(60, 100)]
    assert [f.end_s for f in frames] == [float(t) for t in range(61, 101)]
    assert all(len(f.images) == 1 and f.images[0].time_s == f.start_s for f in frames)
    assert {f.prompt for f in frames} == {load_prompt("frame").render(language="English").text}
    assert [(f["time_s"], f["pts_s"], f["text"]) for f in made["frames"]] == [
        (f.start_s, f.images[0].pts_s, say(f)) for f in frames
    ]


@pytest.mark.parametrize(("fps", "cell_s"), [(2.0, 0.5), (1.0, 1.0), (0.5, 2.0), (0.25, 4.0)])
def test_a_frames_cell_is_the_step_of_the_frames_grid(fps: float, cell_s: float) -> None:
    _, requests = run(f"fps-{fps}", decoded("v", 0, fps=fps))
    frames = [r for r in requests if r.kind == "frame"]
    assert len(frames) == 60 * fps
    assert {f.end_s - f.start_s for f in frames} == {cell_s}


def test_a_frame_before_a_hole_does_not_answer_for_the_hole() -> None:
    row = decoded("v", 0)
    row["images"] = [p for p in row["images"] if not 10 <= p["time_s"] < 40]
    _, requests = run("hole", row)
    assert next((r.start_s, r.end_s) for r in requests if r.kind == "frame" and r.start_s == 9.0) == (9.0, 10.0)


def test_a_segment_with_one_frame_has_one_frame_of_at_most_a_stride() -> None:
    row = decoded("v", 0)
    row["images"] = [image(58.0)]
    _, requests = run("single", row)
    assert [(r.start_s, r.end_s) for r in requests if r.kind == "frame"] == [(58.0, 60.0)]


def test_a_frame_that_stays_on_screen_is_captioned_once() -> None:
    row = decoded("v", 0)
    row["images"] = [image(float(t), pts_s=float(t - t % 20)) for t in range(65)]
    made, requests = run("still", row)
    assert [r.start_s for r in requests if r.kind == "frame"] == [0.0, 20.0, 40.0]
    assert [f["pts_s"] for f in made["frames"]] == [0.0, 20.0, 40.0]
    assert all(len(r.images) == 10 for r in requests if r.kind == "window")


def test_windows_get_their_frames_and_facts_and_no_others() -> None:
    cells = tuple(
        Piece(start_s=5.0 * k, end_s=5.0 * k + 5, light=Light(level="bright", mean=0.7, contrast=0.1))
        for k in range(11, 20)
    )
    facts = Facts(start_s=55.0, end_s=100.0, pieces=cells)
    made, requests = run("facts", decoded("v", 1, facts=facts.dump()))
    for request in requests:
        assert request.facts is not None
        assert (request.facts.start_s, request.facts.end_s) == (request.start_s, request.end_s)
        assert all(request.start_s <= p.time_s < request.end_s for p in request.images)
    assert [len(r.images) for r in requests if r.kind == "window"] == [10] * 8
    assert all("Measured in this stretch: " in r.prompt for r in requests if r.kind == "window")
    kept = Facts.parse(made["facts"])
    assert (kept.start_s, kept.end_s) == (60.0, 100.0)  # of its own span alone, so that segments can be joined
    assert next(w["pts_s"] for w in made["windows"]) == [float(t) for t in range(60, 70)]


def test_windows_without_frames_are_invalid_and_never_asked_for() -> None:
    row = decoded("v", 0)
    row["images"] = [p for p in row["images"] if not 20 <= p["time_s"] < 40]
    made, requests = run("blind", row)
    assert windows_of(requests) == [0, 1, 2, 3, *range(7, 12)]
    for window in made["windows"][4:7]:
        assert (window["valid"], window["text"], window["attempts"]) == (False, "", 0)
        assert (window["problem"], window["pts_s"]) == ("no frame of it decoded", [])
    assert {w["valid"] for w in made["windows"][:4]} == {True}


@pytest.mark.parametrize(
    ("script", "failure_class", "attempts"),
    [
        ([{"kind": "window", "do": "engine"}], "engine", 3),
        ([{"kind": "window", "do": "truncate"}], "gate", 3),
        ([{"do": "internal"}], "internal", 3),
        ([{"kind": "window", "do": "raise"}], "internal", 3),
    ],
)
def test_a_segment_of_which_no_window_could_be_captioned_fails(
    script: list[dict[str, Any]], failure_class: str, attempts: int
) -> None:
    with pytest.raises(ItemError, match="no window of the segment could be captioned: ") as error:
        run("none", decoded("v", 1), script=script)
    assert (error.value.failure_class, error.value.attempts) == (failure_class, attempts)


@pytest.mark.parametrize("images", [[], None])
def test_a_segment_without_frames_fails_as_undecodable(images: list[Row] | None) -> None:
    with pytest.raises(ItemError, match="no frame of it decoded") as error:
        run("nothing", decoded("v", 1, images=images))
    assert error.value.failure_class == "undecodable"


def test_failed_frames_do_not_fail_the_segment() -> None:
    made, _ = run("frames fail", decoded("v", 0), script=[{"kind": "frame", "do": "engine"}], tries=1)
    assert not any(f["valid"] for f in made["frames"])
    assert {f["problem"] for f in made["frames"]} == {"the script says so"}
    assert all(w["valid"] for w in made["windows"])


def test_attempts_are_counted() -> None:
    script = [{"kind": "window", "window": 13, "do": "empty", "times": 1}]
    made, _ = run("again", decoded("v", 1), script=script)
    assert [w["attempts"] for w in made["windows"]] == [1, 2, 1, 1, 1, 1, 1]


def test_the_provenance_says_by_what_and_how() -> None:
    made, requests = run("provenance", decoded("v", 1), tries=2)
    about = made["provenance"]
    assert (about["engine"], about["model"], about["revision"]) == ("Scripted", "scripted", "1")
    prompts = {name: load_prompt(name) for name in ("frame", "window")}
    assert json.loads(about["prompts"]) == {n: {"version": p.version, "hash": p.hash} for n, p in prompts.items()}
    assert json.loads(about["sampling"]) == {"seed": segment_seed("v", 1), "tries": 2}
    assert min(r.seed for r in requests) == segment_seed("v", 1)


def test_equal_input_gives_equal_captions_whatever_answers_first() -> None:
    row, options = decoded("v", 1), {"chain": "segment"}
    script = [{"start_s": t, "do": "sleep", "sleep_s": 0.02} for t in (61.0, 65.0, 70.0)]
    first, _ = run("one", row, **options)
    second, _ = run("two", row, script=script, threads=6, **options)
    assert first["frames"] == second["frames"]
    assert first["windows"] == second["windows"]
    other, _ = run("three", decoded("w", 1), **options)
    assert other["windows"][0]["text"] != first["windows"][0]["text"]  # another video draws other numbers


def test_the_row_keeps_what_it_had_and_fits_its_schema() -> None:
    row = decoded("v", 0)
    made, _ = run("schema", row)
    assert set(made) == set(row) | Caption.writes
    kept = {n: made.get(n) for n in rows.CAPTIONED_SEGMENT.names}
    assert pa.Table.from_pylist([kept], schema=rows.CAPTIONED_SEGMENT).to_pylist() == [kept]


def test_the_language_reaches_every_prompt() -> None:
    _, requests = run("french", decoded("v", 0), language="French")
    assert all("in French" in r.prompt for r in requests)
