"""Embedding models behind a server: what is sent, and what of an answer is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from operators.core.base import ItemError
from operators.embedding.embedders.server import Server, read_answer
from tests.support.chat import Play, serve


def answer(body: dict[str, Any], number: int) -> Play:
    """Vectors in reverse order, each with its place."""
    count = len(body["input"]) if "input" in body else 1
    data = [{"index": k, "embedding": [float(k + 1), 2.0, 0.0]} for k in range(count)]
    return Play(whole={"object": "list", "data": data[::-1]})


def test_texts_are_sent_as_input_and_frames_as_messages() -> None:
    with serve(answer) as server:
        spec = Server(model="m", base_url=server.url, api_key_env=None, dimensions=3, frame_prompt="Look.")
        with spec.open() as model:
            texts = model.texts([f"text {k}" for k in range(40)])
            frames = model.frames([b"jpeg"])
            assert len(model.texts([])) == len(model.frames([])) == 0
        bodies = [asked.body for asked in server.asked]
    assert [len(b.get("input", ())) for b in bodies] == [32, 8, 0]
    assert all(b["model"] == "m" and b["dimensions"] == 3 for b in bodies)
    (message,) = bodies[2]["messages"]
    assert message["content"][0]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert message["content"][1] == {"type": "text", "text": "Look."}
    assert texts.shape == (40, 3) and frames.shape == (1, 3)
    assert np.allclose(np.linalg.norm(texts, axis=1), 1)
    assert texts[0][0] < texts[1][0] < texts[31][0], "each text has its own vector, whatever the answer's order"


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"data": []},
        {"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]},
        {"data": [{"embedding": [1.0]}, {"embedding": None}]},
        {"data": [{"embedding": [1.0]}, {"embedding": ["x"]}]},
        {"data": [{"embedding": [1.0]}, {"embedding": [float("nan")]}]},
        {"data": ["x", "y"]},
    ],
)
def test_an_answer_of_another_form_is_none(body: Any) -> None:
    assert read_answer(body, 2) is None


def test_what_the_server_refuses_is_a_failure_of_the_item() -> None:
    with serve(lambda body, number: Play(status=400, whole={"error": {"message": "no pooling model"}})) as server:
        with Server(model="m", base_url=server.url, api_key_env=None).open() as model:
            with pytest.raises(ItemError, match=r"HTTP 400: .*no pooling model"):
                model.texts(["a"])
    with serve(lambda body, number: Play(whole={"data": []})) as server:
        with Server(model="m", base_url=server.url, api_key_env=None).open() as model:
            with pytest.raises(ItemError, match="is not 1 vectors"):
                model.frames([b"a"])
