"""What `longcap index`, `search` and `ask` print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from operators.core.text import printable
from pipeline.config.load import load_config
from pipeline.monitoring.progress import clock
from pipeline.retrieval.api import ask_output, index_output, search_output
from pipeline.retrieval.ask import Answer, Strategy
from pipeline.retrieval.search import Hit, Mode
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo, echo_json

_SHOWN_CHARACTERS = 400


def index_command(out: str, *, vectors: bool | None, as_json: bool) -> int:
    """Bring an index up to date and say what was done."""
    done = index_output(out, vectors=vectors, say=lambda line: echo(line, err=True))
    if as_json:
        echo_json(asdict(done))
        return 0
    how = "full text and vectors" if done.vectors else "full text"
    echo(
        f"{done.videos:,} videos, {done.passages:,} passages, {how}: {done.added:,} videos added, "
        f"{done.changed:,} changed, {done.removed:,} removed, {done.kept:,} kept as they were"
    )
    return 0


def search_command(
    out: str,
    query: str,
    *,
    k: int,
    mode: Mode | None,
    levels: Sequence[str],
    videos: Sequence[str],
    as_json: bool,
) -> int:
    """Search and print the moments; 1 where there are none, as grep does."""
    hits = search_output(out, query, k=k, mode=mode, levels=levels, videos=videos)
    if as_json:
        echo_json([asdict(hit) for hit in hits])
    else:
        echo("\n".join(text_of(hit) for hit in hits) if hits else "nothing found")
    return 0 if hits else 1


def ask_command(
    out: str,
    question: str | None,
    *,
    questions: str | None,
    config: str | None,
    overrides: Sequence[str],
    strategy: Strategy | None,
    videos: Sequence[str],
    calls: int,
    k: int,
    as_json: bool,
) -> int:
    """Answer one question, or those of a file, and print answers with their spans; 1 where one is not answered."""
    if (question is None) == (questions is None):
        raise UsageError("give one QUESTION, or a file of them with --questions")
    asked = [question] if question is not None else questions_of(str(questions))
    loaded = load_config(config, list(overrides))
    found = ask_output(out, asked, config=loaded, strategy=strategy, videos=videos, calls=calls, k=k)
    if as_json:
        echo_json(asdict(found[0]) if questions is None else [asdict(answer) for answer in found])
    else:
        echo("\n\n".join(answer_text(answer, with_question=questions is not None) for answer in found))
    return 0 if all(answer.found for answer in found) else 1


def questions_of(path: str) -> list[str]:
    """The questions of a file: a JSON object with `question` on each line, or the line itself.

    Raises:
        UsageError: the file cannot be read, or a line holds no question.
    """
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--questions {path} cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        question: object = line.strip()
        if line.lstrip().startswith("{"):
            try:
                question = json.loads(line).get("question")
            except ValueError as error:
                raise UsageError(f"--questions {path}, line {number}: {error}") from error
        if not isinstance(question, str) or not question.strip():
            raise UsageError(f'--questions {path}, line {number}: it needs a text under "question"')
        found.append(question)
    if not found:
        raise UsageError(f"--questions {path} holds no question")
    return found


def answer_text(answer: Answer, *, with_question: bool = False) -> str:
    """An answer for people."""
    lines = [f"? {printable(answer.question)}"] if with_question else []
    lines.append(printable(answer.answer))
    for cite in answer.cites:
        name = printable(cite.uri.rsplit("/", 1)[-1])
        lines.append(f"    {name}  {clock(cite.start_s)} to {clock(cite.end_s)}")
    return "\n".join(lines)


def text_of(hit: Hit) -> str:
    """A hit for people."""
    text = " ".join(printable(hit.text).split())
    short = f"{text[:_SHOWN_CHARACTERS]}…" if len(text) > _SHOWN_CHARACTERS else text
    return f"{printable(hit.name)}  {clock(hit.start_s)} to {clock(hit.end_s)}  {hit.level}\n    {short}"
