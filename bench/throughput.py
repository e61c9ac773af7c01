"""Measure the overhead of our way into vLLM: tokens per CPU second of `Engine.submit` and of vLLM on prepared requests.

The rivals get all prompts simultaneously, rendered and with decoded images, and return whole answers, without
arrival, admission or streaming. All run with equal arguments, sampling and seeds in new processes, in
turns. CPU seconds are those of the whole process tree from the first request to the last answer, so other load
has little effect.

    ours    `Engine.submit`, requests in sequence; vLLM's core runs in a separate process
    async   `AsyncLLM.generate`, with the same core, as in `vllm bench`
    llm     `LLM.generate`, with the same core
    inside  `LLM.generate` with the core in its own process: the least overhead, but unusable next to other work
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import psutil

from operators.caption.caption import Caption
from operators.caption.segment import SegmentWork
from operators.core.grid import Span
from operators.engines.base import FrameImage, Generation, Request, RunningEngine
from operators.engines.vllm.spec import VllmEngine

_TIMEOUT_S = 1800
_INSTRUCTION = (
    "You see a few seconds of a video. Tell in plain sentences who is there, what they do, in which order, how the "
    "camera moves and what text can be read. Say only what can be seen. Before this moment: "
)
_WORDS = ("a woman", "the dog", "two men", "walks", "turns", "a red door", "the street", "in rain", "slowly", "again")


@dataclass(frozen=True, kw_only=True)
class Work:
    """The requests.

    Attributes:
        requests: number of windows, each with `images` images.
        segments: if not 0, use the requests of `caption` for this number of segments of `segment_s`: each frame,
                and each window with the previous caption.
        tokens: tokens of each answer.
        side: width and height of an image in px.
        shown: how the images of a window are passed in its prompt.
        context: tokens of prompt and answer together.
        dummy: use random weights in the model's shape, which are as fast as real ones.
    """

    model: str
    requests: int = 96
    tokens: int = 96
    images: int = 0
    segments: int = 0
    segment_s: float = 30.0
    side: tuple[int, int] = (336, 192)
    shown: Literal["video", "halves", "images"] = "video"
    context: int = 2048
    dummy: bool = False
    max_num_seqs: int = 16
    temperature: float = 0.8
    stream_interval: int | None = None

    def spec(self) -> VllmEngine:
        args: dict[str, Any] = {"load_format": "dummy"} if self.dummy else {}
        if self.stream_interval is not None:
            args["stream_interval"] = self.stream_interval
        return Endless(
            model=self.model,
            max_model_len=self.context,
            max_num_seqs=self.max_num_seqs,
            max_tokens=self.tokens,
            temperature=self.temperature,
            frames_as=self.shown if self.images or self.segments else "auto",
            engine_args=args,
        )

    def asked(self) -> list[Request]:
        """Return requests in their order."""
        return self._captioning() if self.segments else self._windows()

    def _windows(self) -> list[Request]:
        """Return windows with a shared instruction, each with its own text and images."""
        draw = np.random.default_rng(7)
        made = []
        for k in range(self.requests):
            text = _INSTRUCTION + " ".join(draw.choice(_WORDS, 60))
            images = tuple(
                FrameImage(time_s=float(t), pts_s=float(t), jpeg=self._jpeg(draw, k + t)) for t in range(self.images)
            )
            made.append(Request(kind="window", start_s=0.0, end_s=10.0, prompt=text, images=images, seed=k))
        return made

    def _captioning(self) -> list[Request]:
        """Return the requests of `caption`: one frame per second, and windows of ten seconds every five."""
        draw = np.random.default_rng(7)
        caption = Caption(engine=self.spec(), chain="segment")
        length_s = self.segments * self.segment_s
        times = [float(t) for t in range(int(length_s))]
        images = [FrameImage(time_s=t, pts_s=t, jpeg=self._jpeg(draw, int(t))) for t in times]
        recorder = _Recorder(" ".join(draw.choice(_WORDS, 40)) + ".")
        for k in range(self.segments):
            segment = Span(k * self.segment_s, (k + 1) * self.segment_s)
            near = [p for p in images if segment.start_s - 10 <= p.time_s < segment.end_s + 10]
            work = SegmentWork(
                caption=caption,
                engine=recorder,
                gates=(),
                prompts=caption.prompts(),
                segment=segment,
                windows=caption.layout(length_s),
                images=near,
                facts=None,
                seed=k,
            )
            work.frames()
            work.tell()
        return recorder.requests

    def _jpeg(self, draw: np.random.Generator, shift: int) -> bytes:
        from PIL import Image

        width, height = self.side
        rows, columns = np.mgrid[0:height, 0:width]
        base = np.stack([(rows + 5 * shift) % 256, (columns + 3 * shift) % 256, (rows + columns) % 256], axis=-1)
        noisy = np.clip(base + draw.integers(0, 24, base.shape), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


class _Recorder(RunningEngine):
    """Records its requests, and always answers with the same words."""

    def __init__(self, text: str) -> None:
        self.requests: list[Request] = []
        self._text = text

    def submit(self, request: Request) -> Future[Generation]:
        self.requests.append(request)
        done: Future[Generation] = Future()
        done.set_result(Generation(text=self._text))
        return done


class Endless(VllmEngine):
    """Sampling for answers of equal length: an early end by the model is ignored."""

    def sampling(self, attempt: int) -> dict[str, Any]:
        return {**super().sampling(attempt), "ignore_eos": True}


def compare(work: Work, rounds: int, rivals: list[str]) -> dict[str, float]:
    """Run all in turns, print each, and return the ratio of ours to each rival, in tokens per CPU second."""
    totals = {who: [0.0, 0.0] for who in ("ours", *rivals)}
    for number in range(rounds):
        for who, total in totals.items():
            figures = fresh(who, work)
            total[0] += figures["tokens"]
            total[1] += figures["cpu_s"]
            print(
                f"{number + 1} {who:6} {figures['tokens']:7d} tokens {figures['cpu_s']:7.1f} CPU s "
                f"{figures['tokens'] / figures['cpu_s']:8.1f} tokens/CPU s   {figures['peak_bytes'] / 2**30:.2f} GiB   "
                f"load {os.getloadavg()[0]:.1f}"
                + (f"   {figures['loops']} ended as loops" if figures.get("loops") else ""),
                flush=True,
            )
    speeds = {who: tokens / cpu_s for who, (tokens, cpu_s) in totals.items()}
    return {who: speeds["ours"] / speeds[who] for who in rivals}


def hits(work: Work) -> dict[str, Any]:
    """Return the hit rates of vLLM's caches for `work` in our order: see `caches`."""
    return fresh("caches", work)


def ours(work: Work) -> dict[str, Any]:
    """Send requests in sequence, always a few more than the engine runs simultaneously."""
    asked = work.asked()
    answers: list[Generation] = []
    places = threading.Semaphore(2 * work.max_num_seqs)
    with work.spec().open() as engine:
        began = cpu_seconds()
        futures = []
        for request in asked:
            places.acquire()
            future = engine.submit(request)
            future.add_done_callback(lambda _: places.release())
            futures.append(future)
        answers = [f.result() for f in futures]
        cpu_s = cpu_seconds() - began
        peak = _memory()
    return {
        "tokens": sum(a.output_tokens for a in answers),
        "cpu_s": cpu_s,
        "loops": sum(a.finish_reason == "loop" for a in answers),
        "peak_bytes": peak,
    }


def llm(work: Work) -> dict[str, Any]:
    """Run `vllm.LLM.generate` on all requests simultaneously."""
    from vllm import LLM

    model = LLM(**work.spec().arguments())
    kind = str(model.llm_engine.model_config.hf_config.model_type)
    prompts, parameters = ready(work, model.get_tokenizer(), kind)
    model.generate({"prompt": "Say yes."}, parameters[0], use_tqdm=False)
    began = cpu_seconds()
    outputs = model.generate(prompts, parameters, use_tqdm=False)
    return {
        "tokens": sum(len(o.outputs[0].token_ids) for o in outputs),
        "cpu_s": cpu_seconds() - began,
        "peak_bytes": _memory(),
        "answers": [o.outputs[0].text for o in outputs],
    }


def bare(work: Work) -> dict[str, Any]:
    """Run `AsyncLLM.generate` on all requests simultaneously, on an event loop."""
    return asyncio.run(_bare(work))


async def _bare(work: Work) -> dict[str, Any]:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    engine: Any = AsyncLLM.from_engine_args(AsyncEngineArgs(**work.spec().arguments()))
    tokenizer = engine.get_tokenizer()
    tokenizer = await tokenizer if asyncio.iscoroutine(tokenizer) else tokenizer
    kind = str(engine.model_config.hf_config.model_type)
    prompts, parameters = ready(work, tokenizer, kind)

    async def answer(number: int, prompt: Any, sampling: Any) -> int:
        tokens = 0
        async for output in engine.generate(prompt, sampling, f"request-{number}"):
            tokens = len(output.outputs[0].token_ids)
        return tokens

    await answer(-1, {"prompt": "Say yes."}, parameters[0])
    began = cpu_seconds()
    counts = await asyncio.gather(*(answer(k, p, s) for k, (p, s) in enumerate(zip(prompts, parameters, strict=True))))
    found = {"tokens": sum(counts), "cpu_s": cpu_seconds() - began, "peak_bytes": _memory()}
    engine.shutdown()
    return found


def caches(work: Work) -> dict[str, Any]:
    """Return hits and queries of each of vLLM's caches.

    `prefix` counts tokens of prompts; `processor`, images and videos whose pixels were prepared before; `encoder`,
    those that the vision encoder had processed.
    """
    from vllm import LLM
    from vllm.v1.core.encoder_cache_manager import EncoderCacheManager

    encoded = 0
    allocate = EncoderCacheManager.allocate

    def counted(self: Any, request: Any, input_id: int) -> None:
        nonlocal encoded
        encoded += 1
        allocate(self, request, input_id)

    EncoderCacheManager.allocate = counted
    model = LLM(**{**work.spec().arguments(), "disable_log_stats": False})
    kind = str(model.llm_engine.model_config.hf_config.model_type)
    prompts, parameters = ready(work, model.get_tokenizer(), kind)
    outputs = model.generate(prompts, parameters, use_tqdm=False)
    counts = {m.name: m.value for m in model.get_metrics() if hasattr(m, "value")}
    shown = sum(len(v) for p in prompts for v in p.get("multi_modal_uuids", {}).values())
    return {
        "prompt_tokens": sum(len(o.prompt_token_ids or ()) for o in outputs),
        "prefix": [counts.get("vllm:prefix_cache_hits", 0), counts.get("vllm:prefix_cache_queries", 0)],
        "processor": [counts.get("vllm:mm_cache_hits", 0), counts.get("vllm:mm_cache_queries", 0)],
        "encoder": [shown - encoded, shown],
    }


def ready(work: Work, tokenizer: Any, kind: str) -> tuple[list[Any], list[Any]]:
    """Return prompts and sampling in vLLM's format."""
    from vllm.sampling_params import RequestOutputKind

    from operators.engines.vllm.engine import _parameters
    from operators.engines.vllm.inputs import content, media, render

    spec = work.spec()
    prompts, parameters = [], []
    for request in work.asked():
        shown: Any = "images" if request.kind == "frame" else work.shown
        text = render(tokenizer, content(request, shown), spec.system, spec.chat_template_kwargs)
        prompts.append({"prompt": text, **media(request, shown, kind)})
        sampling = _parameters(spec.sampling(1), work.tokens, request, None)
        sampling.output_kind = RequestOutputKind.FINAL_ONLY
        parameters.append(sampling)
    return prompts, parameters


def _tree() -> list[psutil.Process]:
    here = psutil.Process()
    return [here, *here.children(recursive=True)]


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and its living descendants."""
    times = [p.cpu_times() for p in _tree()]
    return float(sum(t.user + t.system for t in times))


def _memory() -> int:
    """Return the memory of this process and its descendants in bytes, shared pages counted in each."""
    return int(sum(p.memory_info().rss for p in _tree()))


def fresh(who: str, work: Work, module: str = "bench.throughput") -> dict[str, Any]:
    command = [sys.executable, "-m", module, who, json.dumps(vars(work))]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        # on the CPU, 1 gives the worker a process of its own, for whose answers the engine's core spins; ours sets 0
        "VLLM_ENABLE_V1_MULTIPROCESSING": "1" if who == "llm" else "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise SystemExit(f"{who} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(lines[-1]))


SIDES = {"ours": ours, "async": bare, "llm": llm, "inside": llm, "caches": caches}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="one side of `python -m bench.engine throughput`")
    parser.add_argument("who", choices=SIDES)
    parser.add_argument("work", type=lambda text: Work(**json.loads(text)))
    asked_for = parser.parse_args()
    print(json.dumps(SIDES[asked_for.who](asked_for.work)))
