"""Answers to a file of questions as a committed table: each is durable once it is given, and none is asked for twice.

PLACE/answers    Delta Lake table of `ANSWERS`, a row a question
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
        pa.field("text", pa.string()),  # a caption, a digest, or what was seen in frames
    ]
)
ANSWERS = pa.schema(
    [
        pa.field("question_id", pa.string()),  # the `id` of the file, else a hash of the question and its video
        pa.field("question", pa.string()),
        pa.field("video", pa.string()),  # the question is about this one alone; null: about all
        pa.field("answer", pa.string()),  # "not in the captions" where `found` is false; null where it failed
        pa.field("found", pa.bool_()),  # whether the captions tell; null where it failed
        pa.field("cites", pa.list_(_CITE)),  # what the answer rests on
        pa.field("strategy", pa.string()),
        pa.field("model", pa.string()),  # null: no model
        pa.field("calls", pa.int32()),  # of the engine
        pa.field("steps", pa.list_(pa.string())),  # what the agent did
        pa.field("problem", pa.string()),  # why there is no answer; null: there is one
        pa.field("columns", pa.string()),  # JSON: what else stands in the question's line, such as its right answer
        pa.field("key", pa.string()),  # fingerprint: question, captions, strategy, engine
    ]
)


@dataclass(frozen=True)
class Question:
    """A line of a file of questions.

    Attributes:
        video: named as for `Output.find`; "": all videos.
        columns: JSON of the line's other values.
    """

    question_id: str
    text: str
    video: str = ""
    columns: str = "{}"


@dataclass(frozen=True)
class Answered:
    """What a batch did.

    Attributes:
        table: of answers.
        asked: questions that were asked now; the others were answered already.
        found, refused, failed: questions of the table: answered, not in the captions, without an answer.
    """

    table: Table
    asked: int
    found: int
    refused: int
    failed: int


def read_questions(path: str) -> list[Question]:
    """The questions of a file: a JSON object with `question`, and maybe `id` and `video`, a line, or the line itself.

    Raises:
        UsageError: the file cannot be read, a line holds no question, or two have the same id.
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
            raise UsageError(f"--questions {path}, line {number}: the id or question {made.question_id} stands twice")
        found[made.question_id] = made
    if not found:
        raise UsageError(f"--questions {path} holds no question")
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
    """Answer what is not answered yet, each in a commit of its own; rows of questions that left the file are dropped.

    Args:
        place: folder of the table, local or on object storage.
        settings: whatever decides the answers beside the question, as JSON values.
        answer: raises `ItemError` where the engine gives none: a row with its problem, which the next call asks again.

    Raises:
        UsageError: the folder holds something else.
        RunFailed: another process answers into this folder.
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
        raise RunFailed(f"another process answers into {place}; run again once it has ended") from None
    rows = table.read(["found", "problem"]).to_pylist()
    failed = sum(row["problem"] is not None for row in rows)
    found = sum(bool(row["found"]) for row in rows)
    return Answered(table, len(todo), found, len(rows) - found - failed, failed)


def _opened(place: str) -> Table:
    table = Table(f"{place}/{TABLE}", ANSWERS, writer="ask")
    if not table.exists() and any(not p.rsplit("/", 1)[-1].startswith(".") for p in files_below(place)):
        raise UsageError(f"{place} is not empty, and no answers lie there: name a new folder with -o")
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
        raise UsageError(f'{where}: it needs a text under "question"')
    if not isinstance(video, str):
        raise UsageError(f"{where}: video is {video!r:.60}; it must be the name of a video")
    own = digest([text.strip(), video], hex_digits=16) if name is None else str(name)
    return Question(own, text.strip(), video, json.dumps(given, ensure_ascii=False, sort_keys=True))
