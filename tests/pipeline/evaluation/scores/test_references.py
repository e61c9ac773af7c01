from __future__ import annotations

import json

import pytest

from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.references import read_captions, read_references
from pipeline.terminal.errors import UsageError

EVENTS = ((0.0, 5.0, "one."), (5.0, 9.0, "two."))
FORMS = {
    "activitynet.json": {"v_x": {"duration": 9, "timestamps": [[0, 5], [9, 5]], "sentences": ["one.", " two."]}},
    "submission.json": {
        "version": "1",
        "results": {
            "x": [{"timestamp": [0, 5], "sentence": "one."}, {"timestamp": [5, 9], "sentence": "two."}],
        },
    },
    "youcook.json": {
        "database": {
            "x": {
                "duration": 9,
                "annotations": [
                    {"segment": [0, 5], "id": 0, "sentence": "one."},
                    {"segment": [5, 9], "id": 1, "sentence": "two."},
                ],
            }
        }
    },
    "vidchapters.json": {
        "x": {"duration": 9, "chapters": [{"time": 0, "label": "one."}, {"time": 5, "label": "two."}]}
    },
    "sections.jsonl": [
        {
            "video_id": "x",
            "sections": [
                {"start_s": 0, "end_s": 5, "text": "one."},
                {"start_s": 5, "end_s": 9, "text": "two."},
            ],
        }
    ],
    "rows.csv": "id,start,end,caption\nx,0,5,one.\nx,5,9,two.\n",
    "windows.csv": "\ufeffID, Start, End, Caption\r\nx, 0:00, 0:05, one.\r\nx, 00:00:05.000, 00:00:09, two.\r\n\r\n",
    "mac.tsv": "id\tstart\tend\tcaption\rx\t0\t5\tone.\rx\t5\t9\ttwo.\r",
    "milliseconds.jsonl": [
        {"id": "x.mp4", "start_ms": 0, "end_ms": 5000, "text": "one."},
        {"id": "x.mp4", "start_ms": "5000", "end_ms": 9000, "text": "two."},
    ],
    "clocks.json": {
        "v_x.mp4": {"duration": "0:09", "timestamps": [["0:00", "00:00:05,0"], ["5", 9]], "sentences": ["one.", "two."]}
    },
}


def write(path, value):
    if isinstance(value, str):
        path.write_text(value)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in value))
    else:
        path.write_text(json.dumps(value))
    return str(path)


@pytest.mark.parametrize("name", FORMS)
def test_events_of_every_form(tmp_path, name):
    found = read_references([write(tmp_path / name, FORMS[name])])
    assert found.name_of(Caption(video_id="x", aliases=("x", "/videos/x.mp4", "x.mp4"))) is not None
    known = found.name_of(Caption(video_id="x", aliases=("x",)))
    assert known is not None
    (reference,) = found.by_name[known]
    assert reference.events == EVENTS
    assert reference.text == "one. two."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plain.json", {"x": "a text", "y": "other"}),
        ("coco.json", {"images": [], "annotations": [{"image_id": "x", "id": 7, "caption": "a text"}]}),
        ("list.json", [{"image_id": "x", "caption": "a text"}]),
        ("rows.csv", "video_id,caption\nx,a text\n"),
        ("rows.tsv", "video_id\tcaption\nx\ta text\n"),
        ("rows.jsonl", [{"clip_id": "x", "content": "a text"}]),
        ("quoted.csv", 'video_id,caption\r\nx,"a\r\ntext"\r\n'),
        ("nested.json", {"x": ["a text"]}),
    ],
)
def test_texts_of_every_form(tmp_path, name, value):
    (reference,) = read_references([write(tmp_path / name, value)]).by_name["x"]
    assert (" ".join(reference.text.split()), reference.events, reference.timed) == ("a text", (), False)


def test_texts_that_are_empty_long_or_in_another_encoding(tmp_path):
    assert [c.text for c in read_captions(write(tmp_path / "a.json", {"x": "", "y": None}))] == ["", ""]
    assert [c.text for c in read_captions(write(tmp_path / "b.jsonl", [{"id": "x", "caption": None}]))] == [""]
    long = "word " * 50_000
    assert len(read_captions(write(tmp_path / "c.csv", f"id,caption\nx,{long}\n"))[0].text) > 200_000
    (tmp_path / "d.csv").write_bytes("id,caption\nx,é女\n".encode("utf-16"))
    assert read_captions(str(tmp_path / "d.csv"))[0].text == "é女"
    (tmp_path / "e.jsonl").write_text('{"id": "x", "caption": "one\u2028two"}\r\n', encoding="utf-8")
    assert len(read_captions(str(tmp_path / "e.jsonl"))) == 1  # a line separator is no end of a line


@pytest.mark.parametrize(
    ("name", "data", "wanted"),
    [
        ("bom.csv", "\ufeffvideo_id,start,end,caption\r\n7,0,5,a dog\r\n7,5,9,a cat\r\n", ("a dog a cat", 2, None)),
        ("bom.jsonl", '\ufeff{"id": 7, "caption": "a dog a cat"}\r\n\r\n', ("a dog a cat", 0, None)),
        ("duration.csv", "id,duration,caption\n7,NaN,a dog a cat\n", ("a dog a cat", 0, None)),
        ("float.jsonl", '{"id": 7.0, "caption": "a dog a cat", "duration": NaN}\n', ("a dog a cat", 0, None)),
        ("nothing.jsonl", '{"id": 7, "caption": NaN, "duration": 9}\n', ("", 0, 9.0)),
        ("null.json", '{"7": {"timestamps": [[0, 5], [5, 9]], "sentences": [null, "a cat"]}}', ("a cat", 2, None)),
        ("number.jsonl", '{"id": 7, "caption": 12}\n', ("12", 0, None)),
        ("ends.csv", "id,start,end,caption\n7,0,,a dog\n7,4,,a cat\n", ("a dog a cat", 2, None)),
    ],
)
def test_what_tables_of_pandas_and_of_windows_hold(tmp_path, name, data, wanted):
    (tmp_path / name).write_bytes(data.encode())
    (reference,) = read_references([str(tmp_path / name)]).by_name["7"]
    assert (reference.text, len(reference.events), reference.duration_s) == wanted


def test_names_that_differ_behind_a_full_stop_are_two_videos(tmp_path):
    found = read_references([write(tmp_path / "r.json", {"clip.1": "one", "clip.2": "two", "film.mkv": "three"})])
    assert [found.name_of(Caption(video_id=v, aliases=(v,))) for v in ("clip.1", "clip.3", "clip", "film")] == [
        "clip.1", None, None, "film.mkv"
    ]  # fmt: skip


def test_several_references_of_a_video(tmp_path):
    one = write(tmp_path / "one.json", {"x": ["a", "b"]})
    two = write(tmp_path / "two.json", [{"id": "x", "captions": ["c"]}])
    assert [r.text for r in read_references([one, two]).by_name["x"]] == ["a", "b", "c"]
    with pytest.raises(UsageError, match="two captions"):
        read_captions(one)


def test_ranges_of_a_query(tmp_path):
    path = write(tmp_path / "gt.json", [{"query_id": 3, "gt": [[1, 2], [4, 6]]}, {"query_id": 4, "gt": []}])
    found = read_references([path]).by_name
    assert found["3"][0].events == ((1.0, 2.0, ""), (4.0, 6.0, ""))
    assert found["4"][0].timed and not found["4"][0].events


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty.json", "{}"),
        ("broken.json", "{"),
        ("number.json", "3"),
        ("noid.json", '[{"caption": "x"}]'),
        ("notext.json", '[{"id": "x"}]'),
        ("times.json", '{"x": {"timestamps": [[0, 1]], "sentences": []}}'),
        ("twice.json", '{"x": "one", "x": "two"}'),
        ("nan.json", '{"x": {"timestamps": [[0, NaN]], "sentences": ["a"]}}'),
        ("clock.csv", "id,start,end,caption\nx,1:2:3:4,9,c\n"),
        ("cells.csv", "id,caption\nx,a,b\n"),
        ("nan.csv", "id,start,end,caption\nx,nan,9,c\n"),
        ("inf.csv", "id,start,end,caption\nx,0,inf,c\n"),
        ("noid.jsonl", '{"id": NaN, "caption": "c"}\n'),
        ("words.csv", "id,start,end,caption\nx,a,b,c\n"),
        ("bytes.json", b"\xff\xfe\x00"),
    ],
)
def test_what_is_no_reference_is_one_line(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=name) as found:
        read_references([str(path)])
    assert "\n" not in str(found.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_references([str(tmp_path / "none.json")])
