"""Measure the utilization of an engine, and the overhead of our way into vLLM.

python -m bench.engine admission
python -m bench.engine throughput [MODEL_FOLDER] [--frames N | --segments N]
python -m bench.engine caches [MODEL_FOLDER] [--segments N]
python -m bench.engine embeddings [MODEL_FOLDER] [--segments N] [--rounds N]
python -m bench.engine options [--model FOLDER] [--seconds N]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from bench import options
from bench.admission import Job, Setting, caption_and_narrate, narrate_all
from bench.embeddings import against_embeddings
from bench.throughput import Work, compare, hits
from operators.caption.caption import Caption
from operators.narrate.narrate import Narrate
from pipeline.config.types import RunOptions
from pipeline.evaluation.exam import CHECKPOINT

GOAL_BUSY = 0.95
GOAL_TOKENS = 0.95
_MINUTES = [4, 7, 10, 15, 24]  # lengths of the videos, in turns


def admission(videos: int) -> None:
    """Print the utilization of a scripted engine under our admission and its rivals."""
    job = Job.of((_MINUTES * videos)[:videos])
    flush_s = RunOptions().flush_s
    print(f"{videos} videos, {job.seconds / 3600:.1f} hours, {len(job.segments)} segments, max_num_seqs 64\n")
    print(
        f"{'':34}{'busy':>6} {'fed':>6} {'video s':>8} {'first long':>11} {'last video':>11}\n"
        f"{'':34}{'share':>6} {'share':>6} {'per s':>8} {'caption s':>11} {'decoded s':>11}"
    )

    def line(name: str, setting: Setting) -> float:
        out = caption_and_narrate(job, setting, flush_s)
        print(
            f"{name:34}{out.busy:6.3f} {out.fed:6.3f} {job.seconds / out.took_s:8.1f} {out.first_s:11.0f} "
            f"{out.decoded_s:11.0f}"
        )
        return out.busy

    default = Setting()
    reached = []
    for concurrency in sorted({default.concurrency, 4, 8, 16, 24, 32, 48}):
        mark = " (default)" if concurrency == Caption.concurrency else ""
        if line(f"caption.concurrency {concurrency}{mark}", replace(default, concurrency=concurrency)) >= GOAL_BUSY:
            reached.append(concurrency)
    print(f"goal {GOAL_BUSY}: " + (f"from caption.concurrency {reached[0]} on" if reached else "missed"), end="\n\n")
    for concurrency in (16, 32):
        for policy, name in RIVALS.items():
            line(f"{name}, {concurrency} segments", replace(default, policy=policy, concurrency=concurrency))
        for room in (1.0, 1.5, 2.0):
            line(f"room {room} times, {concurrency} segments", replace(default, room=room, concurrency=concurrency))
        print()
    for concurrency in (2, 4, 8):
        line(f"chain: none, {concurrency} segments", replace(default, chained=False, concurrency=concurrency))
    print()
    many = Job.of(_MINUTES * 4 * videos)
    print(f"narration of {len(many.sections)} complete videos, all ready at the start: utilization of the narrator")
    for narrated in sorted({Narrate.concurrency, 16, 64, 80}):
        print(f"narrate.concurrency {narrated:<14}{narrate_all(many, replace(default, narrated=narrated)):6.3f}")


RIVALS = {
    "admission": "ours",
    "arrival": "no priorities",
    "open": "no limit",
    "batch": "a batch at a time",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    scripted = parts.add_parser("admission", help="utilization of a scripted engine, in virtual time; a minute")
    scripted.add_argument("--videos", type=int, default=40)
    real = parts.add_parser("throughput", help="tokens per CPU second, ours against vLLM alone; minutes")
    looked = parts.add_parser("caches", help="hit rates of vLLM's caches for captioning requests; minutes")
    made = parts.add_parser("embeddings", help="captions from embeddings of images made before (Qwen3-VL); minutes")
    for part in (real, looked, made):
        part.add_argument("model", nargs="?", default=str(CHECKPOINT), help="folder with a checkpoint  [the exam's]")
        part.add_argument("--segments", type=int, default=0 if part is real else 4, help="captioned segments of 30 s")
        part.add_argument("--side", type=int, nargs=2, default=Work.side, metavar=("WIDTH", "HEIGHT"), help="px")
        part.add_argument("--tokens", type=int, default=Work.tokens, help="tokens of each answer")
        part.add_argument("--context", type=int, default=Work.context, help="tokens of prompt and answer together")
        part.add_argument("--max-num-seqs", type=int, default=Work.max_num_seqs)
        part.add_argument("--dummy", action="store_true", help="random weights in the model's shape")
    real.add_argument("--images", type=int, default=0, help="images in each request; a window has 10")
    real.add_argument("--requests", type=int, default=Work.requests)
    for part in (real, made):
        part.add_argument("--rounds", type=int, default=2)
    real.add_argument("--against", nargs="+", choices=("async", "llm", "inside"), default=["async", "llm", "inside"])
    changed = parts.add_parser("options", help="tokens, CPU s and lost events by option of vLLM; minutes")
    changed.add_argument("--model", default=str(CHECKPOINT), help="a model that knows the exam's language")
    changed.add_argument("--seconds", type=float, default=120.0, help="length of the story")
    given = parser.parse_args()
    if given.part == "admission":
        admission(given.videos)
    elif given.part == "options":
        options.compare(given.model, given.seconds)
    elif given.part == "caches":
        asked = Work(segments=given.segments, **_common(given))
        print(f"{'windows as':12}{'requests':>9}{'prompt tokens':>15}{'prefix':>16}{'processor':>16}{'encoder':>16}")
        for shown in ("video", "halves", "images"):
            work = replace(asked, shown=shown)
            found = hits(work)
            rates = [f"{got:.0f} of {of:.0f}" for got, of in (found[n] for n in ("prefix", "processor", "encoder"))]
            print(
                f"{shown:12}{len(work.asked()):9d}{found['prompt_tokens']:15d}" + "".join(f"{r:>16}" for r in rates),
                flush=True,
            )
    elif given.part == "embeddings":
        against_embeddings(Work(segments=given.segments, **_common(given)), given.rounds)
    else:
        counts = {"requests": given.requests, "images": given.images, "segments": given.segments}
        work = Work(**counts, **_common(given))
        for rival, ratio in compare(work, given.rounds, given.against).items():
            print(f"ours / {rival:6} {ratio:.3f}   goal {GOAL_TOKENS}")


def _common(given: argparse.Namespace) -> dict[str, Any]:
    same = ("model", "tokens", "context", "max_num_seqs", "dummy")
    return {**{name: getattr(given, name) for name in same}, "side": tuple(given.side)}


if __name__ == "__main__":
    main()
