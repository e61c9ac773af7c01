"""`ask`: build a request from a prompt, the values of a row and its parents, and frames; write its answer to a column.

    - ask:
        as: title
        engine: llm
        prompt: prompts/title.j2
        column: title

The variables of the prompt are columns: a prompt that names `captions` makes the step read that column. It may also
name `item` (of the list in `each`), `index`, `count`, `start_s`, `end_s`, `duration_s`, `language`, `words`, `form`
(the fields in plain English), `evidence` (measurements in the span, as a sentence), `said` (the speech in it),
`known` (speech, text and detections in it, if parents provide them), `previous` (the previous answer), `carried`
(the field `carry` of it, at most `carry_words` words) and `shrunk` (how often the prompt was too long: omit some
content). A prompt that names `previous` or `carried` is requested item by item.

For a row, `column` is the text, and `<column>_answer` describes the answer; a failed request fails the row. For
items, `column` is a list of `operators.ask.options.ITEM`; a failed request is an invalid item, and a row without a
valid item fails. With `column: windows` and without `fields`, a window whose answer is refused keeps its earlier
caption, if it has a valid one, and records the problem. `<column>_provenance` names the engine and the prompt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import BaseModel

from operators.analysis.facts import Facts
from operators.ask.checks import problem, texts_in
from operators.ask.items import Item, frames_of, items_of, moments, readable
from operators.ask.options import ANSWER, AskOptions
from operators.audio.heard import Heard
from operators.core import structs
from operators.core.base import TRANSIENT, Apply, FailureClass, ItemError, Row
from operators.core.fingerprint import digest
from operators.core.grid import Span
from operators.core.text import clock, quotation
from operators.embedding.talk import talk_embedder
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import FrameImage, Request, RunningEngine
from operators.engines.gates import About, covers_nothing, gates_of, malformed
from operators.engines.provenance import provenance
from operators.engines.shared import shared
from operators.engines.template.evidence import evidence
from operators.evidence.evidence import Evidence
from operators.language.shorten import first_words
from operators.prompts import Prompt, expression, load_prompt
from operators.video.isolation import DecodeChild
from operators.video.moments import frames_at
from operators.video.size import Size

_SHRINKS = 12  # maximum number of times that a prompt which is too long is shortened
_WINDOW = [f.name for f in structs.WINDOW_CAPTION]
_OF_FRAMES: frozenset[FailureClass] = frozenset({"undecodable", "crash", "timeout", "out_of_memory"})
"""Failures of one item whose frames are decoded for it; other failures are of the source."""


@dataclass(frozen=True, kw_only=True)
class Ask(AskOptions):
    """Asks an engine about each row, or about each item of a list; see the docstring of the module."""

    name: ClassVar[str] = "ask"
    version: ClassVar[int] = 2  # 2: no frame of before an item
    pool: ClassVar[str] = "ask"
    reads: ClassVar[frozenset[str]] = frozenset()  # `reads` and `writes` follow from the options
    writes: ClassVar[frozenset[str]] = frozenset()

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompt = load_prompt(self.prompt)
        talk_embedder(self.talk_classifier)
        with DecodeChild() as child, shared(self.engine) as engine:  # the process starts with its first job
            yield lambda row: _Work(self, engine, child, prompt, row).made()


class _Work:
    """The requests about one row."""

    def __init__(self, spec: Ask, engine: RunningEngine, child: DecodeChild, prompt: Prompt, row: Row) -> None:
        self._spec, self._engine, self._child, self._prompt, self._row = spec, engine, child, prompt, row
        self._items = items_of(row, spec.path)
        decoded = spec.frames and spec.look_fps is None
        self._images = [FrameImage(**p) for p in row["images"] or ()] if decoded else []
        self._heard = Heard.of(row.get("speech"))
        self._known = Evidence.of(row) if "known" in prompt.names else None
        self._seed = int(digest([row["video_id"], row.get("segment_index"), spec.column], hex_digits=8), 16)
        gates = gates_of(spec.engine)
        of_form = ((malformed,) if spec.form else ()) + ((covers_nothing,) if spec.keep else ())
        self._gates = (*gates, *(gate for gate in of_form if gate not in gates))
        named = (spec.reads | spec.may_read) - {"images"}
        self._values = {name: readable(row[name]) for name in named if name in row}
        self._chosen = self._within_budget([item for item in self._items if self._wanted(item)])

    def made(self) -> Row:
        answers = self._one_by_one() if self._spec.chained else self._all_at_once()
        if answers and not any(answer.valid for answer in answers) and not self._keeps_captions(answers):
            why = answers[0]
            what = "the request failed" if not self._spec.path else "no item could be answered"
            raise ItemError(why.failure_class or "internal", f"{what}: {why.problem}", attempts=max(1, why.attempts))
        spec, row = self._spec, self._row
        made_by = provenance(spec.engine, [self._prompt], {"tries": spec.tries, "seed": self._seed})
        usage = sum((answer.usage for answer in answers), Usage.of(row.get("usage")))
        found: Row = {spec.provenance_column: made_by, "usage": usage.row()}
        answered = [self._answered(item, answer) for item, answer in zip(self._chosen, answers, strict=True)]
        if spec.rewrites:
            found["windows"] = self._windows(answered)
            if found["windows"] and not any(window["valid"] for window in found["windows"]):
                raise ItemError("gate", f"no window has a caption: {found['windows'][0]['problem']}")
        elif spec.path:
            found[spec.column] = answered
        else:
            answer = answered[0] if answered else None  # None: `only` excludes the row
            found[spec.column] = answer["text"] if answer else None
            found[spec.answer_column] = {f.name: answer[f.name] for f in ANSWER} if answer else None
        return {**row, **found}

    def _keeps_captions(self, answers: Sequence[Answer]) -> bool:
        """Whether earlier captions of the windows remain after all answers were refused.

        A failure of the engine or the storage says nothing about the windows, and a retry may succeed.
        """
        if not self._keeps or any(answer.failure_class in TRANSIENT for answer in answers):
            return False
        return any(window["valid"] for window in self._row["windows"])

    @property
    def _keeps(self) -> bool:
        """Whether an earlier caption may stand for a new one; it has not the `fields` that this step asks for."""
        return self._spec.rewrites and self._spec.form is None

    # -- requests --------------------------------------------------------------------------------------------------

    def _all_at_once(self) -> list[Answer]:
        asked = [self._ask(item, ("", "")) for item in self._chosen]
        return [future.result() for future in asked]

    def _one_by_one(self) -> list[Answer]:
        answers: list[Answer] = []
        before = ("", "")
        for item in self._chosen:
            answer = self._ask(item, before).result()
            answers.append(answer)
            if answer.valid:
                before = (self._text(answer), first_words(self._carried(answer), self._spec.carry_words))
        return answers

    def _ask(self, item: Item, before: tuple[str, str]) -> Future[Answer]:
        """Ask about one item; a prompt that is too long is rendered again with a higher `shrunk` and fewer frames."""
        try:
            frames = self._frames(item)
        except ItemError as error:
            if error.failure_class not in _OF_FRAMES:
                raise
            return _done(Answer("", 0, error.failure_class, error.message))
        if self._spec.frames and not frames:
            return _done(Answer("", 0, "undecodable", "no frame of it decoded"))
        if self._spec.keep and not self._source(item).strip():
            return _done(
                Answer("", 0, "invalid", f"source ({self._spec.source}) is empty, so there is nothing to keep")
            )

        def smaller(times: int) -> Request | None:
            request = self._request(item, before, frames, times)
            last = self._request(item, before, frames, times - 1) if times else None
            return None if times > _SHRINKS or request == last else request

        try:
            request = smaller(0)
        except ValueError as error:
            return _done(Answer("", 0, "invalid", str(error)))
        assert request is not None
        return ask(
            self._engine,
            request,
            tries=self._spec.tries,
            gates=self._gates,
            about=self._about(item),
            clean=self._spec.engine.generative,
            smaller=smaller,
        )

    def _frames(self, item: Item) -> tuple[FrameImage, ...]:
        spec = self._spec
        if spec.look_fps is None:
            return frames_of(self._images, item.span, spec.frames) if spec.frames else ()
        times_s = moments(item.span, spec.look_fps, spec.frames)
        found = frames_at(self._child, self._row, times_s, Size(short_side_px=spec.look_px))
        return tuple(FrameImage(**frame) for frame in found)

    def _request(self, item: Item, before: tuple[str, str], frames: tuple[FrameImage, ...], times: int) -> Request:
        spec = self._spec
        measured = _measured(item.facts)
        facts = measured.slice(item.span.start_s, item.span.end_s) if measured else None
        prompt = self._prompt.render(
            **self._values | self._given(item),
            evidence=evidence(facts, item.span),
            said=said(item, facts, self._heard),
            known=self._known_in(item.span, before[0]),
            previous=before[0],
            carried=before[1],
            shrunk=times,
        )
        return Request(
            kind=spec.column,
            start_s=item.span.start_s,
            end_s=item.span.end_s,
            prompt=prompt.text,
            instructions=self._prompt.instructions,
            images=frames[:: 2**times],
            images_at=prompt.images_at,
            facts=facts,
            words=spec.words,
            schema=spec.form.schema if spec.form else None,
            seed=self._seed + item.index,
        )

    def _known_in(self, span: Span, previous: str) -> list[str]:
        """Return speech, text and detections in a span, one text per line, as in the prompts of captions."""
        if self._known is None:
            return []
        about = [previous] if previous else []
        return self._known.within(span.start_s, span.end_s).texts(
            seconds=span.seconds, count=self._engine.count_tokens, about=about
        )

    def _given(self, item: Item) -> dict[str, Any]:
        spec = self._spec
        return {
            "item": item.value,
            "index": item.index,
            "count": len(self._items),
            "start_s": item.span.start_s,
            "end_s": item.span.end_s,
            "language": spec.language,
            "words": spec.words,
            "form": spec.form.about if spec.form else "",
        }

    def _wanted(self, item: Item) -> bool:
        return not self._spec.only or bool(self._value("only", self._spec.only, item))

    def _within_budget(self, items: list[Item]) -> list[Item]:
        """Return the items with the lowest rank, in their order."""
        spec = self._spec
        if spec.budget is None:
            return items
        ranked = items
        if spec.rank:
            values = [(self._value("rank", spec.rank, item), item.index, item) for item in items]
            ranked = [v[2] for v in sorted(values, key=lambda v: (v[0] is None, 0 if v[0] is None else v[0], v[1]))]
        return sorted(ranked[: spec.budget], key=lambda item: item.index)

    def _value(self, what: str, text: str, item: Item) -> Any:
        try:
            return expression(text)(**{**self._values, **self._given(item)})
        except Exception as error:  # errors of the user's expression on values that a model wrote
            raise ItemError("invalid", f"{what} ({text}) cannot be evaluated for item {item.index}: {error}") from error

    def _source(self, item: Item) -> str:
        return " ".join(texts_in(self._value("source", self._spec.source, item)))

    def _about(self, item: Item) -> About:
        spec, form = self._spec, self._spec.form
        common: dict[str, Any] = {
            "language": spec.language,
            "duration_s": self._row["duration_s"],
            "embed": talk_embedder(spec.talk_classifier),
        }
        if spec.keep:
            source = self._source(item)
            common["covers"] = lambda answer: problem(spec.keep, source, self._prose(answer), into=spec.language)
        if form is None:
            return About(**common)
        prose_fields = frozenset({form.text} if form.text else ())
        return About(**common, form=form.model, parse=form.read, prose=form.prose, prose_fields=prose_fields)

    def _prose(self, answer: str) -> str:
        """Return the text of an answer; an answer that cannot be parsed is rejected by another gate."""
        form = self._spec.form
        if form is None:
            return answer
        try:
            return form.prose(form.read(answer))
        except ValueError:
            return answer

    # -- answers ---------------------------------------------------------------------------------------------------

    def _read(self, answer: Answer) -> BaseModel | None:
        return self._spec.form.read(answer.text) if self._spec.form and answer.valid else None

    def _text(self, answer: Answer) -> str:
        read = self._read(answer)
        if read is None or self._spec.form is None:
            return answer.text
        return self._spec.form.prose(read).strip() if self._spec.form.text else read.model_dump_json()

    def _carried(self, answer: Answer) -> str:
        read = self._read(answer)
        if read is None or not self._spec.carry:
            return self._text(answer)
        value = getattr(read, self._spec.carry)
        return value if isinstance(value, str) else json.dumps(read.model_dump()[self._spec.carry], ensure_ascii=False)

    def _answered(self, item: Item, answer: Answer) -> Row:
        """As `options.ITEM`."""
        read = self._read(answer)
        return {
            "index": item.index,
            "start_s": item.span.start_s,
            "end_s": item.span.end_s,
            "text": self._text(answer),
            "fields": read.model_dump_json() if read is not None else None,
            "pts_s": [p.pts_s for p in answer.request.images] if answer.request else [],
            "valid": answer.valid,
            "prompt_hash": digest(answer.request.prompt) if answer.request else None,
            "sampling": answer.sampling,
            "attempts": answer.attempts,
            "problem": answer.problem,
            "usage": answer.usage.row(),
        }

    def _windows(self, answered: list[Row]) -> list[Row]:
        """Return the windows with new texts; windows that were not asked about are unchanged.

        A window with a valid caption keeps it if the new answer was refused, with the problem of the answer.
        """
        new = {row["index"]: row for row in answered}
        windows = []
        for item, old in zip(self._items, self._row["windows"], strict=True):
            found = new.get(item.index, {})
            if found and not found["valid"] and old["valid"] and self._keeps:
                windows.append({**old, "problem": f"the earlier caption was kept: {found['problem']}"})
                continue
            row = {**old, **{k: v for k, v in found.items() if k in _WINDOW}}
            windows.append({**row, "pts_s": row["pts_s"] or old["pts_s"]})
        return windows


@lru_cache(maxsize=8)
def _measured(facts: str | None) -> Facts | None:
    return Facts.parse(facts) if facts else None


def said(item: Item, facts: Facts | None, heard: Heard | None) -> list[str]:
    """Return the speech in the span of an item, else the measured subtitles there, one text per line."""
    if heard is not None:
        return heard.within(item.span.start_s, item.span.end_s).texts()
    lines = (facts.subtitles or ()) if facts else ()
    return [f"{clock(line.start_s)} to {clock(line.end_s)}: {quotation(line.text)}" for line in lines]


def _done(answer: Answer) -> Future[Answer]:
    future: Future[Answer] = Future()
    future.set_result(answer)
    return future
