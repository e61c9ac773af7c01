"""Servers of embeddings and transcriptions: the key goes nowhere else, and no message shows it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from operators.audio.recognisers import server as recogniser
from operators.core.base import ItemError
from operators.embedding.embedders import server as embedder
from operators.engines.openai import plain
from tests.support.chat import Play, serve

KEY = "sk-0123456789abcdefghij"
Ask = Callable[[str, str | None], None]


def embed(url: str, key_env: str | None) -> None:
    with embedder.Server(model="m", base_url=url, api_key_env=key_env, retries=0).open() as model:
        model.texts(["a"])


def recognise(url: str, key_env: str | None) -> None:
    with recogniser.Server(model="m", base_url=url, api_key_env=key_env, retries=0).open() as model:
        model.recognise(np.zeros(1600, np.int16))


both = pytest.mark.parametrize("ask", [embed, recognise])


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OF_THE_SERVER", KEY)
    return "OF_THE_SERVER"


@both
def test_a_redirect_to_another_host_gets_nothing(ask: Ask, key: str) -> None:
    with serve(lambda body, number: Play(whole={})) as thief:
        moved = Play(status=307, headers={"location": f"{thief.url}/elsewhere"}, whole={})
        with serve(lambda body, number: moved) as server, pytest.raises(ItemError, match="which gets nothing"):
            ask(server.url, key)
        assert not thief.asked


@both
def test_the_key_is_cut_out_of_what_a_server_says(ask: Ask, key: str) -> None:
    told = Play(status=400, whole={"error": {"message": f"wrong key {KEY}"}})
    with serve(lambda body, number: told) as server, pytest.raises(ItemError) as refused:
        ask(server.url, key)
    assert "wrong key ***" in refused.value.message and KEY not in refused.value.message


@both
def test_an_answer_without_end_is_not_read_to_its_end(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "_MOST_BYTES", 1000)
    with serve(lambda body, number: Play(whole={"text": "a" * 5000})) as server:
        with pytest.raises(ItemError, match="more than 1000 bytes"):
            ask(server.url, None)
