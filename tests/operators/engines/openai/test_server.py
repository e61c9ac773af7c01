"""What is asked of a server before the first request."""

from __future__ import annotations

from typing import Any

import pytest

from operators.core.base import ItemError
from operators.engines.base import EngineRefused, Request
from operators.engines.openai import OpenAIEngine
from tests.support.chat import Play, dead_url, serve

KEY = "sk-very-secret-0123"
UNKNOWN = Play(status=404, whole={"error": {"message": "no such model", "code": "model_not_found"}})


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)


def spec(url: str, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(**{"model": "m", "base_url": url, "api_key_env": "MY_KEY", **options})


def refusal(models: list[str] | int, model: str = "m") -> str:
    """What `reach` says; `open` says the same."""
    with serve(lambda body, number: UNKNOWN) as server:
        server.models = models
        with pytest.raises(ValueError) as error:
            spec(server.url, model=model).reach()
        with pytest.raises(EngineRefused) as refused, spec(server.url, model=model).open():
            pass
    said = str(error.value)
    assert said == f"engine openai: {refused.value.message}" and KEY not in said and "\n" not in said
    return said


def test_a_model_that_the_server_lists_is_not_asked_for() -> None:
    with serve() as server:
        server.models = ["other", "m"]
        spec(server.url).reach()
        assert server.asked == []


def test_a_model_under_another_name_is_asked_for_one_token() -> None:
    with serve() as server:
        server.models = ["m-2026-01-01"]
        spec(server.url, max_tokens_key="max_completion_tokens").reach()
        assert [asked.body["max_completion_tokens"] for asked in server.asked] == [1]


def test_a_model_that_the_server_does_not_know() -> None:
    assert refusal(["Qwen/Qwen3-VL", "gpt"], "qwen/qwen3-vl").endswith(
        "knows no model 'qwen/qwen3-vl'; did you mean Qwen/Qwen3-VL?"
    )
    assert refusal([f"big-{k}" for k in range(7)]).endswith(
        "knows no model 'm'; it has big-0, big-1, big-2, big-3, big-4 and 2 more"
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_the_server_does_not_take(status: int) -> None:
    assert f"refuses the key in MY_KEY (HTTP {status})" in refusal(status)


@pytest.mark.parametrize("models", [404, 405, 429, 500, []])
def test_a_server_without_a_list_passes(models: list[str] | int) -> None:
    with serve() as server:
        server.models = models
        spec(server.url).reach()
        assert server.asked == []


def test_a_server_that_is_not_there_is_told_of_and_an_actor_keeps_asking() -> None:
    away = spec(dead_url(), retries=0)
    with pytest.raises(ValueError, match=r"cannot be reached \(.*\): start it, or correct base_url$"):
        away.reach()
    request = Request(kind="window", start_s=0.0, end_s=10.0, prompt="Tell what happens.")
    with away.open() as engine, pytest.raises(ItemError, match="cannot be reached"):
        engine.submit(request).result(timeout=120)
