from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from operators.analysis.facts import Facts, Light, Line, Piece
from operators.caption.caption import Caption
from operators.caption.structure import parse_window, window_schema
from operators.core import rows
from operators.core.base import ItemError, Row
from operators.core.fingerprint import digest
from operators.engines.base import PromptTooLong, Request, RunningEngine
from operators.prompts import load_prompt
from operators.video.pictures import to_jpeg
from tests.support.engines import Model, Scripted, asked, say, segment_seed
from tests.support.rows import decoded, picture

# a video of 100 s in segments of 60 and 40 s: windows 0 to 11 start in the first, 12 to 18 in the second


def apply(caption: Caption, row: Row) -> Row:
    with caption.open() as work:
        return work(row)


def run(log: str, row: Row, *, script: list[dict[str, Any]] | None = None, **options: Any) -> tuple[Row, list[Request]]:
    engine = Scripted(script=json.dumps(script or []), log=log, threads=options.pop("threads", 0))
    made = apply(Caption(engine=engine, **options), row)
    return made, asked(log)


def windows_of(requests: list[Request]) -> list[int]:
    return [round(r.start_s / 5.0) for r in requests if r.kind == "window"]


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
    assert all(len(f.pictures) == 1 and f.pictures[0].time_s == f.start_s for f in frames)
    assert {f.prompt for f in frames} == {load_prompt("frame").render(language="English").text}
    assert [(f["time_s"], f["pts_s"], f["text"]) for f in made["frames"]] == [
        (f.start_s, f.pictures[0].pts_s, say(f)) for f in frames
    ]


@pytest.mark.parametrize(("fps", "cell_s"), [(2.0, 0.5), (1.0, 1.0), (0.5, 2.0), (0.25, 4.0)])
def test_a_frames_cell_is_the_step_of_the_pictures_grid(fps: float, cell_s: float) -> None:
    _, requests = run(f"fps-{fps}", decoded("v", 0, fps=fps))
    frames = [r for r in requests if r.kind == "frame"]
    assert len(frames) == 60 * fps
    assert {f.end_s - f.start_s for f in frames} == {cell_s}


def test_a_frame_before_a_hole_does_not_answer_for_the_hole() -> None:
    row = decoded("v", 0)
    row["pictures"] = [p for p in row["pictures"] if not 10 <= p["time_s"] < 40]
    _, requests = run("hole", row)
    assert next((r.start_s, r.end_s) for r in requests if r.kind == "frame" and r.start_s == 9.0) == (9.0, 10.0)


def test_a_segment_with_one_picture_has_one_frame_of_at_most_a_stride() -> None:
    row = decoded("v", 0)
    row["pictures"] = [picture(58.0)]
    _, requests = run("single", row)
    assert [(r.start_s, r.end_s) for r in requests if r.kind == "frame"] == [(58.0, 60.0)]


def test_a_picture_that_stays_on_screen_is_captioned_once() -> None:
    row = decoded("v", 0)
    row["pictures"] = [picture(float(t), pts_s=float(t - t % 20)) for t in range(65)]
    made, requests = run("still", row)
    assert [r.start_s for r in requests if r.kind == "frame"] == [0.0, 20.0, 40.0]
    assert [f["pts_s"] for f in made["frames"]] == [0.0, 20.0, 40.0]
    assert all(len(r.pictures) == 10 for r in requests if r.kind == "window")


def test_windows_get_their_pictures_and_facts_and_no_others() -> None:
    cells = tuple(
        Piece(start_s=5.0 * k, end_s=5.0 * k + 5, light=Light(level="bright", mean=0.7, contrast=0.1))
        for k in range(11, 20)
    )
    facts = Facts(start_s=55.0, end_s=100.0, pieces=cells)
    made, requests = run("facts", decoded("v", 1, facts=facts.dump()))
    for request in requests:
        assert request.facts is not None
        assert (request.facts.start_s, request.facts.end_s) == (request.start_s, request.end_s)
        assert all(request.start_s <= p.time_s < request.end_s for p in request.pictures)
    assert [len(r.pictures) for r in requests if r.kind == "window"] == [10] * 8
    assert all("Measured in this stretch: " in r.prompt for r in requests if r.kind == "window")
    kept = Facts.parse(made["facts"])
    assert (kept.start_s, kept.end_s) == (60.0, 100.0)  # of its own span alone, so that segments can be joined
    assert next(w["pts_s"] for w in made["windows"]) == [float(t) for t in range(60, 70)]


def test_windows_without_pictures_are_invalid_and_never_asked_for() -> None:
    row = decoded("v", 0)
    row["pictures"] = [p for p in row["pictures"] if not 20 <= p["time_s"] < 40]
    made, requests = run("blind", row)
    assert windows_of(requests) == [0, 1, 2, 3, *range(7, 12)]
    for window in made["windows"][4:7]:
        assert (window["valid"], window["text"], window["attempts"]) == (False, "", 0)
        assert (window["problem"], window["pts_s"]) == ("no picture of it decoded", [])
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


@pytest.mark.parametrize("pictures", [[], None])
def test_a_segment_without_pictures_fails_as_undecodable(pictures: list[Row] | None) -> None:
    with pytest.raises(ItemError, match="no picture of it decoded") as error:
        run("nothing", decoded("v", 1, pictures=pictures))
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


# -- with a model ------------------------------------------------------------------------------------------------------

WORLD = [[0, 100, "a man", "red jacket"], [70, 100, "a dog", "brown"]]


def model(
    log: str,
    row: Row,
    *,
    script: list[dict[str, Any]] | None = None,
    context: int | None = None,
    **options: Any,
) -> tuple[Row, list[Request]]:
    engine = Model(script=json.dumps(script or []), world=json.dumps(WORLD), log=log, context=context)
    made = apply(Caption(engine=engine, **{"fields": True, **options}), row)
    return made, asked(log)


def previous_in(request: Request) -> str:
    """The caption before, as a window's prompt holds it."""
    _, marker, behind = request.prompt.partition("keep its names for the same people and things:\n")
    return behind.split("\n\n")[0].split("\nSaid or shown")[0].split("\nMeasured in")[0].strip() if marker else ""


def test_fields_are_asked_for_by_a_schema_and_kept_as_json() -> None:
    made, requests = model("fields", decoded("v", 1))
    windows = [r for r in requests if r.kind == "window"]
    assert {r.schema for r in windows} == {window_schema()}
    assert {r.schema for r in requests if r.kind == "frame"} == {None}
    assert all("Answer in JSON" in r.prompt for r in windows)
    for row, request in zip(made["windows"], windows[1:], strict=True):
        fields = parse_window(row["fields"])
        assert row["text"] == fields.caption
        assert row["text"].startswith("At 1:") and "{" not in row["text"]
        assert [s.name for s in fields.subjects] == (["a man", "a dog"] if request.end_s > 70 else ["a man"])
    for before, after in itertools.pairwise(made["windows"]):
        request = next(r for r in windows if r.start_s == after["start_s"])
        assert previous_in(request) == before["text"]  # the caption alone, no JSON


def test_without_fields_nothing_is_structured() -> None:
    made, requests = model("plain", decoded("v", 1), fields=False)
    assert {r.schema for r in requests} == {None}
    assert not any("JSON" in r.prompt for r in requests)
    assert [w["fields"] for w in made["windows"]] == [None] * 7


def test_a_code_fence_around_the_fields_is_no_failure() -> None:
    fields = {"caption": "A fenced man walks.", "subjects": [], "actions": [], "camera": "", "scene": ""}
    text = f"```json\n{json.dumps({**fields, 'on_screen_text': []})}\n```"
    made, _ = model("fence", decoded("v", 1), script=[{"kind": "window", "window": 13, "do": "say", "text": text}])
    row = made["windows"][1]
    assert (row["text"], row["attempts"]) == ("A fenced man walks.", 1)
    assert json.loads(row["fields"])["caption"] == "A fenced man walks."


def test_a_malformed_answer_is_counted_and_asked_again() -> None:
    script = [{"kind": "window", "window": 13, "do": "say", "text": '{"caption": "A man', "times": 2}]
    made, requests = model("malformed", decoded("v", 1), script=script)
    row = made["windows"][1]
    assert (row["valid"], row["attempts"], row["usage"]["rejected"]) == (True, 3, ["malformed", "malformed"])
    assert row["fields"] is not None
    assert made["usage"]["rejected"] == ["malformed", "malformed"]
    asked_for = [r for r in requests if r.kind == "window" and r.start_s == 65.0]
    assert [r.attempt for r in asked_for] == [1, 2, 3]
    assert len({r.seed for r in asked_for}) == 3


def test_what_stays_malformed_is_a_row_and_never_dropped() -> None:
    script = [{"kind": "window", "window": 13, "do": "say", "text": "A man walks."}]
    made, requests = model("stays malformed", decoded("v", 1), script=script, tries=2)
    row = made["windows"][1]
    assert [w["window_index"] for w in made["windows"]] == list(range(12, 19))
    assert (row["valid"], row["text"], row["fields"], row["attempts"]) == (False, "", None, 2)
    assert row["problem"].startswith("the answer does not parse: ") and "\n" not in row["problem"]
    assert row["usage"]["rejected"] == ["malformed", "malformed"]
    after = next(r for r in requests if r.kind == "window" and r.start_s == 70.0)
    assert previous_in(after) == made["windows"][0]["text"]


def in_json(caption: str, **changes: Any) -> str:
    fields: dict[str, Any] = {"caption": caption, "subjects": [], "actions": [], "camera": "still", "scene": ""}
    return json.dumps({**fields, "on_screen_text": [], **changes})


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        (in_json("   "), "empty"),
        (in_json("I'm sorry, but I cannot see the frames."), "refusal"),
        (in_json("The images are not visible to me."), "refusal"),
        (in_json("At 59:00 a man walks."), "outside_video"),
        (in_json("Ein Mann in einer roten Jacke geht eine enge Straße entlang und hält dort an."), "wrong_language"),
        (in_json("walks " * 12), "repetitive"),
    ],
)
def test_gates_look_at_the_caption_in_the_fields(text: str, gate: str) -> None:
    script = [{"kind": "window", "window": 13, "do": "say", "text": text, "times": 1}]
    made, _ = model(f"gate {gate} {text}", decoded("v", 1), script=script)
    assert made["windows"][1]["usage"]["rejected"] == [gate]
    assert made["windows"][1]["valid"]


@pytest.mark.parametrize(
    "text",
    [
        in_json("Ein Hund rennt über die nasse Straße zum Haus.", scene="street", actions=["runs to the house"]),
        in_json("Ein Hund rennt.", on_screen_text=["We are the champions of the whole wide world, my friends"]),
    ],
)
def test_signs_and_keys_in_another_language_are_no_reason_to_ask_again(text: str) -> None:
    script = [{"kind": "window", "do": "say", "text": text}]
    made, _ = model(f"german {text}", decoded("v", 1), script=script, language="German", frames=False)
    assert all(w["valid"] and w["attempts"] == 1 for w in made["windows"])


def test_a_clock_on_screen_is_no_time_of_the_video() -> None:
    script = [{"kind": "window", "do": "say", "text": in_json("A clock is seen.", on_screen_text=["18:30:00"])}]
    made, _ = model("clock", decoded("v", 1), script=script)
    assert all(w["valid"] for w in made["windows"])


def test_frames_may_be_left_out() -> None:
    made, requests = model("no frames", decoded("v", 1), frames=False)
    assert made["frames"] == []
    assert {r.kind for r in requests} == {"window"}
    kept = {n: made.get(n) for n in rows.CAPTIONED_SEGMENT.names}
    assert pa.Table.from_pylist([kept], schema=rows.CAPTIONED_SEGMENT).to_pylist() == [kept]


# -- one chain through the video ---------------------------------------------------------------------------------------


def test_a_chain_through_the_video_goes_on_from_the_segment_before() -> None:
    before = {"text": "A man in a red jacket stops.", "window_index": 11}
    made, requests = run("video chain", decoded("v", 1, previous=before), chain="video")
    assert windows_of(requests) == list(range(12, 19))  # nothing is captioned twice
    first = next(r for r in requests if r.kind == "window")
    assert previous_in(first) == "A man in a red jacket stops."
    assert [w["previous_window"] for w in made["windows"]] == list(range(11, 18))


def test_in_one_chain_segments_tell_what_one_long_segment_tells() -> None:
    first, one = model("chained 0", decoded("v", 0), chain="video")
    last = first["windows"][-1]
    second, two = model(
        "chained 1",
        decoded("v", 1, previous={"text": last["text"], "window_index": last["window_index"]}),
        chain="video",
    )
    told = [w for made in (first, second) for w in made["windows"]]
    asked_for = [r for r in (*one, *two) if r.kind == "window"]
    assert [w["previous_window"] for w in told] == [None, *range(18)]
    for before, request in zip(told, asked_for[1:], strict=False):
        assert previous_in(request) == before["text"]


@pytest.mark.parametrize("previous", [None, {"text": "", "window_index": None}])
def test_a_chain_may_begin_in_the_middle(previous: Row | None) -> None:
    made, requests = run(f"begins {previous}", decoded("v", 1, previous=previous), chain="video")
    assert windows_of(requests) == list(range(12, 19))
    assert "was described so" not in next(r for r in requests if r.kind == "window").prompt
    assert made["windows"][0]["previous_window"] is None


# -- prompts that are too long -----------------------------------------------------------------------------------------

LONG = " ".join(f"detail{k}" for k in range(300)) + "."


def measured(*lines: str) -> str:
    """Facts of the second segment, with subtitle lines from 60 s to 62 s."""
    cells = tuple(
        Piece(start_s=5.0 * k, end_s=5.0 * k + 5, light=Light(level="bright", mean=0.7, contrast=0.1))
        for k in range(11, 20)
    )
    subtitles = tuple(Line(text=text, start_s=60.0, end_s=62.0) for text in lines)
    return Facts(start_s=55.0, end_s=100.0, pieces=cells, subtitles=subtitles or None).dump()


def sizes(row: Row, log: str, **options: Any) -> list[Request]:
    """Requests for window 12, in order, by an engine that has no room for any."""
    seen: list[Request] = []

    class Full(Scripted):
        @contextmanager
        def open(self) -> Iterator[RunningEngine]:
            with Scripted.open(self) as running:
                answer = running.submit

                def submit(request: Request) -> Any:
                    if request.kind == "frame" or request.start_s != 60.0:
                        return answer(request)
                    seen.append(request)
                    future: Future[Any] = Future()
                    future.set_exception(PromptTooLong(None, 10))
                    return future

                running.submit = submit  # type: ignore[method-assign]
                yield running

    made = apply(Caption(engine=Full(log=log), chain="video", **options), row)
    window = made["windows"][0]
    assert (window["window_index"], window["valid"]) == (12, False)
    assert window["problem"] == "the prompt takes more tokens and the model has room for 10"
    assert window["attempts"] == 1
    assert all(w["valid"] for w in made["windows"][1:])
    return seen


def test_a_prompt_that_is_too_long_loses_evidence_then_context_then_pictures() -> None:
    row = decoded("v", 1, facts=measured("Good morning."), previous={"text": LONG, "window_index": 11})
    whole, bare, short, *thinned = sizes(row, "sizes")
    assert "Measured in this stretch" in whole.prompt and previous_in(whole) == LONG
    assert "Measured in this stretch" not in bare.prompt and previous_in(bare) == LONG
    assert previous_in(short) == " ".join(LONG.split()[-60:])
    assert [len(r.pictures) for r in (whole, bare, short)] == [10, 10, 10]
    assert [len(r.pictures) for r in thinned] == [5, 3, 2, 1, 1]
    assert previous_in(thinned[-2]) and "was described so" not in thinned[-1].prompt
    assert all(r.pictures[0].time_s == 60.0 for r in thinned)
    assert all("Good morning." in r.prompt for r in (whole, bare, short, *thinned))


def test_what_was_shown_is_what_the_row_says() -> None:
    class Few(Scripted):
        """Has room for three pictures."""

        @contextmanager
        def open(self) -> Iterator[RunningEngine]:
            with Scripted.open(self) as running:
                answer = running.submit

                def submit(request: Request) -> Any:
                    if len(request.pictures) <= 3:
                        return answer(request)
                    future: Future[Any] = Future()
                    future.set_exception(PromptTooLong(99, 10))
                    return future

                running.submit = submit  # type: ignore[method-assign]
                yield running

    made = apply(Caption(engine=Few(log="few")), decoded("v", 1))
    assert all(w["valid"] and w["attempts"] == 1 for w in made["windows"])
    assert made["windows"][0]["pts_s"] == [60.0, 64.0, 68.0]
    shown = {r.start_s: [p.pts_s for p in r.pictures] for r in asked("few") if r.kind == "window"}
    assert all(w["pts_s"] == shown[w["start_s"]] for w in made["windows"])
    prompts = {r.start_s: digest(r.prompt) for r in asked("few") if r.kind == "window"}
    assert all(w["prompt_hash"] == prompts[w["start_s"]] for w in made["windows"])


@pytest.mark.parametrize("context", [260, 320, 500])
def test_a_small_context_is_no_exception(context: int) -> None:
    row = decoded("v", 1, facts=measured("Good morning."), previous={"text": LONG, "window_index": 11})
    made, requests = model(f"context {context}", row, context=context, chain="video", fields=False)
    assert all(w["valid"] for w in made["windows"])
    assert all(len(r.prompt.split()) <= context for r in requests)


def test_subtitles_stand_in_a_windows_prompt_once() -> None:
    row = decoded("v", 1, facts=measured("Good morning, everybody.", "Sit down."))
    _, requests = run("subtitles", row)
    windows = {r.start_s: r.prompt for r in requests if r.kind == "window"}
    for start_s, prompt in windows.items():
        times = 1 if start_s in (55.0, 60.0) else 0  # windows that overlap 60 s to 62 s
        assert prompt.count("Good morning, everybody.") == prompt.count("- Sit down.") == times
        assert prompt.count("Said or shown as subtitles") == times
    assert not any("Good morning" in r.prompt for r in requests if r.kind == "frame")


def jpeg(level: int, quality: int = 90) -> bytes:
    """A textured picture."""
    luma = np.indices((96, 128)).sum(0) * 7 % (level + 1)
    return to_jpeg(np.repeat(luma[..., None], 3, axis=2).astype(np.uint8), quality)


def test_near_duplicates_share_a_caption_while_windows_show_them_all() -> None:
    def row() -> Row:
        looks = [jpeg(90), jpeg(90, quality=80), jpeg(90), jpeg(200), jpeg(200), jpeg(90)]
        pictures = [{**picture(float(t)), "jpeg": looks[min(t, 5)]} for t in range(60)]
        return {**decoded("v", 0, warm_up=0), "pictures": pictures}

    each, _ = run("each", row())
    made, requests = run("near", row(), frame_similarity=0.95)
    frames = [r for r in requests if r.kind == "frame"]
    assert [(r.start_s, r.end_s) for r in frames] == [(0.0, 3.0), (3.0, 5.0), (5.0, 60.0)]
    assert [f["time_s"] for f in made["frames"]] == [0.0, 3.0, 5.0]
    assert len(each["frames"]) == 60
    assert [w["pts_s"] for w in made["windows"]] == [w["pts_s"] for w in each["windows"]]
    seeds = {f["time_s"]: f["sampling"] for f in each["frames"]}
    assert all(f["sampling"] == seeds[f["time_s"]] for f in made["frames"])
