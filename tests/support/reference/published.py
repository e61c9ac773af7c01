"""docs/published.md, from the comments at the head of published recipes and from `tests/recipes`.

A recipe of a published system begins with a comment: what it is, then `Theirs`, with sources, `Ours` and `Unknown`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.recipes.cases import HERE, cases
from tests.support.command import ROOT
from tests.support.reference.markdown import table

_RECIPES = ROOT / "configs" / "recipes"
_PARTS = ("Theirs", "Ours", "Unknown")
_WIDTH = 360  # characters of a real output that are shown


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
        "Every recipe is tested with a scripted engine: its call log, its resumption after the process was killed, "
        "`longcap verify` of its output, and what edits make anew. Where a model is named, it was also run with that "
        "model on a CPU; the line is what it wrote, good or bad.",
        "",
        *table(
            ("recipe", "what it is", "tested with", "a real line of its output"),
            [_row(name, title, seen.get(name)) for name, (title, _) in heads.items()],
        ),
    ]
    for name, (title, parts) in heads.items():
        lines += ["", f"## {name}", "", title]
        lines += [text for part in _PARTS if part in parts for text in ("", f"**{part}.** {parts[part]}")]
        lines += ["", f"Asks: {_asks(cases()[name]['calls'])} for a video of two shots and 20 s in two segments."]
    return "\n".join(lines) + "\n"


def _row(name: str, title: str, seen: dict[str, Any] | None) -> tuple[str, ...]:
    if seen is None:
        return f"[`{name}`](#{name})", title, "script", ""
    line = " ".join(str(seen["line"]).split())
    line = line if len(line) <= _WIDTH else line[:_WIDTH].rsplit(" ", 1)[0] + " …"
    return f"[`{name}`](#{name})", title, f"script, {seen['engine']}", line.replace("|", "\\|").replace("<", "&lt;")


def _asks(calls: dict[str, int]) -> str:
    return ", ".join(f"{count} × `{kind}`" for kind, count in calls.items()) or "no engine"


def head_of(path: Path) -> tuple[str, dict[str, str]]:
    """The first sentence of a recipe's comment, and its parts by name."""
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
