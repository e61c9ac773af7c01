"""Files as newcomers have them: other column names, gzip, subtitles, ids spelled in two ways."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.evaluation.command import default_folder
from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.reading import column_name, stem_of
from pipeline.evaluation.scores.references import read_captions, read_references
from pipeline.terminal.errors import UsageError

EVENTS = ((0.0, 5.0, "one."), (5.0, 9.0, "two."))
CUES = "1\n00:00:00,000 --> 00:00:05,000\none.\n\n2\n00:00:05,000 --> 00:00:09,000\ntwo.\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("odd.csv", "Video ID,Start (s),End (s),Caption Text\nx,0,5,one.\nx,5,9,two.\n"),
        ("camel.csv", "videoId,startTime,endTime,caption\nx,0:00,0:05,one.\nx,0:05,0:09,two.\n"),
        ("ms.csv", "File Name,start (ms),end (ms),sentence\nx.mp4,0,5000,one.\nx.mp4,5000,9000,two.\n"),
        ("strings.json", json.dumps([{"videoId": "x", "startTime": "0", "endTime": "5.0", "text": "one."},
                                     {"videoId": "x", "startTime": "5", "endTime": " 9 ", "text": "two."}])),
        ("reversed.csv", "id,start,end,caption\nx,5,0,one.\nx,9,5,two.\n"),
        ("chapters.json", json.dumps({"x": {"duration": "9", "chapters": {"0.0": "one.", "5": "two."}}})),
        ("x.srt", CUES),
        ("x.vtt", "WEBVTT\n\n00:00.000 --> 00:05.000\n<b>one.</b>\n\n00:05.000 --> 00:09.000\ntwo.\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [False, True])
def test_events_of_files_of_other_forms(tmp_path, name, text, zipped):
    path = tmp_path / (f"{name}.gz" if zipped else name)
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    found = read_references([str(path)])
    known = found.name_of(Caption(video_id="x", aliases=("x", "x.mp4")))
    assert known is not None
    (reference,) = found.by_name[known]
    assert (reference.events, reference.text) == (EVENTS, "one. two.")


def test_images_of_coco_name_the_files_of_annotations(tmp_path):
    value = {
        "images": [{"id": 7, "file_name": "videos/a.mp4"}, {"id": 8, "file_name": "b.mp4"}],
        "annotations": [{"id": 1, "image_id": 7, "caption": "a dog"}, {"id": 2, "image_id": 7, "caption": "a hound"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(value))
    found = read_references([str(tmp_path / "coco.json")])
    for alias in ("7", "a.mp4", "a", "a.webm"):
        assert found.name_of(Caption(video_id=alias, aliases=(alias,))) == (None if alias == "a.webm" else "7")
    assert [r.text for r in found.by_name["7"]] == ["a dog", "a hound"]
    assert found.name_of(Caption(video_id="b", aliases=("b",))) is None


def test_sentences_of_msr_vtt(tmp_path):
    value = {
        "videos": [{"video_id": "video1", "start time": 1.0, "end time": 9.0}],
        "sentences": [{"sen_id": 1, "video_id": "video1", "caption": c} for c in ("a dog", "a hound")],
    }
    (tmp_path / "msr.json").write_text(json.dumps(value))
    assert [r.text for r in read_references([str(tmp_path / "msr.json")]).by_name["video1"]] == ["a dog", "a hound"]


def test_a_video_that_two_files_spell_in_two_ways_is_one(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps({"v_x": "a dog", "y.mp4": "a cat", "z.mp4": "one", "z.mkv": "two"}))
    (tmp_path / "two.csv").write_text("id,caption\nx.mp4,a hound\ny,a kitten\n")
    found = read_references([str(tmp_path / "one.json"), str(tmp_path / "two.csv")])
    assert {name: [r.text for r in some] for name, some in found.by_name.items()} == {
        "v_x": ["a dog", "a hound"], "y.mp4": ["a cat", "a kitten"], "z.mp4": ["one"], "z.mkv": ["two"]
    }  # fmt: skip
    (tmp_path / "told.json").write_text(json.dumps({"v_x": "a dog", "x": "a cat"}))
    with pytest.raises(UsageError, match=r"two captions of 'v_x' \(as 'v_x' and 'x'\)"):
        read_captions(str(tmp_path / "told.json"))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("cut.json.gz", gzip.compress(b'{"x": "a"}', mtime=0)[:-6], "ended before"),
        ("plain.json.gz", b'{"x": "a"}', "gzip"),
        ("none.csv", b"clip no,words\n1,a dog\n", "clip_no, words has no id"),
        ("line.jsonl", b'{"id": "x", "caption": "a"}\n{"id"\n', "line 2"),
        ("words.srt", b"no subtitles\n", "words.srt"),
        ("empty.csv", b"", "contains no references"),
        ("blank.csv", b"id,caption\n,a dog\n", "no id"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=name) as found:
        read_references([str(tmp_path / name)])
    assert said in str(found.value) and "\n" not in str(found.value)


def test_names_of_columns_and_files():
    for given, wanted in (
        ("Video ID", "video_id"), ("videoId", "video_id"), ("Start (s)", "start"), ("start_s", "start"),
        ("End [ms]", "end_ms"), ("Duration-Sec", "duration"), ("caption", "caption"), ("s", "s"),
    ):  # fmt: skip
        assert column_name(given) == wanted
    assert [stem_of(n) for n in ("a/b.c.json.gz", "b.srt", "clip.2", "x.JSONL")] == ["b.c", "b", "clip.2", "x"]
    assert default_folder("a.b/told.json.gz") == "a.b/told-eval" and default_folder("out/") == "out-eval"
    for here in (".", "./", "runs/.."):
        assert default_folder(here) == f"{Path.cwd()}-eval"


def test_scores_of_odd_events_are_those_that_they_should_have(tmp_path, capsys):
    true = {
        "same": {"duration": 10, "timestamps": [[0, 5], [3, 8]], "sentences": ["a dog runs", "a cat sits"]},
        "v_point": {"duration": 10, "timestamps": [[4, 4], [5, 9]], "sentences": ["a dog runs", "a cat sits"]},
        "nothing": {"duration": 10, "timestamps": [], "sentences": []},
        "silent": {"duration": 10, "timestamps": [[0, 5]], "sentences": ["a dog runs"]},
    }
    told = {
        "same.mp4": {"timestamps": [["5", "0"], ["0:03", "0:08"]], "sentences": ["a dog runs", "a cat sits"]},
        "point": true["v_point"],
        "nothing": true["nothing"],
        "v_silent": {"timestamps": [], "sentences": []},
    }
    for name, value in (("true", true), ("told", told)):
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    arguments = ["eval", str(tmp_path / "told.json"), "--against", str(tmp_path / "true.json"), "--json"]
    assert main(arguments) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert (counts["captions"], counts["videos without a caption"], counts["captions without a reference"]) == (4, 0, 0)
    from deltalake import DeltaTable

    rows = {r["video_id"]: r for r in DeltaTable(str(tmp_path / "told-eval" / "scores")).to_pyarrow_table().to_pylist()}
    same = rows["same.mp4"]
    assert [same[n] for n in ("tiou_f1", "soda_d", "ranges_iou", "event_recall", "rouge_l_coco")] == pytest.approx(
        [1] * 5
    )
    # a span without a length overlaps nothing, not even itself; its start and its words are found
    point = rows["point"]
    assert [point[n] for n in ("tiou_recall_0.5", "boundary_recall_1s", "event_recall")] == pytest.approx([0.5, 1, 1])
    assert [rows["nothing"][n] for n in ("tiou_recall_0.5", "ranges_iou", "event_recall")] == [1.0, 1.0, None]
    silent = rows["v_silent"]
    assert [silent[n] for n in ("tiou_recall_0.5", "soda_d", "event_recall", "bleu_1", "words")] == [0, 0, 0, 0, 0]
