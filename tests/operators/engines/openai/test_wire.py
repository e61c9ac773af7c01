from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.caption.structure import window_schema
from operators.engines.base import FrameImage, Request
from operators.engines.openai import OpenAIEngine
from operators.engines.openai.tokens import counter, estimate
from operators.engines.openai.wire import arguments, content, sampling
from operators.narrate.outline import outline_schema

IMAGES = tuple(FrameImage(time_s=float(k), pts_s=float(k), jpeg=bytes([0xFF, 0xD8, k])) for k in range(3))


def request(prompt: str = "Tell.", **more: Any) -> Request:
    return Request(kind="window", start_s=0.0, end_s=3.0, prompt=prompt, **more)


def spec(**options: Any) -> OpenAIEngine:
    return OpenAIEngine(model="m", **options)


def shown(parts: Any) -> list[str | bytes]:
    """Texts, and the bytes of images, in order."""
    return [
        part["text"]
        if part["type"] == "text"
        else base64.b64decode(part["image_url"]["url"].removeprefix("data:image/jpeg;base64,"), validate=True)
        for part in parts
    ]


@pytest.mark.parametrize(
    ("prompt", "at", "wanted"),
    [
        ("What is this?\nNow.", 13, ["What is this?", *(p.jpeg for p in IMAGES), "\nNow."]),
        ("What is this?", None, ["What is this?", *(p.jpeg for p in IMAGES)]),
        ("What is this?", 0, [*(p.jpeg for p in IMAGES), "What is this?"]),
        ("", None, [p.jpeg for p in IMAGES]),
    ],
)
def test_frames_stand_where_the_prompt_says(prompt: str, at: int | None, wanted: list[str | bytes]) -> None:
    assert shown(content(spec(), request(prompt, images=IMAGES, images_at=at))) == wanted


@given(st.text(max_size=40), st.data())
def test_nothing_of_the_prompt_is_lost_and_frames_keep_their_order(prompt: str, data: st.DataObject) -> None:
    at = data.draw(st.none() | st.integers(0, len(prompt)))
    jpegs = data.draw(st.lists(st.binary(max_size=30), min_size=1, max_size=4))
    images = tuple(FrameImage(time_s=float(k), pts_s=0.0, jpeg=j) for k, j in enumerate(jpegs))
    parts = shown(content(spec(), request(prompt, images=images, images_at=at)))
    assert [p for p in parts if isinstance(p, bytes)] == jpegs
    texts = [p for p in parts if isinstance(p, str)]
    assert "".join(texts).strip() == prompt.strip()
    assert all(text.strip() for text in texts)


def test_a_prompt_without_frames_is_one_string() -> None:
    assert content(spec(), request("Tell it all.", images_at=4)) == "Tell it all."


def test_detail_is_sent_where_it_is_chosen() -> None:
    parts = content(spec(frame_detail="low"), request(images=IMAGES))
    assert [p["image_url"].get("detail") for p in parts[1:]] == ["low"] * 3  # type: ignore[index]
    parts = content(spec(), request(images=IMAGES))
    assert all("detail" not in p["image_url"] for p in parts[1:])  # type: ignore[index]


def test_the_body_holds_what_is_set_and_nothing_else() -> None:
    assert arguments(spec(temperature=None, seeded=False, stream=False), request()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Tell."}],
        "max_tokens": 2048,
        "stream": False,
    }
    made = arguments(
        spec(temperature=0.5, top_p=0.9, max_tokens=9, max_tokens_key="max_completion_tokens", extra_body={"top_k": 5}),
        request(seed=7),
    )
    assert made == {
        "model": "m",
        "messages": [{"role": "user", "content": "Tell."}],
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_body": {"top_k": 5},
    }


def test_a_later_attempt_draws_more_boldly_and_never_over_the_limit() -> None:
    drawn = [sampling(spec(), request(attempt=n))["temperature"] for n in range(1, 10)]
    assert drawn[:4] == [0.2, 0.5, 0.8, 1.1]
    assert drawn == sorted(drawn) and max(drawn) == 2.0
    assert "temperature" not in sampling(spec(temperature=None), request(attempt=3))


def test_sampling_says_all_that_an_answer_is_drawn_with() -> None:
    made = sampling(spec(top_p=0.9, extra_body={"top_k": 5}), request(seed=7))
    assert made == {"max_tokens": 2048, "temperature": 0.2, "top_p": 0.9, "seed": 7, "extra_body": {"top_k": 5}}
    assert made == sampling(spec(top_p=0.9, extra_body={"top_k": 5}, max_concurrency=1), request("Else.", seed=7))


@pytest.mark.parametrize("schema", [window_schema(), outline_schema(2)])
def test_each_way_to_tell_of_a_schema(schema: str) -> None:
    asked = request("Tell.", schema=schema)

    made = arguments(spec(), asked)["response_format"]
    assert made == {
        "type": "json_schema",
        "json_schema": {"name": "window", "strict": True, "schema": json.loads(schema)},
    }
    made = arguments(spec(schema_as="structured_outputs", extra_body={"top_k": 5}), asked)
    assert made["extra_body"] == {"top_k": 5, "structured_outputs": {"json": json.loads(schema)}}
    assert "response_format" not in made and made["messages"][0]["content"] == "Tell."
    assert arguments(spec(schema_as="guided_json"), asked)["extra_body"] == {"guided_json": json.loads(schema)}
    made = arguments(spec(schema_as="prompt"), asked)
    assert "response_format" not in made and "extra_body" not in made
    assert made["messages"][0]["content"].startswith("Tell.\n\n") and schema in made["messages"][0]["content"]


def test_in_words_the_schema_stands_behind_the_frames() -> None:
    parts = content(spec(schema_as="prompt"), request("Tell.", images=IMAGES, schema="{}"))
    assert shown(parts)[0] == "Tell."
    assert isinstance(parts, list) and parts[-1]["text"].endswith("\n{}")


def test_a_plain_schema_has_no_bounds_and_all_its_names() -> None:
    schema = {
        "type": "object",
        "properties": {
            "minLength": {"type": "string", "minLength": 1, "description": "a name like a bound's"},
            "default": {"type": "array", "maxItems": 3, "items": {"$ref": "#/$defs/pattern"}},
        },
        "required": ["minLength", "default"],
        "$defs": {"pattern": {"type": "integer", "minimum": 0, "enum": [1, 2]}},
        "additionalProperties": False,
    }
    made = arguments(spec(schema_as="json_schema_plain"), request(schema=json.dumps(schema)))
    assert made["response_format"]["json_schema"]["schema"] == {
        "type": "object",
        "properties": {
            "minLength": {"type": "string", "description": "a name like a bound's"},
            "default": {"type": "array", "items": {"$ref": "#/$defs/pattern"}},
        },
        "required": ["minLength", "default"],
        "$defs": {"pattern": {"type": "integer", "enum": [1, 2]}},
        "additionalProperties": False,
    }


def test_tokens_are_estimated_where_nobody_can_count_them() -> None:
    assert estimate("") == 0
    assert estimate("A brown dog runs over the wet grass.") == 11
    assert estimate("一只狗跑过草地。") == 8
    assert counter("a/model-of-nobody")("abcdefg") == 2
