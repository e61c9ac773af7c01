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
    known = found.name_of(Caption(video_id="x", aliases=("x", "/videos/x.mp4", "x.mp4")))
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
    ],
)
def test_texts_of_every_form(tmp_path, name, value):
    (reference,) = read_references([write(tmp_path / name, value)]).by_name["x"]
    assert (reference.text, reference.events, reference.timed) == ("a text", (), False)


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
