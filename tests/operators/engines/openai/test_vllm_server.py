"""The engine over a real vLLM that serves a small model on the CPU; where vLLM is not installed, it is skipped."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from operators.caption.caption import Caption
from operators.core.base import Row
from operators.engines.base import EngineRefused, FrameImage, PromptTooLong, Request
from operators.engines.openai import OpenAIEngine
from tests.support.ports import free_port
from tests.support.rows import decoded

if find_spec("vllm") is None:
    pytest.skip("vLLM is not installed", allow_module_level=True)
models = pytest.importorskip("tests.support.models")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KEY = "sk-local-secret-0123"
WAIT_S, READY_S = 300.0, 600.0
CONTEXT = 2048


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of a tiny random Qwen2.5-VL, named `tiny`."""
    port = free_port()
    log = tmp_path_factory.mktemp("vllm") / "log"
    options = ["--model", str(models.get("qwen2_5_vl")), "--served-model-name", "tiny", "--dtype", "bfloat16"]
    options += ["--host", "127.0.0.1", "--port", str(port), "--enforce-eager", "--max-model-len", str(CONTEXT)]
    options += ["--max-num-seqs", "8", "--limit-mm-per-prompt", '{"image": 10}', "--enable-prompt-tokens-details"]
    options += ["--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}']
    small = {"OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *options],
            env={**os.environ, **small, "HF_HUB_OFFLINE": "1", "VLLM_API_KEY": KEY},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(60.0)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(health: str, server: subprocess.Popen[bytes], log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with direct.open(health, timeout=5.0):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"vLLM did not come up:\n{log.read_text()[-3000:]}")


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", "sk-another")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def spec(url: str, **options: Any) -> OpenAIEngine:
    given = {"model": "tiny", "base_url": url, "api_key_env": "LOCAL_KEY", "max_tokens": 64, "temperature": 0.0}
    return OpenAIEngine(**{**given, **options})


def images(count: int) -> tuple[FrameImage, ...]:
    made = []
    for k in range(count):
        image = Image.new("RGB", (160, 90), (120, 120, 120))
        ImageDraw.Draw(image).ellipse((5 + 12 * k, 20, 45 + 12 * k, 60), fill=(220, 20, 20))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=90)
        made.append(FrameImage(time_s=float(k), pts_s=float(k), jpeg=out.getvalue()))
    return tuple(made)


def request(prompt: str = "Describe what happens.", **more: Any) -> Request:
    return Request(kind="window", start_s=0.0, end_s=10.0, prompt=prompt, **more)


def test_it_is_shown_the_frames_and_counts_them(url: str) -> None:
    with spec(url).open() as engine:
        blind, one, five = (engine.submit(request(images=images(n))).result(WAIT_S) for n in (0, 1, 5))
        again = engine.submit(request(images=images(5))).result(WAIT_S)
    an_image = one.prompt_tokens - blind.prompt_tokens
    assert an_image > 4  # patches of 28 px, and two marks around them
    assert five.prompt_tokens == blind.prompt_tokens + 5 * an_image
    assert again.text == five.text and again.output_tokens > 0
    assert again.cached_tokens > 0  # its prefix cache, as the server tells of it


def test_a_schema_is_kept(url: str) -> None:
    colours = {"type": "string", "enum": ["red", "green"]}
    schema = {
        "type": "object",
        "properties": {"colour": colours},
        "required": ["colour"],
        "additionalProperties": False,
    }
    for schema_as in ("json_schema", "structured_outputs"):
        with spec(url, schema_as=schema_as).open() as engine:
            made = engine.submit(request(images=images(2), schema=json.dumps(schema))).result(WAIT_S)
        assert json.loads(made.text)["colour"] in ("red", "green"), schema_as


@pytest.mark.parametrize("prompt", ["red dog " * 3000, "x" * 200_000])
def test_what_does_not_fit_is_known_by_its_words(url: str, prompt: str) -> None:
    with spec(url).open() as engine:
        error = engine.submit(request(prompt, images=images(1))).exception(WAIT_S)
    assert isinstance(error, PromptTooLong)
    assert error.limit == CONTEXT - 64


def test_a_loop_is_stopped_and_the_engine_goes_on(url: str) -> None:
    always = {"logit_bias": {"40": 100.0}, "ignore_eos": True}
    with spec(url, max_tokens=1500, extra_body=always).open() as engine:
        made = engine.submit(request()).result(WAIT_S)
    assert made.finish_reason == "loop" and made.output_tokens < 1500
    with spec(url).open() as engine:
        assert engine.submit(request()).result(WAIT_S).output_tokens > 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"api_key_env": "OTHER_KEY"}, "refuses the key in OTHER_KEY (HTTP 401)"),
        ({"model": "no-such"}, "knows no model 'no-such'"),
    ],
)
def test_what_is_set_up_wrong_is_told_in_one_line(url: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(EngineRefused) as refused, spec(url, **options).open():
        pass
    assert says in str(refused.value) and "sk-" not in str(refused.value)


def test_a_segment_is_captioned(url: str) -> None:
    row: Row = decoded("v", 0, duration_s=20.0, warm_up=0)
    shown = images(len(row["images"]))
    row["images"] = [{**p, "jpeg": s.jpeg} for p, s in zip(row["images"], shown, strict=True)]
    caption = Caption(engine=spec(url, temperature=0.7, price_output_per_mtok=1.0), language="any", frames=False)
    with caption.open() as apply:
        made = apply(row)
    told = [w for w in made["windows"] if w["valid"]]
    assert told and all(w["text"] for w in told)
    assert made["usage"]["output_tokens"] > 0
    assert made["usage"]["cost_usd"] == pytest.approx(made["usage"]["output_tokens"] / 1e6)
