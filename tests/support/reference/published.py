"""docs/published.md, from the comments at the head of published recipes and from `tests/recipes`.

A recipe of a published system begins with a comment: a summary, then `Theirs`, with sources, `Ours` and `Unknown`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.recipes.cases import HERE, cases
from tests.recipes.truth import BASE, results
from tests.support.command import ROOT
from tests.support.reference.markdown import table

_RECIPES = ROOT / "configs" / "recipes"
_PARTS = ("Theirs", "Ours", "Unknown")
_WIDTH = 360  # shown characters of a real output


def published_page() -> str:
    seen: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "seen.yaml").read_text(encoding="utf-8")) or {}
    heads = {name: head_of(_RECIPES / f"{name}.yaml") for name in sorted(cases())}
    lines = [
        "# Published systems as recipes",
        "",
        "Each is a short YAML file over the same small steps ([recipes.md](recipes.md), [ask.md](ask.md)): "
        "`longcap run videos/ -o captions/ -c NAME`. The engines that a recipe names are examples; put your own into "
        "its section `engines`. What is a paper's, what is ours and what nobody has published stands with each.",
        "",
        "Every recipe is tested with a scripted engine: its call log, its resumption after the process was "
        "killed, `longcap verify` of its output, and what edits make anew. `python -m tests.recipes.kills` kills "
        "them at random requests and compares every row with those of a run that was not killed. Where models are "
        "named, it was also run with them on a real clip of some seconds, on a CPU (`python -m tests.recipes`), "
        "and its output verified. The exam's small model (4 M parameters, docs/truth.md) has seen nothing but "
        "moving shapes and writes no list, so key points come from a model with random weights; SmolLM2-135M is "
        "the smallest of its kind. So the lines make little sense: they show that the recipe works from end to "
        "end with engines that generate token by token, not how well larger models do.",
        "",
        *table(
            ("recipe", "what it is", "tested with", "a real line of its output"),
            [_row(name, title, seen.get(name)) for name, (title, _) in heads.items()],
        ),
    ]
    lines += ["", *_truth()]
    for name, (title, parts) in heads.items():
        lines += ["", f"## {name}", "", title]
        lines += [text for part in _PARTS if part in parts for text in ("", f"**{part}.** {parts[part]}")]
        lines += ["", f"Asks: {_asks(cases()[name]['calls'])} for a video of two shots and 20 s in two segments."]
    return "\n".join(lines) + "\n"


def _row(name: str, title: str, seen: dict[str, Any] | None) -> tuple[str, ...]:
    if seen is None:
        return f"[`{name}`](#{name})", title, "script", ""
    said = seen["line"] if "line" in seen else f"(no output: {seen['failed']})"
    line = " ".join(str(said).split())
    line = line if len(line) <= _WIDTH else line[:_WIDTH].rsplit(" ", 1)[0] + " …"
    if "why" in seen:
        line = f"{line} {' '.join(seen['why'].split())}"
    return f"[`{name}`](#{name})", title, f"script; {seen['engine']}", line.replace("|", "\\|").replace("<", "&lt;")


def _truth() -> list[str]:
    """Return the table of measurements on the exam's stories."""
    rows = sorted(results(), key=lambda r: (r["seconds"], r["recipe"] != BASE, r["recipe"]))
    return [
        "## Truth and cost on stories",
        "",
        "`python -m tests.recipes.truth FOLDER --lengths 120,600` runs each recipe that makes a caption on stories of "
        "the exam, whose script is known ([truth.md](truth.md)): two of 2 minutes and one of 10. The exam's small "
        "model captions the frames that a recipe selects, and a script answers text requests with the sentences in "
        "their prompts. An event that is missing was therefore not shown or not passed on. The small model was "
        "trained on ten frames, one per second. Recipes that show fewer frames, other frames or a grid of frames are "
        "at a disadvantage that a larger model would not have. The built-in narrator writes all long captions. Cost "
        "is per minute of video. Tokens are characters / 4 of prompts and answers, without frames. CPU seconds "
        "include decoding, the small model and everything else, on two shared cores; they are higher on a busy "
        "machine.",
        "",
        "One model serves as all engines, so the captioners of `panel` and `second_look` agree, and no span is "
        "captioned again. EfficientNet replaces image-text models. Not included are `tags`, `translate` and "
        "`frame_policy`, which make no caption, `autocaption` for its number of requests, and `video_rag`, because "
        "these stories have no speech.",
        "",
        *table(
            (
                "recipe",
                "story",
                "recall",
                "precision",
                "order",
                "requests",
                "frames",
                "tokens in",
                "tokens out",
                "CPU s",
            ),
            [
                (
                    f"`{r['recipe']}`",
                    f"{r['seconds'] // 60} min",
                    *(f"{r[key]:.3f}" for key in ("recall", "precision", "order")),
                    *(f"{r[key]:g}" for key in ("requests", "frames", "tokens_in", "tokens_out", "cpu_s")),
                )
                for r in rows
            ],
        ),
        "",
        "![recall of events over CPU seconds per minute of video](published.svg)",
    ]


def _asks(calls: dict[str, int]) -> str:
    return ", ".join(f"{count} × `{kind}`" for kind, count in calls.items()) or "no engine"


def head_of(path: Path) -> tuple[str, dict[str, str]]:
    """Return the first sentence of a recipe's comment, and its parts by name."""
    comment = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    text = " ".join(comment)
    marks = [(found.start(), found[1]) for found in re.finditer(rf"\b({'|'.join(_PARTS)})\b(?= \(|: )", text)]
    title = text[: marks[0][0] if marks else len(text)].strip()
    parts = {}
    for (start, part), end in zip(marks, [*(at for at, _ in marks[1:]), len(text)], strict=True):
        said = text[start + len(part) : end].strip().removeprefix(":").strip()
        parts[part] = said
    return title, parts
