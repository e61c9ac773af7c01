"""The commands `longcap index`, `search` and `ask`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from operators.core.text import printable
from pipeline.config.load import load_config
from pipeline.monitoring.progress import clock
from pipeline.retrieval.answers import Answered, read_questions
from pipeline.retrieval.api import answer_questions, ask_output, index_output, search_output
from pipeline.retrieval.ask import NOT_FOUND, Answer, Strategy
from pipeline.retrieval.search import Hit, Mode
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo, echo_json

_SHOWN_CHARACTERS = 400


def index_command(out: str, *, vectors: bool | None, as_json: bool) -> int:
    """Bring an index up to date and print what was done."""
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
    query: str | None,
    *,
    k: int,
    mode: Mode | Literal["frames"] | None,
    levels: Sequence[str],
    videos: Sequence[str],
    like: str | None,
    span: str | None,
    table: str | None,
    config: str | None,
    overrides: Sequence[str],
    as_json: bool,
) -> int:
    """Search and print the moments; returns 1 if there are none, as grep does."""
    if (query is None) == (like is None):
        raise UsageError("give either a QUERY or --like IMAGE_OR_VIDEO" + (", not both" if query else ""))
    hits = search_output(
        out,
        query,
        k=k,
        mode=mode,
        levels=levels,
        videos=videos,
        like=like,
        span=None if span is None else _span(span),
        table=table,
        config=load_config(config, list(overrides)) if config or overrides else None,
    )
    if as_json:
        echo_json([asdict(hit) for hit in hits])
    else:
        echo("\n".join(text_of(hit) for hit in hits) if hits else "nothing found")
    return 0 if hits else 1


def _span(text: str) -> tuple[float, float]:
    """Parse `12-20.5` as seconds."""
    start, dash, end = text.partition("-")
    try:
        if dash:
            return float(start), float(end)
    except ValueError:
        pass
    raise UsageError(f"--span {text}: it must be seconds such as 12-20.5")


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
    place: str | None,
    as_json: bool,
) -> int:
    """Answer one question or a file of them, and print answers with their spans; returns 1 if one is not answered."""
    if place is not None:
        if questions is None or videos:
            raise UsageError("-o needs --questions FILE and no --video; the file names each question's video")
        loaded = load_config(config, list(overrides))
        done = answer_questions(
            out,
            questions,
            place,
            config=loaded,
            strategy=strategy,
            calls=calls,
            k=k,
            say=lambda line: echo(line, err=True),
        )
        return _shown(done, as_json)
    if (question is None) == (questions is None):
        raise UsageError("give one QUESTION, or a file of questions with --questions")
    asked = [question] if question is not None else [q.text for q in read_questions(str(questions))]
    loaded = load_config(config, list(overrides))
    found = ask_output(out, asked, config=loaded, strategy=strategy, videos=videos, calls=calls, k=k)
    if as_json:
        echo_json(asdict(found[0]) if questions is None else [asdict(answer) for answer in found])
    else:
        echo("\n\n".join(answer_text(answer, with_question=questions is not None) for answer in found))
    return 0 if all(answer.found for answer in found) else 1


def _shown(done: Answered, as_json: bool) -> int:
    """Print the result of a file of questions; returns 1 if one failed."""
    counts = {"asked": done.asked, "found": done.found, "not_in_the_captions": done.refused, "failed": done.failed}
    if as_json:
        echo_json({**counts, "table": done.table.uri})
    else:
        total = done.found + done.refused + done.failed
        echo(
            f"{total} questions: {done.found} answered, {done.refused} {NOT_FOUND}, {done.failed} failed; "
            f"{done.asked} asked now\n{done.table.uri}"
        )
    return 1 if done.failed else 0


def answer_text(answer: Answer, *, with_question: bool = False) -> str:
    """Format an answer for people."""
    lines = [f"? {printable(answer.question)}"] if with_question else []
    lines.append(printable(answer.answer))
    for cite in answer.cites:
        name = printable(cite.uri.rsplit("/", 1)[-1])
        lines.append(f"    {name}  {clock(cite.start_s)} to {clock(cite.end_s)}")
    return "\n".join(lines)


def text_of(hit: Hit) -> str:
    """Format a hit for people."""
    text = " ".join(printable(hit.text).split())
    short = f"{text[:_SHOWN_CHARACTERS]}…" if len(text) > _SHOWN_CHARACTERS else text
    return f"{printable(hit.name)}  {clock(hit.start_s)} to {clock(hit.end_s)}  {hit.level}\n    {short}"
