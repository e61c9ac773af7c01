"""Answers to a file of questions, as a committed table: an answered question is never asked again.

PLACE/answers    Delta Lake table of `ANSWERS`, one row per question
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from operators.core.base import ItemError
from operators.core.fingerprint import digest
from operators.core.storage import files_below
from operators.store.table import Fenced, Table
from pipeline.retrieval.ask import Answer
from pipeline.terminal.errors import RunFailed, UsageError

TABLE = "answers"
_CITE = pa.struct(
    [
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # a caption, a digest, or what the engine saw in frames
    ]
)
ANSWERS = pa.schema(
    [
        pa.field("question_id", pa.string()),  # the `id` of the file, else a hash of the question and its video
        pa.field("question", pa.string()),
        pa.field("video", pa.string()),  # the only video that the question is about; null: all videos
        pa.field("answer", pa.string()),  # "not in the captions" if `found` is false; null after a failure
        pa.field("found", pa.bool_()),  # whether the captions contain the answer; null after a failure
        pa.field("cites", pa.list_(_CITE)),  # the spans that support the answer
        pa.field("strategy", pa.string()),
        pa.field("model", pa.string()),  # null: answered without a model
        pa.field("calls", pa.int32()),  # calls of the engine
        pa.field("steps", pa.list_(pa.string())),  # actions of the agent
        pa.field("problem", pa.string()),  # why the question has no answer; null: it has one
        pa.field("columns", pa.string()),  # JSON: other fields of the question's line, such as the right answer
        pa.field("key", pa.string()),  # fingerprint: question, captions, strategy, engine
    ]
)


@dataclass(frozen=True)
class Question:
    """One line of a file of questions.

    Attributes:
        video: a name, as in `Output.find`; "": all videos.
        columns: JSON object of the line's other fields.
    """

    question_id: str
    text: str
    video: str = ""
    columns: str = "{}"


@dataclass(frozen=True)
class Answered:
    """The result of answering a file of questions.

    Attributes:
        table: the table of answers.
        asked: number of questions answered by this call; the others had an answer already.
        found, refused, failed: questions in the table that were answered, are not in the captions, or failed.
    """

    table: Table
    asked: int
    found: int
    refused: int
    failed: int


def read_questions(path: str) -> list[Question]:
    """Read a file of questions: each line is a JSON object with `question`, optional `id` and `video`, or plain text.

    Raises:
        UsageError: the file cannot be read, a line has no question, or two questions have the same id.
    """
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--questions {path} cannot be read: {error}") from error
    found: dict[str, Question] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        made = _question(line.strip(), f"--questions {path}, line {number}")
        if made.question_id in found:
            raise UsageError(f"--questions {path}, line {number}: the id or question {made.question_id} appears twice")
        found[made.question_id] = made
    if not found:
        raise UsageError(f"--questions {path} contains no question")
    return list(found.values())


def commit_answers(
    place: str,
    questions: Sequence[Question],
    settings: Any,
    answer: Callable[[Question], Answer],
    *,
    model: str | None,
    say: Callable[[str], None] = lambda _: None,
) -> Answered:
    """Answer the questions that have no answer yet, one commit each; rows of questions that left the file are removed.

    Args:
        place: the folder of the table, local or on object storage.
        settings: JSON values that determine the answers together with the question.
        answer: answers one question. If it raises `ItemError`, the problem is stored and the next call asks again.

    Raises:
        UsageError: the folder contains something other than answers.
        RunFailed: another process is writing answers to this folder.
    """
    table = _opened(place)
    there = table.read(["question_id", "key", "problem"]).to_pylist()
    done = {row["question_id"]: row["key"] for row in there if row["problem"] is None}
    known = {row["question_id"] for row in there}
    keys = {q.question_id: digest([q.text, q.video, settings]) for q in questions}
    todo = [q for q in questions if done.get(q.question_id) != keys[q.question_id]]
    try:
        for number, question in enumerate(todo, 1):
            row = _row(question, keys[question.question_id], answer, model)
            made = pa.Table.from_pylist([row], schema=ANSWERS)
            if question.question_id in known:
                table.upsert(made, ["question_id"])
            else:
                table.append(made)
            say(f"{number} of {len(todo)} questions answered")
        table.delete("question_id", known - set(keys))
        table.tidy()
    except Fenced:
        raise RunFailed(f"another process is writing answers to {place}; run again once it has ended") from None
    rows = table.read(["found", "problem"]).to_pylist()
    failed = sum(row["problem"] is not None for row in rows)
    found = sum(bool(row["found"]) for row in rows)
    return Answered(table, len(todo), found, len(rows) - found - failed, failed)


def _opened(place: str) -> Table:
    table = Table(f"{place}/{TABLE}", ANSWERS, writer="ask")
    if not table.exists() and any(not p.rsplit("/", 1)[-1].startswith(".") for p in files_below(place)):
        raise UsageError(f"{place} is not empty and contains no answers; give a new folder with -o")
    table.fence()
    return table


def _row(question: Question, key: str, answer: Callable[[Question], Answer], model: str | None) -> dict[str, Any]:
    asked = {"question_id": question.question_id, "question": question.text, "video": question.video or None}
    same = {**asked, "columns": question.columns, "key": key, "model": model}
    try:
        said = answer(question)
    except ItemError as error:
        return {**same, "problem": str(error)}
    fields = {name: getattr(said, name) for name in ("answer", "found", "strategy", "calls")}
    return {**same, **fields, "steps": list(said.steps), "cites": _cites(said)}


def _cites(answer: Answer) -> Iterable[dict[str, Any]]:
    return [asdict(cite) for cite in answer.cites]


def _question(line: str, where: str) -> Question:
    if not line.startswith("{"):
        return Question(digest([line, ""], hex_digits=16), line)
    try:
        given = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
    text, video, name = given.pop("question", None), given.pop("video", None) or "", given.pop("id", None)
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f'{where}: "question" is missing or is not a text')
    if not isinstance(video, str):
        raise UsageError(f"{where}: video is {video!r:.60}; it must be the name of a video")
    if name is not None and not isinstance(name, str | int | float):
        raise UsageError(f"{where}: id is {name!r:.60}; it must be a text or a number")
    own = digest([text.strip(), video], hex_digits=16) if name is None else str(name)
    return Question(own, text.strip(), video, json.dumps(given, ensure_ascii=False, sort_keys=True))
