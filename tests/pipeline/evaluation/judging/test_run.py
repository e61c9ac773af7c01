"""Judges over a set of captions: noise ends in the right state, nothing is asked twice, kills cost nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipeline.cli.main import main
from pipeline.evaluation.judging.agreement import alpha
from tests.pipeline.evaluation.judging.stories import SECONDS, row, story
from tests.support.chat import Play, serve
from tests.support.command import ROOT
from tests.support.judges import DOWN, LOST, MENDED, requests

PLACE = "tests.support.judges:Noisy"
PROTOCOLS = ["--protocol", "keypoints", "--protocol", "questions"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Perfect captions of four stories, and a fifth story that has none."""
    told = {
        f"story{k}": {
            "duration": SECONDS,
            "timestamps": [[s, e] for s, e, _, _ in story(k)],
            "sentences": [t for _, _, t, _ in story(k)],
        }
        for k in range(1, 5)
    }  # fmt: skip
    (tmp_path / "told.json").write_text(json.dumps(told))
    (tmp_path / "true.jsonl").write_text("\n".join(json.dumps(row(k)) for k in range(1, 6)))
    return str(tmp_path / "told.json"), str(tmp_path / "true.jsonl")


def judge(noise: str = "", **fields) -> str:
    return json.dumps({"kind": PLACE, "noise": noise, **fields})


def evaluate(capsys, files, *judges: str, more: list[str] = PROTOCOLS, code: int = 0):
    told, true = files
    named = [part for one in judges for part in ("--judge", one)]
    assert main(["eval", told, "--against", true, "--json", *named, *more]) == code
    out = capsys.readouterr()
    return json.loads(out.out) if code == 0 else out.err


def answers(files) -> list[dict]:
    return DeltaTable(files[0].replace(".json", "-eval/answers")).to_pyarrow_table().to_pylist()


@pytest.mark.parametrize("noise", ["", *MENDED])
def test_answers_that_are_not_quite_json_count(files, capsys, noise):
    (one,) = evaluate(capsys, files, judge(noise))["judges"]
    assert one["requests"]["failed"] == one["requests"]["split"] == one["things without an answer"] == 0
    # four captions are perfect, the fifth video has none
    assert one["metrics"]["keypoint_accuracy"]["value"] == pytest.approx(0.8)
    assert one["metrics"]["keypoint_accuracy"]["zeros"] == 1
    assert one["metrics"]["answers_right"]["value"] == pytest.approx(0.8)
    assert one["asked_twice"]["requests"] >= 1 and one["asked_twice"]["agreement"] == 1.0
    rows = answers(files)
    assert all(r["prompt_hash"] and r["seed"] and r["model"] == "noisy" and r["revision"] for r in rows)
    assert len({r["key"] for r in rows}) == len(rows)


@pytest.mark.parametrize("noise", LOST)
def test_answers_that_say_nothing_fail_and_give_no_value(files, capsys, noise):
    (one,) = evaluate(capsys, files, judge(noise), more=["--protocol", "questions"])["judges"]
    assert one["requests"]["ok"] == 0 and one["things without an answer"] == 4 * 7
    assert one["metrics"] == {} and one["without a value"] == ["answers_right", "answers_wrong", "answers_given"]
    assert not any(s["metrics"] for s in one["slices"])  # nor is it 0 in a part of the captions
    assert {r["state"] for r in answers(files)} <= {"split", "failed"} and one["problems"]


def test_items_that_fail_with_others_are_asked_alone(files, capsys):
    (one,) = evaluate(capsys, files, judge("half"), more=["--protocol", "questions"])["judges"]
    assert one["requests"]["split"] > 0
    assert one["things without an answer"] == 4 * 4  # q1, q3, q5, q7
    assert one["metrics"]["answers_right"]["labels"] == {"yes": 12, "failed": 16, "missing": 7}
    assert one["metrics"]["answers_right"]["value"] == pytest.approx(0.8 * 3 / 7)


def test_nothing_is_asked_again_and_changed_captions_are(files, capsys):
    first = evaluate(capsys, files, judge(log="again"))["judges"][0]
    assert len(requests("again")) == first["requests"]["sent now"] > 0
    second = evaluate(capsys, files, judge(log="again"))["judges"][0]
    assert requests("again") == [] and second["metrics"] == first["metrics"]
    told = Path(files[0])
    value = json.loads(told.read_text())
    value["story9"] = value.pop("story2") | {"duration": SECONDS}  # an equal caption of a video that nobody knows
    value["story1"]["sentences"][0] = "Nothing happens."
    told.write_text(json.dumps(value))
    third = evaluate(capsys, files, judge(log="again"))["judges"][0]
    asked = requests("again")
    assert 0 < len(asked) < first["requests"]["sent now"] and all("Nothing happens" in r.prompt for r in asked)
    assert third["metrics"]["keypoint_accuracy"]["zeros"] == 2


def test_a_dead_judge_is_said_in_one_line_and_asked_again_by_the_next_run(files, capsys):
    said = evaluate(capsys, files, judge("dead"), code=1)
    assert "has answered nothing: nobody is there" in said and said.count("longcap: error") == 1
    with serve(lambda body, number: Play(status=500)) as server:
        dead = {"kind": "openai", "model": "m", "base_url": server.url, "retries": 0, "api_key_env": None}
        said = evaluate(capsys, files, json.dumps(dead), more=["--protocol", "questions"], code=1)
        assert "has answered nothing" in said
        server.script = lambda body, number: Play(text="not JSON")
        one = evaluate(capsys, files, json.dumps(dead), more=["--protocol", "questions"])["judges"][0]
        assert one["requests"]["failed"] > 0 and one["requests"]["sent now"] > 0
        body = server.asked[-1].body
        assert body["temperature"] <= 1.0 and body["response_format"]["json_schema"]["strict"]
        assert any(a.body["temperature"] == 0 for a in server.asked)
    assert {r["failure_class"] for r in answers(files) if r["model"] == "m"} == {"gate"}


def test_a_judge_that_is_down_is_an_error_also_if_it_has_answered_before(files, capsys, tmp_path):
    quality = ["--protocol", "quality"]
    config = tmp_path / "judges.yaml"
    config.write_text(f"extends: measure\nengines: {{j: {judge('down', log='down')}}}")
    named = [*quality, "-c", str(config)]
    before = evaluate(capsys, files, "j", more=named)["judges"][0]
    assert before["requests"]["ok"] > 0
    DOWN.add("down")
    try:
        said = evaluate(capsys, files, "j", more=["--protocol", "keypoint_f1", "-c", str(config)], code=1)
        both = [*named, "--protocol", "keypoint_f1"]
        assert said == evaluate(capsys, files, "j", more=both, code=1)
    finally:
        DOWN.clear()
    assert "judge j has answered nothing: nobody is there" in said and said.count("\n") == 1
    one = evaluate(capsys, files, "j", more=both)["judges"][0]  # it answers again
    assert one["without a value"] == [] and "quality_score" in one["metrics"] and len(one["metrics"]) > 2


def test_a_protocol_that_a_judge_never_answers_has_no_value(files, capsys):
    (one,) = evaluate(capsys, files, judge("no keypoints"))["judges"]
    assert one["without a value"] == ["keypoint_accuracy", "keypoint_coverage", "referential_consistency"]
    assert set(one["metrics"]) == {"answers_right", "answers_wrong", "answers_given"}
    page = Path(files[0].replace(".json", "-eval/evaluation.html")).read_text()
    assert "since no item has a valid answer: keypoint_accuracy" in page


def test_requests_and_tokens_are_those_of_the_engine_and_not_of_its_name(files, capsys, tmp_path):
    config = tmp_path / "judges.yaml"

    def report(name: str, model: str) -> dict:
        config.write_text(f"extends: measure\nengines: {{{name}: {judge(model=model)}}}")
        (one,) = evaluate(capsys, files, name, more=[*PROTOCOLS, "-c", str(config)])["judges"]
        return {key: one[key] for key in ("model", "prompt_tokens", "output_tokens", "asked_twice", "requests")}

    first = report("j", "a")
    other = report("j", "b")  # another model under the same name
    for one in (first, other):
        sent = one["requests"]["sent now"]
        assert one["requests"]["ok"] == sent > 0 and one["prompt_tokens"] == 10 * sent
    again = report("k", "b")  # another name of the same engine
    assert again == other | {"requests": other["requests"] | {"sent now": 0}}


def test_two_judges_have_an_alpha_and_one_that_wavers_disagrees_with_itself(files, capsys):
    data = evaluate(capsys, files, judge(), judge("flips", model="other", every=2))
    one, other = data["judges"]
    assert one["asked_twice"]["agreement"] == 1.0
    assert other["metrics"]["keypoint_accuracy"]["value"] < 0.8
    found = data["between"]["keypoint_accuracy"]
    assert found["things"] == sum(len(story(k)) for k in range(1, 5)) and found["alpha"] < 0.5
    page = Path(files[0].replace(".json", "-eval/evaluation.html")).read_text()
    assert "Krippendorff" in page and "By position" in page and "<script" not in page


def test_slices_of_what_was_judged(files, capsys):
    (one,) = evaluate(capsys, files, judge())["judges"]
    by = {(s["by"], s["value"]): s["metrics"] for s in one["slices"]}
    assert ("position", "40 to 50 %") in by and ("duration", "up to 2 min") in by
    assert ("scope", "within-event") in by and ("group", "events") in by
    assert by["position", "40 to 50 %"]["keypoint_accuracy"]["value"] == pytest.approx(0.8)


def test_alpha_has_the_published_values():
    """Krippendorff's own example of four observers and twelve units, nominal 0.743, interval 0.849."""
    a = [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None]
    b = [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3]
    c = [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None]
    d = [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None]
    ratings = [[None if v is None else str(v) for v in row] for row in (a, b, c, d)]
    assert alpha(ratings) == pytest.approx(0.743, abs=1e-3)
    assert alpha(ratings, "interval") == pytest.approx(0.849, abs=1e-3)
    assert alpha([["a", "a"], ["a", "a"]]) is None


def test_killed_at_random_and_gone_on(files, tmp_path, capsys):
    whole = evaluate(capsys, files, judge())["judges"][0]
    script = (
        "import sys; from pipeline.evaluation.judging import run; run._FLUSH_S = 0.02\n"
        "import tests.support.judges as j, time; spoiled = j._spoiled\n"
        "j._spoiled = lambda *a: (time.sleep(0.01), spoiled(*a))[1]\n"
        "from pipeline.cli.main import main\nprint('begun', flush=True)\nsys.exit(main(sys.argv[1:]))"
    )
    arguments = [
        "eval",
        files[0],
        "--against",
        files[1],
        "--judge",
        judge(),
        *PROTOCOLS,
        "-o",
        str(tmp_path / "killed"),
    ]
    r = random.Random(4)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(r.uniform(1.5, 4.0))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    one = json.loads(capsys.readouterr().out)["judges"][0]
    assert one["metrics"] == whole["metrics"] and one["slices"] == whole["slices"]
    rows = DeltaTable(str(tmp_path / "killed" / "answers")).to_pyarrow_table().to_pylist()
    assert len({r["key"] for r in rows}) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--judge", "rulez"], "rulez"),
        (["--judge", "measure"], "measure has no model"),
        (["--judge", "rules", "--judge", "rules"], "appears twice"),
        (["--judge", "rules", "--protocol", "keypoint"], "did you mean keypoints"),
        (["--protocol", "keypoints"], "--judge"),
        (["--judge", "{kind: openai"], "not a mapping"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(files, capsys, arguments, said):
    assert main(["eval", files[0], "--against", files[1], *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
