"""What our way into vLLM costs: tokens a CPU second through `Engine.submit`, against `vllm.LLM` on ready-made requests.

The rival gets all prompts at once, rendered and with their pictures decoded beforehand, and hands back whole answers:
no arrival, no admission, no look at what streams, no second process. Both run the same arguments, sampling and seeds in
fresh processes, in turns. CPU seconds are those of the whole process tree from the first request to the last answer,
so a busy machine moves them little.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from operators.engines.base import Generation, Picture, Request
from operators.engines.vllm.spec import VllmEngine

_TIMEOUT_S = 900
_INSTRUCTION = (
    "You see a few seconds of a video. Tell in plain sentences who is there, what they do, in which order, how the "
    "camera moves and what text can be read. Say only what can be seen. Before this moment: "
)
_WORDS = ("a woman", "the dog", "two men", "walks", "turns", "a red door", "the street", "in rain", "slowly", "again")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is asked for."""

    model: str
    requests: int = 96
    tokens: int = 96
    pictures: int = 0
    max_num_seqs: int = 16
    stream_interval: int | None = None

    def spec(self) -> VllmEngine:
        args: dict[str, Any] = {"enable_chunked_prefill": False}
        if self.stream_interval is not None:
            args["stream_interval"] = self.stream_interval
        return Endless(
            model=self.model,
            max_model_len=4096,
            max_num_seqs=self.max_num_seqs,
            max_tokens=self.tokens,
            temperature=0.8,
            engine_args=args,
        )

    def asked(self) -> list[Request]:
        """Windows with a shared instruction, each with its own text and its own pictures."""
        draw = np.random.default_rng(7)
        made = []
        for k in range(self.requests):
            text = _INSTRUCTION + " ".join(draw.choice(_WORDS, 60))
            pictures = tuple(
                Picture(time_s=float(t), pts_s=float(t), jpeg=_jpeg(draw, k + t)) for t in range(self.pictures)
            )
            made.append(Request(kind="window", start_s=0.0, end_s=10.0, prompt=text, pictures=pictures, seed=k))
        return made


class Endless(VllmEngine):
    """Answers of equal length: the end that a model would set is passed over."""

    def sampling(self, attempt: int) -> dict[str, Any]:
        return {**super().sampling(attempt), "ignore_eos": True}


def compare(work: Work, rounds: int) -> float:
    """Run both in turns, print each, and return the ratio of all tokens a CPU second: ours to the rival's."""
    totals = {"ours": [0.0, 0.0], "ready": [0.0, 0.0]}
    for number in range(rounds):
        for who, total in totals.items():
            told = _fresh(who, work)
            total[0] += told["tokens"]
            total[1] += told["cpu_s"]
            print(
                f"{number + 1} {who:6} {told['tokens']:7d} tokens {told['cpu_s']:7.1f} CPU s "
                f"{told['tokens'] / told['cpu_s']:8.1f} tokens/CPU s   load {os.getloadavg()[0]:.1f}"
                + (f"   {told['loops']} ended as loops" if told["loops"] else ""),
                flush=True,
            )
    ours, ready = (tokens / cpu_s for tokens, cpu_s in totals.values())
    return ours / ready


def ours(work: Work) -> dict[str, Any]:
    """Requests arrive one after the other, always a few more than the engine runs at once."""
    asked = work.asked()
    answers: list[Generation] = []
    places = threading.Semaphore(2 * work.max_num_seqs)
    with work.spec().open() as engine:
        began = _cpu_s()
        futures = []
        for request in asked:
            places.acquire()
            future = engine.submit(request)
            future.add_done_callback(lambda _: places.release())
            futures.append(future)
        answers = [f.result() for f in futures]
        cpu_s = _cpu_s() - began
    return {
        "tokens": sum(a.output_tokens for a in answers),
        "cpu_s": cpu_s,
        "loops": sum(a.finish_reason == "loop" for a in answers),
    }


def ready(work: Work) -> dict[str, Any]:
    """`vllm.LLM.generate` on all of them at once."""
    from vllm import LLM
    from vllm.sampling_params import RequestOutputKind

    from operators.engines.vllm.engine import _parameters
    from operators.engines.vllm.inputs import content, media, render

    spec = work.spec()
    llm = LLM(**spec.arguments())
    tokenizer = llm.get_tokenizer()
    kind = str(llm.llm_engine.model_config.hf_config.model_type)
    prompts, parameters = [], []
    for request in work.asked():
        text = render(tokenizer, content(request, "video"), spec.system, spec.chat_template_kwargs)
        prompts.append({"prompt": text, **media(request.pictures, "video", kind)})
        sampling = _parameters(spec.sampling(1), work.tokens, request)
        sampling.output_kind = RequestOutputKind.FINAL_ONLY
        parameters.append(sampling)
    llm.generate({"prompt": "Say yes."}, _parameters({"temperature": 0.0}, 2, request), use_tqdm=False)
    began = _cpu_s()
    outputs = llm.generate(prompts, parameters, use_tqdm=False)
    return {
        "tokens": sum(len(o.outputs[0].token_ids) for o in outputs),
        "cpu_s": _cpu_s() - began,
        "loops": 0,
    }


def _cpu_s() -> float:
    """CPU seconds of this process and all below it that live."""
    here = psutil.Process()
    times = [p.cpu_times() for p in (here, *here.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))


def _fresh(who: str, work: Work) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.throughput", who, json.dumps(vars(work))]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise SystemExit(f"{who} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(lines[-1]))


def _jpeg(draw: np.random.Generator, shift: int) -> bytes:
    from PIL import Image

    rows, columns = np.mgrid[0:192, 0:336]
    base = np.stack([(rows + 5 * shift) % 256, (columns + 3 * shift) % 256, (rows + columns) % 256], axis=-1)
    noisy = np.clip(base + draw.integers(0, 24, base.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="one side of `python -m bench.engine throughput`")
    parser.add_argument("who", choices=["ours", "ready"])
    parser.add_argument("work", type=lambda text: Work(**json.loads(text)))
    asked_for = parser.parse_args()
    print(json.dumps({"ours": ours, "ready": ready}[asked_for.who](asked_for.work)))
