from __future__ import annotations

import json
import random
from importlib.metadata import version

import numpy as np
import pytest

from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.evaluation.scores.evaluate import evaluate
from pipeline.evaluation.scores.metrics import VERSION
from pipeline.evaluation.scores.references import read_references
from pipeline.evaluation.scores.slices import slices
from pipeline.evaluation.scores.sources import open_captions
from pipeline.evaluation.scores.summary import Scores, summarise
from pipeline.terminal.errors import UsageError
from tests.support import outputs, rows


def files(folder, count: int, *, seed: int = 1):
    """Captions and references of so many videos, of a small vocabulary."""
    r = random.Random(seed)
    words = ["a", "man", "woman", "dog", "runs", "walks", "left", "red", "blue", "car", "tree", "stops", "the", "and"]

    def video():
        text = [" ".join(r.choices(words, k=9)) + "." for _ in range(4)]
        return {
            "duration": 40 + r.randrange(900),
            "timestamps": [[10 * k, 10 * k + 9] for k in range(4)],
            "sentences": text,
        }

    for name in ("told", "true"):
        (folder / f"{name}.json").write_text(json.dumps({f"v{k}": video() for k in range(count)}))
    return str(folder / "told.json"), str(folder / "true.json")


def predicted(table):
    return sorted(table.read().to_pylist(), key=lambda row: row["video_id"])


def test_what_is_scored_is_not_scored_again(tmp_path):
    one, refs = files(tmp_path, 30)
    captions, references = open_captions(one), read_references([refs])
    first = evaluate(captions, references, str(tmp_path / "s"))
    before = predicted(first.table)
    assert (first.captions, first.fresh, first.missing) == (30, 30, 0)
    assert evaluate(captions, references, str(tmp_path / "s")).fresh == 0
    value = json.loads((tmp_path / "told.json").read_text())
    value["v3"]["sentences"][0] = "something else."
    del value["v4"]
    (tmp_path / "told.json").write_text(json.dumps(value))
    again = evaluate(open_captions(one), references, str(tmp_path / "s"))
    assert (again.captions, again.fresh, again.missing) == (29, 2, 1)  # v4 is without a caption now
    after = predicted(again.table)
    assert [r["video_id"] for r in after] == [r["video_id"] for r in before]
    assert [r["video_id"] for r, s in zip(before, after, strict=True) if r != s] == ["v3", "v4"]
    # other references change all rows: CIDEr-D rests on them
    value = json.loads((tmp_path / "true.json").read_text())
    value["v0"]["sentences"][0] = "something else."
    (tmp_path / "true.json").write_text(json.dumps(value))
    assert evaluate(open_captions(one), read_references([refs]), str(tmp_path / "s")).fresh == 30


def test_scores_of_several_processes_are_those_of_one(tmp_path):
    one, refs = files(tmp_path, 40)
    captions, references = open_captions(one), read_references([refs])
    alone = evaluate(captions, references, str(tmp_path / "a"), workers=1)
    together = evaluate(captions, references, str(tmp_path / "b"), workers=2)
    assert predicted(alone.table) == predicted(together.table)


def test_a_folder_of_others_is_left_alone(tmp_path):
    one, _ = files(tmp_path, 3)
    with pytest.raises(UsageError, match="not empty"):
        evaluate(open_captions(one), None, str(tmp_path))


def output(folder):
    """Four videos, one of them without a caption."""
    store = Store(str(folder))
    videos = [rows.video(f"v{k}", duration_s=100.0) for k in range(4)]
    outputs.commit_run(store, videos, failed=["v3"])
    return str(folder)


@pytest.mark.parametrize("folder", ["", "scores", "dataset/x"])
def test_scores_are_not_written_into_the_output(tmp_path, capsys, folder):
    out = output(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    assert main(["eval", "captions", out, "-o", f"{out}/{folder}"]) == 2
    assert "lies in the output" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_with_a_video_that_failed(tmp_path, capsys):
    out = output(tmp_path / "out")
    refs = tmp_path / "refs.json"
    refs.write_text(json.dumps({f"v{k}": "A video. It goes on." for k in range(6)}))
    assert main(["eval", "captions", out, "--against", str(refs), "--by", "codec", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["counts"]["captions"] == 3
    assert data["counts"]["videos without a caption"] == 1
    assert data["counts"]["references of other videos"] == 2
    assert data["metrics"]["rouge_l_google"]["n"] == 4
    assert data["metrics"]["rouge_l_google"]["value"] == pytest.approx(0.75)
    assert data["metrics"]["words"]["n"] == 3
    assert {(s["by"], s["value"], s["n"]) for s in data["slices"] if s["by"] != "scope"} == {
        ("duration", "up to 2 min", 4), ("codec", "h264", 3), ("codec", "none", 1)
    }  # fmt: skip
    page = (tmp_path / "out-eval" / "evaluation.html").read_text()
    assert "rouge_l_google" in page and "<script" not in page
    assert json.loads((tmp_path / "out-eval" / "evaluation.json").read_text()) == data


def test_the_command_says_what_is_wrong_in_one_line(tmp_path, capsys):
    out = output(tmp_path / "out")
    for arguments, said in (
        ([out, "--by", "codek"], "codec"),
        ([out, "--against", str(tmp_path / "none.json")], "cannot read"),
        ([str(tmp_path / "nothing")], "no output"),
    ):
        assert main(["eval", "captions", *arguments]) == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1
    assert not (tmp_path / "out-eval").exists()


def test_compare_finds_what_changed(tmp_path, capsys):
    one, refs = files(tmp_path, 20)
    value = json.loads((tmp_path / "told.json").read_text())
    truth = json.loads((tmp_path / "true.json").read_text())
    for k in range(5):
        value[f"v{k}"] = truth[f"v{k}"]
    (tmp_path / "better.json").write_text(json.dumps(value))
    arguments = ["compare", one, str(tmp_path / "better.json"), "--against", refs, "--json"]
    assert main(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["counts"] == {"videos in both": 20, "only in the first": 0, "only in the second": 0}
    assert {row["video_id"] for row in data["changed"]} == {f"v{k}" for k in range(5)}
    moved = data["metrics"]["rouge_l_google"]
    assert moved["verdict"] == "better" and 0 < moved["low"] < moved["difference"] < moved["high"]
    assert data["metrics"]["tiou_f1"]["verdict"] == "the same"
    capsys.readouterr()
    assert main([*arguments[:-1], "-o", str(tmp_path / "page.html")]) == 0
    assert "rouge_l_google" in (tmp_path / "page.html").read_text()


def test_compare_names_its_references_and_the_version_of_its_metrics(tmp_path, capsys):
    one, refs = files(tmp_path, 6)
    more = tmp_path / "more.csv"
    more.write_text("video_id,caption\n" + "".join(f"v{k},a bird <sings>\n" for k in range(4)))
    arguments = ["compare", one, one, "--against", refs, "--against", str(more)]
    assert main([*arguments, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    events = sum(len(r.events) for some in read_references([refs]).by_name.values() for r in some)
    assert data["against"] == [
        {"path": refs, "form": "json", "references": 6, "events": events},
        {"path": str(more), "form": "csv", "references": 4, "events": 0},
    ]
    assert data["metrics_version"] == VERSION and data["version"] == version("longcap")
    assert main([*arguments, "-o", str(tmp_path / "page.html")]) == 0
    printed, page = capsys.readouterr().out, (tmp_path / "page.html").read_text()
    assert f"against {refs} (json): 6 references, {events} events" in printed
    assert f"metrics of version {VERSION}, longcap {version('longcap')}" in printed
    for said in (refs, str(more), "<td>csv</td>", f"Metrics of version {VERSION}"):
        assert said in page
    assert main(["compare", one, one, "-o", str(tmp_path / "page.html")]) == 0
    assert "without references" in capsys.readouterr().out
    assert "Without references" in (tmp_path / "page.html").read_text()


def test_compare_leaves_scores_against_other_references(tmp_path, capsys):
    one, refs = files(tmp_path, 6)
    assert main(["eval", "captions", one, "--against", refs, "--json"]) == 0
    before = (tmp_path / "told-eval" / "evaluation.json").read_text()
    capsys.readouterr()
    assert main(["compare", one, refs, "--json"]) == 0  # without references
    assert set(json.loads(capsys.readouterr().out)["metrics"]) >= {"words", "distinct_1"}
    assert main(["eval", "captions", one, "--against", refs, "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    assert after["counts"]["scored now"] == 0
    assert after["metrics"] == json.loads(before)["metrics"]


def test_intervals_hold_the_value_and_narrow_with_more_videos(tmp_path):
    one, refs = files(tmp_path, 80)
    scores = Scores(evaluate(open_captions(one), read_references([refs]), str(tmp_path / "s")).table.read())
    whole, few = summarise(scores), summarise(scores.taken(np.arange(len(scores)) < 20))
    for name in ("rouge_l_coco", "bleu_2", "chrf"):
        value = whole[name]
        assert value.low is not None and value.high is not None and few[name].low is not None
        assert value.low <= value.value <= value.high
        assert value.high - value.low < few[name].high - few[name].low
    assert summarise(scores) == whole
    # BLEU of a set comes from counts that are added up
    assert whole["bleu_4"].value != pytest.approx(float(np.mean(scores.metrics["bleu_4"])), rel=1e-3)
    by = slices(scores, {"kind": {f"v{k}": k % 2 for k in range(80)}, "size": {f"v{k}": k * 1.5 for k in range(80)}})
    assert [s["n"] for s in by if s["by"] == "kind"] == [40, 40]
    assert [s["n"] for s in by if s["by"] == "size"] == [20, 20, 20, 20]
