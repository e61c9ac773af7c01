"""Long texts followed by questions, packed to a token budget, for training on long contexts (LWM)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import Field

from pipeline.export import lengths
from pipeline.export.base import Problem, Row, Sample, Shard, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.conversation import safe
from pipeline.export.formats.lines import PARTS, Lines
from pipeline.export.further import items_of

Counter: TypeAlias = Callable[[str], int]


class _Line(NamedTuple):
    """A timed line of the document: a caption with its span."""

    start_s: float
    end_s: float
    text: str


class _Asked(NamedTuple):
    """A question with its answer, and the span that the answer rests on."""

    question: str
    answer: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Packed(Lines):
    """Sequences of at most `max_tokens`: the timed captions of videos, each document followed by its questions and
    answers, in the form that LWM's `TextProcessor` reads with `fields_from_example=fields`: `{"fields":
    "[d0],[q0],a0,…", "d0": …, "q0": …, "a0": …, "samples": [...]}`. Fields in brackets do not contribute to the loss.

    A video whose captions and questions do not fit one sequence is divided between captions. Each question follows the
    part that contains the captions it rests on; a question that rests on several parts is left out. No part, question
    or answer is truncated. Sequences are filled in the order of the videos.

    Args:
        max_tokens: maximum tokens of a sequence.
        tokenizer: path of a `tokenizer.json` to count tokens with; "": estimate them.
        table: a further table of questions and answers; "": one question, for the long caption.
        question, reply: columns of the table.
        items: a list column of the table whose items count as its rows.
        events: parts of the document, sections or windows.
        prompt: the question if there is no table.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)
    needs_files: ClassVar[bool] = False
    needs_windows: ClassVar[bool] = True

    max_tokens: Annotated[int, Field(ge=64)] = 32768
    tokenizer: str = ""
    table: str = ""
    question: str = "question"
    reply: str = "answer"
    items: str = "items"
    events: Literal["window", "section"] = "window"
    prompt: str = "Describe this video in detail."

    @property
    def limit_tokens(self) -> int:
        return self.max_tokens

    @property
    def reads_table(self) -> str:
        return self.table

    def rows(self, sample: Sample) -> Sequence[Row]:
        count = cache(lengths.counter(self.tokenizer or None))
        parts = [p for p in (sample.windows if self.events == "window" else sample.parts) if p.text]
        if not parts:
            raise Unfit(f"it has no {self.events} with a text")
        said = (f"{_clock(p.start_s)} to {_clock(p.end_s)}: {_one_line(p.text)}" for p in parts)
        lines = [_Line(p.start_s, p.end_s, text) for p, text in zip(parts, said, strict=True)]
        found = [
            {
                "key": f"{sample.key}-p{k:04d}",
                "document": "\n".join(line.text for line in part),
                "turns": [(one.question, one.answer) for one in own],
            }
            for k, (part, own) in enumerate(_divided(lines, list(self._asked(sample)), count, self.max_tokens))
            if own
        ]
        if not found:
            raise Unfit("no question fits a sequence with the captions that it rests on")
        return found

    def _asked(self, sample: Sample) -> Iterator[_Asked]:
        if not self.table:
            yield _Asked(self.prompt, safe(sample.text).strip(), 0.0, sample.duration_s)
            return
        for k, row in enumerate(items_of(sample, self.table, self.items)):
            asked, said = row.get(self.question), row.get(self.reply)
            if not (isinstance(asked, str) and asked.strip() and isinstance(said, str) and said.strip()):
                raise Unfit(f"table {self.table} has no {self.question} and {self.reply} in row {k} of the video")
            spans = row.get("evidence") or row.get("spans") or ([row] if row.get("start_s") is not None else [])
            start_s = min((s["start_s"] for s in spans), default=0.0)
            end_s = max((s["end_s"] for s in spans), default=sample.duration_s)
            yield _Asked(safe(asked).strip(), safe(said).strip(), start_s, end_s)

    def text_of(self, row: Row) -> str:
        if "document" in row:
            return "\n".join([row["document"], *(text for turn in row["turns"] for text in turn)])
        return "\n".join(str(row[_name(field)]) for field in row["fields"].split(","))

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        count = lengths.counter(self.tokenizer or None)
        path = f"{PARTS}/{shard.name}{self.suffix}"
        with shard.folder.writing(path) as file:
            pack: list[Row] = []
            used = 0
            for _, row in rows:
                size = sum(count(text) + 1 for text in (row["document"], *(t for turn in row["turns"] for t in turn)))
                if pack and used + size > self.max_tokens:
                    file.write(f"{self.line(_sequence(pack))}\n".encode())
                    pack, used = [], 0
                if pack:
                    shard.joined.append(row["key"])
                pack.append(row)
                used += size
            if pack:
                file.write(f"{self.line(_sequence(pack))}\n".encode())
        return [path]

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        names = [name for name in str(row.get("fields") or "").split(",") if name]
        if not names:
            yield "it has no fields; LWM fails"
            return
        for name in names:
            if not isinstance(row.get(_name(name)), str) or not row[_name(name)].strip():
                yield f"field {_name(name)} has no text; LWM fails"
                return
        if all(name.startswith("[") for name in names):
            yield "all its fields are in brackets: nothing in it is trained on"
        if not names[0].startswith("["):
            yield "its first field is not in brackets: the document would be trained on as an answer"
        count = lengths.counter(self.tokenizer or None)
        size = sum(count(row[_name(name)]) for name in names)
        if size > self.max_tokens:
            yield f"it has {size:,} tokens, above {self.max_tokens:,}; LWM truncates it"

    def check(self, folder: Folder) -> Iterator[Problem]:
        seen: dict[str, str] = {}
        for path in self.data_files(folder):
            for where, row in self.read(folder, path):
                for key in row.get("samples") or () if isinstance(row, dict) else ():
                    if key in seen:
                        yield Problem(where, f"sample {key} is also in {seen[key]}")
                    seen[key] = where
        yield from super().check(folder)

    def use(self, folder: Folder) -> list[str]:
        return ["LWM: --train_dataset.text_processor.fields_from_example=fields"]


def _divided(
    lines: Sequence[_Line], asked: Sequence[_Asked], count: Counter, most: int
) -> Iterator[tuple[list[_Line], list[_Asked]]]:
    """Divide the document into as few parts as possible, each with the questions that rest on it alone."""
    left = list(asked)
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and _tokens(lines[start : end + 1], _on(left, lines, start, end + 1), count) <= most:
            end += 1
        part, own = list(lines[start:end]), _on(left, lines, start, end)
        while own and _tokens(part, own, count) > most:  # one caption with more questions than fit
            own = own[:-1]
        left = [one for one in left if one not in own]
        yield part, own
        start = end


def _on(asked: Iterable[_Asked], lines: Sequence[_Line], start: int, end: int) -> list[_Asked]:
    """Return the questions whose span lies in some lines; the first and last line extend to the ends of the video."""
    low = lines[start].start_s if start else 0.0
    high = lines[end - 1].end_s if end < len(lines) else float("inf")
    return [one for one in asked if one.start_s >= low and one.end_s <= high]


def _tokens(lines: Iterable[_Line], asked: Iterable[_Asked], count: Counter) -> int:
    texts = [*(line.text for line in lines), *(text for one in asked for text in (one.question, one.answer))]
    return sum(count(text) + 1 for text in texts)


def _sequence(pack: Sequence[Row]) -> dict[str, Any]:
    """Return the pieces as the fields of one example, in order; all but the answers are in brackets."""
    names: list[str] = []
    values: dict[str, str] = {}
    for piece in pack:
        number = sum(name.startswith("[d") for name in names)
        values[f"d{number}"] = piece["document"]
        names.append(f"[d{number}]")
        for asked, said in piece["turns"]:
            k = sum(not name.startswith("[") for name in names)
            values |= {f"q{k}": f"\n{asked}\n", f"a{k}": said}
            names += [f"[q{k}]", f"a{k}"]
    return {"fields": ",".join(names), **values, "samples": [piece["key"] for piece in pack]}


def _one_line(text: str) -> str:
    return " ".join(safe(text).split())


def _clock(seconds: float) -> str:
    whole = int(seconds + 0.5)
    minutes = f"{whole // 60 % 60:02d}:{whole % 60:02d}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes


def _name(field: str) -> str:
    return field.strip("[]")
