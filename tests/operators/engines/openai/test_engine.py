from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from operators.caption.caption import Caption
from operators.core.fingerprint import chain
from operators.engines.gates import ALWAYS, GENERATIVE, gates_of
from operators.engines.openai import OpenAIEngine
from operators.engines.provenance import provenance
from operators.engines.registry import engine_config, parse_engine
from operators.prompts import load_prompt

KEY = "sk-very-secret-0123"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def spec(**options: Any) -> OpenAIEngine:
    return OpenAIEngine(**{"model": "m", "api_key_env": "MY_KEY", **options})


def test_a_config_names_it() -> None:
    config = {"kind": "openai", "model": "m", "api_key_env": None, "extra_body": {"top_k": 5}}
    made = parse_engine(config)
    assert made == OpenAIEngine(model="m", api_key_env=None, extra_body={"top_k": 5})
    assert parse_engine(json.loads(json.dumps(engine_config(made)))) == made
    assert gates_of(made) == (*ALWAYS, *GENERATIVE)
    made.check(images=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": ""}, ["model is missing"]),
        ({"base_url": "host:8000/v1"}, ["'host:8000/v1' is no address", "https://host/v1"]),
        ({"base_url": "ftp://host"}, ["no address"]),
        ({"base_url": f"https://me:{KEY}@host/v1"}, ["of host has more than an address", "api_key_env"]),
        ({"base_url": f"https://host/v1?key={KEY}"}, ["of host has more than an address"]),
        ({"api_key_env": "OPENAI_API_KEY"}, ["OPENAI_API_KEY is not set", "api_key_env: null"]),
        ({"api_key_env": KEY}, ["no name of an environment variable", "no place in a config"]),
        ({"extra_body": {"temperature": 1, "top_k": 2, "stream": False}}, ["must not hold stream, temperature"]),
        ({"context_tokens": 2048}, ["context_tokens is 2048", "lower max_tokens"]),
        ({"tokens_per_minute": 100}, ["tokens_per_minute is 100"]),
    ],
)
def test_what_cannot_work_is_told_in_one_line_before_anything_runs(options: dict[str, Any], says: list[str]) -> None:
    for attempt in (lambda: spec(**options).check(images=True), lambda: spec(**options).open().__enter__()):
        with pytest.raises(ValueError) as caught:
            attempt()
        message = str(caught.value)
        assert message.startswith("engine openai: ") and "\n" not in message
        assert KEY not in message
        for part in says:
            assert part in message


@pytest.mark.parametrize("value", ["", "  ", "sk-\n0", "sk-\u2019"])
def test_what_is_no_key_is_told_without_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ValueError, match="MY_KEY") as caught:
        spec().check(images=False)
    assert not value.strip() or value not in str(caught.value)


def test_the_key_is_in_nothing_that_is_written_down() -> None:
    made = spec()
    written = [
        repr(made),
        json.dumps(engine_config(made)),
        json.dumps(provenance(made, [load_prompt("window")], {"seed": 1})),
        chain("", Caption(engine=made)),
    ]
    assert all(KEY not in text for text in written)
    assert provenance(made, [], {})["model"] == "m"


def test_where_and_how_fast_makes_no_caption_stale_and_what_decides_the_text_does() -> None:
    def key(**options: Any) -> str:
        return chain("", Caption(engine=spec(**options)))

    same: list[dict[str, Any]] = [
        {"base_url": "http://127.0.0.1:1/v1"},
        {"api_key_env": None},
        {"max_concurrency": 1},
        {"requests_per_minute": 1},
        {"tokens_per_minute": 5000},
        {"price_input_per_mtok": 1.0},
        {"retries": 0},
        {"timeout_s": 1.0},
    ]
    assert {key(**options) for options in same} == {key()}
    other: list[dict[str, Any]] = [
        {"model": "n"},
        {"revision": "fp8"},
        {"temperature": 0.1},
        {"max_tokens": 100},
        {"frame_detail": "low"},
        {"schema_as": "prompt"},
        {"extra_body": {"top_k": 1}},
    ]
    assert len({key(**options) for options in other} | {key()}) == len(other) + 1


def test_cost_is_the_sum_of_its_prices() -> None:
    priced = spec(price_input_per_mtok=2.0, price_output_per_mtok=8.0)
    assert priced.cost_usd(1_000_000, 400_000, 100_000) == pytest.approx(2.8)
    assert replace(priced, price_cached_per_mtok=0.5).cost_usd(1_000_000, 400_000, 100_000) == pytest.approx(2.2)
    assert spec().cost_usd(10**9, 0, 10**9) == 0.0
