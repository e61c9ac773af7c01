"""Who is who by looking: pairs chosen by words, asked about with both frames, never two of one scene."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operators.core.base import ItemError, Row
from operators.coreference.associate import Associate
from tests.support import video
from tests.support.engines import Scripted, asked

SAME = [{"do": "say", "text": '{"same": true}'}]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    video.render(path, count=300, fps=10.0)
    return str(path)


def row(clip: str, scenes: list[list[tuple[str, str, float]]]) -> Row:
    items = [
        {
            "index": k,
            "start_s": 10.0 * k,
            "end_s": 10.0 * k + 10,
            "fields": json.dumps({"subjects": [{"name": n, "looks": x, "best_s": t} for n, x, t in scene]}),
        }
        for k, scene in enumerate(scenes)
    ]
    facts = {"video_id": "v", "uri": clip, "source_version": None, "duration_s": 30.0, "first_pts_s": 0.0}
    return {**facts, "parts": None, "scenes": items}


def made(clip: str, scenes: list[list[tuple[str, str, float]]], log: str, script: Any = SAME, **options: Any) -> Row:
    spec = Associate(engine=Scripted(script=json.dumps(script), log=log), short_side_px=64, **options)
    with spec.open() as apply:
        return apply(row(clip, scenes))


def test_one_actor_of_three_scenes_has_one_name(clip: str) -> None:
    scenes = [
        [("a woman in red", "red coat, black hat", 3.0)],
        [("a dog", "small and brown", 12.0)],
        [("woman", "red coat and hat", 25.0), ("a woman in red", "red coat, black hat", 99.0)],
    ]
    found = made(clip, scenes, "one name")
    names = {e["name"]: [(m["item"], m["name"]) for m in e["mentions"]] for e in found["entities"]}
    # the likest pair joins the first and the last scene; the other woman of that scene stays somebody else
    assert names == {
        "a woman in red": [(0, "a woman in red"), (2, "a woman in red")],
        "a dog": [(1, "a dog")],
        "woman": [(2, "woman")],
    }
    assert [e["entity_id"] for e in found["entities"]] == ["e0", "e1", "e2"]
    (request,) = asked("one name")
    # a time outside its scene is that scene's middle
    assert [p.time_s for p in request.images] == [3.0, 25.0]
    assert [video.read_jpeg(p.jpeg) for p in request.images] == [30, 250]
    assert found["pairs"] == [
        {"first": "0:a woman in red", "second": "2:a woman in red", "likeness": 1.0, "same": True}
    ]


def test_a_failing_engine_does_not_make_two_of_one(clip: str) -> None:
    scenes = [[("a man", "grey beard", 1.0)], [("a man", "grey beard", 11.0)]]
    failing = {"do": "engine", "times": 1}
    assert made(clip, scenes, "", [failing, *SAME])["entities"] == made(clip, scenes, "")["entities"]
    with pytest.raises(ItemError, match="0:a man and 1:a man could not be compared: the script says so"):
        made(clip, scenes, "", [{"do": "engine"}])


def test_scenes_of_different_segments_are_different_scenes(clip: str) -> None:
    """The list of a video joins those of its segments, in which `index` begins anew; window captions have none."""
    mentions = [[("a man", "grey beard", 1.0)], [("a man", "grey beard", 11.0)]]
    parts = [{**item, "index": 0} for item in row(clip, mentions)["scenes"]]
    for of, more in (
        ("scenes", {"scenes": parts}),
        ("segments.windows", {"captioned": [{"windows": [p]} for p in parts]}),
    ):
        spec = Associate(engine=Scripted(script=json.dumps(SAME)), short_side_px=64, of=of)
        with spec.open() as apply:
            (entity,) = apply({**row(clip, []), **more})["entities"]
        assert [m["item"] for m in entity["mentions"]] == [0, 1] and spec.reads >= set(more)


def test_unlike_descriptions_are_not_shown_and_a_no_is_a_no(clip: str) -> None:
    scenes = [[("a man", "grey beard", 1.0)], [("a bus", "yellow", 11.0)], [("a man", "grey beard", 21.0)]]
    found = made(clip, scenes, "a no", [{"do": "say", "text": '{"same": false}'}])
    assert len(asked("a no")) == 1 and [e["name"] for e in found["entities"]] == ["a man", "a bus", "a man (2)"]
    assert found["pairs"][0]["same"] is False
    found = made(clip, scenes, "no answer", [{"do": "empty"}], tries=2)
    assert len(asked("no answer")) == 2 and found["pairs"][0]["same"] is None and len(found["entities"]) == 3


def test_the_budget_is_kept_likest_first(clip: str) -> None:
    scenes = [[("a man", "grey beard", 1.0)], [("a man", "grey beard and hat", 11.0)], [("a man", "grey beard", 21.0)]]
    found = made(clip, scenes, "budget", max_pairs=1)
    assert [(p["first"], p["second"]) for p in found["pairs"]] == [("0:a man", "2:a man")]
    assert len(found["entities"]) == 2
    assert made(clip, [[], [], []], "nobody")["entities"] == []
