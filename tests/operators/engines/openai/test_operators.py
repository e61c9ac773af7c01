"""Whole operators over a server: frames and windows of a segment, and a video told from them."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from operators.caption.caption import Caption
from operators.core import rows
from operators.core.base import ItemError, Row
from operators.engines.openai import OpenAIEngine
from operators.narrate.narrate import Narrate
from tests.support.chat import Asked, ChatServer, Play, serve
from tests.support.rows import captioned, decoded, narrated

KEY = "sk-very-secret-0123"
PRICES = {"price_input_per_mtok": 10.0, "price_cached_per_mtok": 5.0, "price_output_per_mtok": 20.0}
ANSWER_USD = (40 * 10 + 60 * 5 + 20 * 20) / 1e6  # of what the server says that each answer takes


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)


def spec(server: ChatServer, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(model="watcher-1", base_url=server.url, api_key_env="MY_KEY", **PRICES, **options)


def jpeg(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 36), (shade, 90, 200 - shade)).save(out, "JPEG")
    return out.getvalue()


def segment(**changes: Any) -> Row:
    """20 s with an image a second, each of its own shade."""
    row = decoded("v", 0, duration_s=20.0, warm_up=0, **changes)
    row["images"] = [{**p, "jpeg": jpeg(10 * k)} for k, p in enumerate(row["images"])]
    return row


def tells(body: dict[str, Any], number: int) -> Play:
    """As a model that sees how many images it is shown, and knows the time from its prompt."""
    asked = Asked("", {}, body)
    shown = sum(part["type"] == "image_url" for part in asked.content)
    span = re.search(r"lasts from ([\d.]+) s to ([\d.]+) s", asked.prompt)
    if span is None:
        return Play(text=f"A single frame with a plain wall in one colour and nothing else; {shown} frame is there.")
    text = f"The wall slowly changes its colour from one end to the other, in {shown} frames of {span.group(1)} s."
    if "response_format" not in body:
        return Play(text=text)
    made = {"caption": text, "subjects": [], "actions": ["it changes"], "camera": "still", "scene": "a wall"}
    return Play(text=json.dumps({**made, "on_screen_text": []}))


@pytest.mark.parametrize("fields", [False, True])
def test_a_segment_is_captioned(fields: bool) -> None:
    row = segment()
    with serve(tells) as server, Caption(engine=spec(server), fields=fields).open() as apply:
        made = apply(row)
    assert [w["valid"] for w in made["windows"]] == [True] * 3
    assert [f["text"] for f in made["frames"]] == [
        "A single frame with a plain wall in one colour and nothing else; 1 frame is there."
    ] * 20
    assert [w["text"] for w in made["windows"]] == [
        f"The wall slowly changes its colour from one end to the other, in 10 frames of {at}.0 s." for at in (0, 5, 10)
    ]
    assert all(
        (json.loads(w["fields"])["camera"] == "still") if fields else w["fields"] is None for w in made["windows"]
    )
    windows = sorted((a for a in server.asked if "lasts from" in a.prompt), key=lambda a: _start(a.prompt))
    assert [_images(a) for a in windows] == [[p["jpeg"] for p in row["images"][k : k + 10]] for k in (0, 5, 10)]
    assert all(before in after.prompt for before, after in zip(_texts(made), windows[1:], strict=False))  # the chain
    assert all(a.headers["authorization"] == f"Bearer {KEY}" for a in server.asked)

    assert made["usage"]["cost_usd"] == pytest.approx(23 * ANSWER_USD)
    assert (made["usage"]["prompt_tokens"], made["usage"]["output_tokens"]) == (2300, 460)
    assert (made["provenance"]["engine"], made["provenance"]["model"]) == ("openai", "watcher-1")
    kept = {name: made.get(name) for name in rows.CAPTIONED_SEGMENT.names}
    back = pa.Table.from_pylist([kept], schema=rows.CAPTIONED_SEGMENT).to_pylist()[0]
    assert back["windows"] == made["windows"] and back["usage"] == made["usage"]
    assert KEY not in repr(made)


def test_a_windows_context_that_is_too_small_for_ten_frames_gets_fewer() -> None:
    def small(body: dict[str, Any], number: int) -> Play:
        shown = sum(part["type"] == "image_url" for part in Asked("", {}, body).content)
        if shown <= 3:
            return tells(body, number)
        said = f"The decoder prompt (length {500 * shown}) is longer than the maximum model length of 2000."
        return Play(status=400, whole={"error": {"message": said, "code": 400}})

    with serve(small) as server, Caption(engine=spec(server), frames=False).open() as apply:
        made = apply(segment())
    assert all(w["valid"] and w["attempts"] == 1 and len(w["pts_s"]) == 3 for w in made["windows"])


def test_one_bad_window_costs_itself_alone() -> None:
    def script(body: dict[str, Any], number: int) -> Play:
        return (
            Play(text="I'm sorry, I can't.") if "lasts from 5.0" in Asked("", {}, body).prompt else tells(body, number)
        )

    with serve(script) as server, Caption(engine=spec(server), frames=False, tries=2).open() as apply:
        made = apply(segment())
    assert [w["valid"] for w in made["windows"]] == [True, False, True]
    assert made["windows"][1]["usage"]["rejected"] == ["refusal", "refusal"]
    assert made["usage"]["cost_usd"] == pytest.approx(4 * ANSWER_USD)
    temperatures = [a.body["temperature"] for a in server.asked if "lasts from 5.0" in a.prompt]
    assert temperatures == [0.2, 0.5]
    assert json.loads(made["windows"][0]["sampling"])["temperature"] == 0.2


def test_a_key_that_is_refused_fails_the_segment_in_one_line() -> None:
    refused = Play(status=401, whole={"error": {"message": f"Incorrect API key: {KEY}"}})
    with serve(lambda body, number: refused) as server, Caption(engine=spec(server), tries=1).open() as apply:
        with pytest.raises(ItemError) as caught:
            apply(segment())
    assert caught.value.failure_class == "engine"
    assert "refuses the key in MY_KEY (HTTP 401)" in caught.value.message
    assert KEY not in str(caught.value)


def test_a_video_is_narrated() -> None:
    def script(body: dict[str, Any], number: int) -> Play:
        asked = Asked("", {}, body)
        if "response_format" in body:
            return Play(text=json.dumps({"sections": [{"topic": "the windows", "words": 60}] * 2}))
        lines = dict.fromkeys(re.findall(r"^- (.*)$", asked.prompt, re.MULTILINE))
        return Play(text=" ".join(lines))

    row = {
        **narrated("v", usage=None),
        "captioned": [captioned("v", 0), captioned("v", 1)],
        "segments": 2,
        "window_s": 10.0,
        "stride_s": 5.0,
        "window_rule": "grid",
        "min_shot_s": 0.0,
    }
    for segment_row in row["captioned"]:
        for window in segment_row["windows"]:
            window["text"] = f"In stretch {window['window_index']} a man in a red coat walks over the bridge."
    with serve(script) as server, Narrate(engine=spec(server), target_words=120).open() as apply:
        made = apply(row)
    assert [s["topic"] for s in made["sections"]] == ["the windows"] * 2
    assert "In stretch 0 a man in a red coat" in made["caption"] and made["coverage"] == 1.0
    asked = len(server.asked)
    assert asked >= 4  # an outline, two sections, an opening
    assert made["usage"]["cost_usd"] == pytest.approx(asked * ANSWER_USD)
    assert made["provenance"]["model"] == "watcher-1"
    assert all(isinstance(a.content, str) for a in server.asked)
    assert KEY not in repr(made)


def _start(prompt: str) -> float:
    found = re.search(r"lasts from ([\d.]+) s", prompt)
    assert found is not None
    return float(found.group(1))


def _texts(made: Row) -> list[str]:
    return [w["text"] for w in made["windows"]]


def _images(asked: Asked) -> list[bytes]:
    import base64

    parts = (p for p in asked.content if p["type"] == "image_url")
    return [base64.b64decode(p["image_url"]["url"].split(",", 1)[1]) for p in parts]
