"""The engine `transformers` on real models: the exam's, which sees, and one with code of its own, built here."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from longcap.testing import check_engine
from operators.ask.form import form_of
from operators.core.base import ItemError
from operators.engines.base import EngineRefused, FrameImage, PromptTooLong, Request
from operators.engines.registry import parse_engine
from operators.engines.transformers import TransformersEngine
from operators.engines.transformers.engine import Engine
from operators.engines.transformers.models import _drawing

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "transformers", "xgrammar")),
    reason="transformers is not installed",
)
CHECKPOINT = str(Path(__file__).parents[4] / "pipeline" / "evaluation" / "exam" / "checkpoint")
WAIT_S = 120.0
TIMES_S = (40.0, 41.0, 42.1, 43.0)


def image(time_s: float, colour: str = "red") -> FrameImage:
    jpeg = io.BytesIO()
    Image.new("RGB", (96, 96), colour).save(jpeg, "JPEG", quality=90)
    return FrameImage(time_s=time_s, pts_s=time_s, jpeg=jpeg.getvalue())


def window(seed: int = 0, **changes: Any) -> Request:
    values: dict[str, Any] = {"prompt": "Describe this.", "images": tuple(image(t) for t in TIMES_S)}
    return Request(kind="window", start_s=40.0, end_s=50.0, seed=seed, **{**values, **changes})


@pytest.fixture(scope="module")
def eyes() -> Iterator[Engine]:
    with TransformersEngine(model=CHECKPOINT, max_tokens=24).open() as engine:
        assert isinstance(engine, Engine)
        yield engine


def test_a_window_is_a_video_with_its_true_times_and_a_frame_an_image(eyes: Engine) -> None:
    own: Any = eyes._model
    text = own._tokenizer.decode(own._inputs(window())["input_ids"][0])
    assert "<40.5 seconds>" in text and "<42.5 seconds>" in text and text.index("Describe") < text.index("seconds")
    frame = Request(kind="frame", start_s=3.0, end_s=4.0, prompt="What is this?", images=(image(3.0),))
    text = own._tokenizer.decode(own._inputs(frame)["input_ids"][0])
    assert "<|vision_start|>" in text and "seconds>" not in text
    answer = eyes.submit(frame).result(WAIT_S)
    assert answer.text and answer.prompt_tokens > 10 and 0 < answer.output_tokens <= 24 and answer.seconds > 0
    assert json.loads(answer.sampling or "")["temperature"] == 0.0


def test_images_carry_their_times_and_a_schema_stands_in_the_prompt(eyes: Engine) -> None:
    own: Any = eyes._model
    spec, own._spec = own._spec, replace(own._spec, frames_as="images")
    try:
        text = own._tokenizer.decode(own._inputs(window(schema='{"type": "object"}'))["input_ids"][0])
    finally:
        own._spec = spec
    assert [f"{t:.1f} s:" in text for t in TIMES_S] == [True] * 4 and '{"type": "object"}' in text


def test_an_answer_follows_its_schema(eyes: Engine) -> None:
    """The model has never seen JSON, and is not told to write any: what it may say is masked token by token."""
    fields = {"caption": "text", "shot": ["close-up", "wide shot"], "subjects": [{"name": "text"}], "still": "boolean"}
    form = form_of(fields)
    own: Any = eyes._model
    spec, own._spec = own._spec, replace(own._spec, max_tokens=160)
    wide, eyes._spec = eyes._spec, replace(eyes._spec, max_tokens=160)
    try:
        for attempt in (1, 2):
            answer = eyes.submit(window(attempt, attempt=attempt, schema=form.schema)).result(WAIT_S)
            assert answer.finish_reason == "stop" and "\n" not in answer.text
            assert set(json.loads(answer.text)) == set(fields) and form.read(answer.text)
        with pytest.raises(ItemError, match="the model failed on a window: "):
            eyes.submit(window(schema='{"type": "nothing"}')).result(WAIT_S)
    finally:
        own._spec, eyes._spec = spec, wide


def test_what_is_shown_changes_the_answer_and_equal_requests_have_equal_ones() -> None:
    spec = TransformersEngine(model=CHECKPOINT, max_tokens=24)
    asked = [window(), window(3, attempt=2), window(4, attempt=2), window(images=(image(1.0, "blue"),))]
    answers = check_engine(spec, asked, other={"temperature": 0.5, "cpu_threads": 2, "trust_remote_code": True})
    assert len({a.text for a in answers}) > 1
    assert json.loads(answers[1].sampling or "")["temperature"] == 0.7  # after a no, more boldly


def test_what_is_too_long_is_refused_before_it_is_asked(eyes: Engine) -> None:
    with pytest.raises(PromptTooLong) as error:
        eyes.submit(window(prompt="word " * 3000)).result(WAIT_S)
    assert error.value.limit == (eyes.context_tokens or 0) - 24
    with pytest.raises(PromptTooLong):
        own: Any = eyes._model
        spec, own._spec = own._spec, replace(own._spec, frames_as="images")
        try:
            eyes.submit(window(images=tuple(image(float(t)) for t in range(17)))).result(WAIT_S)
        finally:
            own._spec = spec


def test_a_closed_engine_answers_nobody_and_leaves_nobody_waiting() -> None:
    with TransformersEngine(model=CHECKPOINT, max_tokens=400).open() as engine:
        futures = [engine.submit(window(k, prompt=f"Describe {k}.")) for k in range(20)]
    settled = [f.exception(WAIT_S) for f in futures]
    assert any(isinstance(e, ItemError) and "closed" in e.message for e in settled)
    with pytest.raises(ItemError, match="closed"):
        engine.submit(window()).result(1.0)


CODE = """
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

class OddConfig(LlamaConfig):
    model_type = "odd_model"

class OddModel(LlamaForCausalLM):
    config_class = OddConfig
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a type that transformers does not know, with the code that defines it, and random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.support.models import tokenizer

    folder = tmp_path_factory.mktemp("odd")
    tok = tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(1)
    config = LlamaConfig(vocab_size=len(tok), **sizes, max_position_embeddings=512, eos_token_id=tok.eos_token_id)
    LlamaForCausalLM(config).save_pretrained(folder)
    tok.save_pretrained(folder)
    found = json.loads((folder / "config.json").read_text())
    names = {"AutoConfig": "code_odd.OddConfig", "AutoModelForCausalLM": "code_odd.OddModel"}
    found |= {"model_type": "odd_model", "auto_map": names}
    (folder / "config.json").write_text(json.dumps(found))
    (folder / "code_odd.py").write_text(CODE)
    return folder


def test_code_of_a_checkpoint_runs_only_when_the_user_says_so(odd: Path) -> None:
    spec = TransformersEngine(model=str(odd), max_tokens=16)
    with pytest.raises(ValueError, match="read that code, then set trust_remote_code: true"):
        spec.check(images=False)
    with pytest.raises(EngineRefused, match="does not load the model"):
        with spec.open():
            pass
    trusting = replace(spec, trust_remote_code=True)
    trusting.check(images=False)
    with pytest.raises(ValueError, match="has no vision encoder"):
        trusting.check(images=True)
    with trusting.open() as engine:
        said = engine.submit(Request(kind="section", start_s=0, end_s=1, prompt="Tell it.")).result(WAIT_S)
        assert said.output_tokens > 0
        with pytest.raises(ItemError, match="no vision encoder"):
            engine.submit(window()).result(WAIT_S)


def adapted(spec: TransformersEngine, device: str) -> Any:
    """An adapter: what a repository's own loader returns, wrapped."""

    def answer(prompt: str, frames: list[Image.Image], times_s: list[float], settings: dict[str, Any]) -> str:
        if "fail" in prompt:
            raise RuntimeError("CUDA out of memory")
        return f"{len(frames)} frames from {times_s[0]:g} s, {settings['max_new_tokens']} tokens, on {device}"

    return answer


def test_an_adapter_calls_what_transformers_cannot() -> None:
    place = f"{__name__}:adapted"
    spec = parse_engine({"kind": "transformers", "model": "somebody/odd", "adapter": place, "max_tokens": 16})
    spec.check(images=True)
    with spec.open() as engine:
        assert engine.submit(window()).result(WAIT_S).text.startswith("4 frames from 40 s, 16 tokens, on c")
        with pytest.raises(ItemError, match="out of memory") as error:
            engine.submit(window(prompt="fail")).result(WAIT_S)
        assert error.value.failure_class == "engine"
    for wrong, line in ((f"{__name__}:nothing", "has no nothing"), ("adapted", "write package.module:function")):
        with pytest.raises(ValueError, match=line):
            replace(spec, adapter=wrong).check(images=True)  # type: ignore[type-var]


def test_wrong_settings_are_one_line(tmp_path: Path) -> None:
    for options, line in (
        ({"model": str(tmp_path)}, "engine transformers: the folder .* holds no config.json"),
        ({"model": "a b"}, "is no folder, and no name that a hub knows"),
        ({"model": CHECKPOINT, "model_args": {"trust_remote_code": True}}, "the engine's own key trust_remote_code"),
    ):
        with pytest.raises(ValueError, match=line) as error:
            TransformersEngine(**options).check(images=True)  # type: ignore[arg-type]
        assert "\n" not in str(error.value)


def test_engines_of_one_process_do_not_draw_from_each_others_seeds() -> None:
    """The random generators are the process's: an answer must not depend on what another engine is asked meanwhile."""
    closed, inside, leave = threading.Event(), threading.Event(), threading.Event()
    drawn: list[float] = []

    def first() -> None:
        with _drawing(1, closed):
            inside.set()
            leave.wait(60.0)
            drawn.append(float(torch.rand(())))

    torch = pytest.importorskip("torch")
    with _drawing(1, closed):
        alone = float(torch.rand(()))
    thread = threading.Thread(target=first, daemon=True)
    thread.start()
    assert inside.wait(60.0)
    with _drawing(None, closed):  # greedy: nothing to wait for
        pass
    closed.set()
    with pytest.raises(ItemError, match="closed before it answered"), _drawing(2, closed):
        raise AssertionError
    leave.set()
    thread.join(60.0)
    assert drawn == [alone]
