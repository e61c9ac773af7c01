"""Answering a question from an indexed output, by one of four strategies; an answer cites the spans that it rests on.

agent    the engine browses, searches and inspects frames under a budget of calls, as in Deep Video Discovery
clips    one call over the moments that a search finds, as in Goldfish
summary  the captions of a video are digested with the question in view, then one call answers, as in LLoVi
quote    no model: the moment that fits best, word for word, where it covers the question
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from operators.core.base import ItemError, Row
from operators.engines.ask import ask as ask_engine
from operators.engines.base import Picture, Request, RunningEngine
from operators.engines.gates import ALWAYS
from operators.narrate.grounding.words import content_stems
from operators.prompts import load_prompt
from pipeline.output.filmstrip import Filmstrip, spread
from pipeline.output.output import Output
from pipeline.retrieval.index import Index, quoted
from pipeline.retrieval.passages import VIDEO
from pipeline.retrieval.search import Hit, search
from pipeline.terminal.errors import UsageError

Strategy = Literal["agent", "clips", "summary", "quote"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
NOT_FOUND = "not in the captions"

_PROMPTS = Path(__file__).parent / "prompts"
_ACTIONS = ("browse", "search", "inspect", "answer")
_NOTES = 60  # in a prompt; the oldest leave first
_FRAMES = 8  # of an inspection
_LISTED = 30  # videos or sections of one browse
_TEXTS_WORDS = 2000  # captions of one digest
_COVERED = 0.75  # of a quoted moment: share of the question's words that it says, or
_ALIKE, _CLEAR = 0.45, 0.1  # its cosine with the question, and how far that is above the cosine of the third best
_ASKING = frozenset(
    [
        "how",
        "who",
        "whom",
        "whose",
        "what",
        "which",
        "when",
        "where",
        "why",
        "do",
        "does",
        "did",
        "is",
        "are",
        "was",
        "were",
        "video",
        "happen",
    ]
)
_SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": list(_ACTIONS)},
            "query": {"type": "string"},
            "video": {"type": "string"},
            "start_s": {"type": "number"},
            "end_s": {"type": "number"},
            "answer": {"type": "string"},
            "cites": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["action"],
    }
)


@dataclass(frozen=True, kw_only=True)
class Note:
    """A span, and what is known of it: a caption, or what the engine saw in its frames."""

    video_id: str
    uri: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a question.

    Attributes:
        answer: `NOT_FOUND` where the captions do not tell.
        cites: what the answer rests on; empty only where `found` is false.
        calls: of the engine.
        steps: what the agent did, in words.
    """

    question: str
    answer: str
    found: bool
    strategy: Strategy
    cites: tuple[Note, ...] = ()
    calls: int = 0
    steps: tuple[str, ...] = ()


@dataclass
class Asking:
    """One output that is asked; answers one question after the other.

    Args:
        engine: None for the strategy `quote`.
        sees: whether the engine takes pictures.
        budget: calls of the engine that a question may cost.
        k: moments of one search.
        video_ids: only these videos; empty: all.
    """

    output: Output
    index: Index
    engine: RunningEngine | None = None
    sees: bool = False
    budget: int = 12
    k: int = 8
    video_ids: Sequence[str] = ()
    _calls: int = field(default=0, init=False)

    def answer(self, question: str, strategy: Strategy) -> Answer:
        """Answer a question.

        Raises:
            UsageError: the question is empty, or the strategy needs an engine or one video.
        """
        if not question.strip():
            raise UsageError("the question is empty")
        self._calls = 0
        if strategy == "quote":
            return self._quote(question)
        if self.engine is None:
            raise UsageError(f"strategy {strategy} needs an engine with a model; without one there is quote")
        if strategy == "agent":
            return self._agent(question)
        if strategy == "clips":
            return self._last(question, strategy, [_note(h) for h in self._search(question)], ())
        return self._summary(question)

    # -- strategies ------------------------------------------------------------------------------------------------

    def _quote(self, question: str) -> Answer:
        asked = set(content_stems(question)) - _ASKING
        hits = self._search(question)
        alike = sorted((hit.similarity for hit in hits if hit.similarity is not None), reverse=True)
        # where many moments are equally alike, they share a subject with the question, and none answers it
        least = max(_ALIKE, alike[2] + _CLEAR if len(alike) > 2 else 0.0)
        for hit in hits:
            covered = len(asked & set(content_stems(hit.text))) / max(1, len(asked))
            if covered >= _COVERED or (hit.similarity or 0.0) >= least:
                return Answer(question=question, answer=hit.text, found=True, strategy="quote", cites=(_note(hit),))
        return Answer(question=question, answer=NOT_FOUND, found=False, strategy="quote")

    def _agent(self, question: str) -> Answer:
        notes: list[Note] = []
        steps: list[str] = []
        while self._calls < self.budget - 1:
            said = self._ask(question, notes, steps, tools=True)
            action = said.get("action")
            if action == "answer":
                if not str(said.get("answer") or "").strip() or _cited(said, notes):
                    return self._settled(question, "agent", said, notes, steps)
                steps.append("an answer that cites no note was refused")
                continue
            try:
                new = self._act(str(action), said, question)
            except (UsageError, ItemError, ValueError, TypeError) as error:
                steps.append(f"{action} failed: {error}")
                continue
            fresh = [n for n in new if n not in notes]
            notes += fresh
            steps.append(f"{action} {_shown(said)}: {len(fresh)} new notes")
        return self._last(question, "agent", notes, steps)

    def _summary(self, question: str) -> Answer:
        ids = list(self.video_ids) or list(dict.fromkeys(h.video_id for h in self._search(question)))[:1]
        notes: list[Note] = []
        parts = [part for video_id in ids for part in _parts(self._rows("window", [video_id]))]
        for part in parts[: self.budget - 1]:
            span = {"start_s": part[0]["start_s"], "end_s": max(r["end_s"] for r in part)}
            prompt = _prompt("digest", question=question, texts=[r["text"] for r in part], **span)
            text = self._text(Request(kind="digest_for_question", prompt=prompt, **span))
            if text and text.strip(" .").lower() != "nothing":
                notes.append(Note(video_id=part[0]["video_id"], uri=part[0]["uri"], text=text, **span))
        skipped = len(parts) - (self.budget - 1)
        steps = [f"{skipped} parts were left out by the budget of calls"] if skipped > 0 else []
        return self._last(question, "summary", notes, steps)

    def _last(self, question: str, strategy: Strategy, notes: list[Note], steps: Sequence[str]) -> Answer:
        said = self._ask(question, notes, steps, tools=False) if notes else {}
        return self._settled(question, strategy, said, notes, steps)

    def _settled(self, question: str, strategy: Strategy, said: Row, notes: list[Note], steps: Sequence[str]) -> Answer:
        """An answer counts only with a note that it cites."""
        cites, text = _cited(said, notes), str(said.get("answer") or "").strip()
        found = bool(cites and text)
        return Answer(
            question=question,
            answer=text if found else NOT_FOUND,
            found=found,
            strategy=strategy,
            cites=cites if found else (),
            calls=self._calls,
            steps=tuple(steps),
        )

    # -- tools -----------------------------------------------------------------------------------------------------

    def _act(self, action: str, said: Row, question: str) -> list[Note]:
        if action == "search":
            return [_note(h) for h in self._search(str(said.get("query") or question))]
        if action == "browse":
            return self._browse(str(said.get("video") or ""))
        if action == "inspect":
            span = (float(said.get("start_s") or 0.0), float(said.get("end_s") or 0.0))
            return [self._inspect(str(said.get("video") or ""), span, str(said.get("query") or question))]
        raise UsageError(f"there is no action {action!r}; allowed are {', '.join(_ACTIONS)}")

    def _search(self, query: str) -> list[Hit]:
        return search(self.index, query, k=self.k, video_ids=self.video_ids)

    def _browse(self, video: str) -> list[Note]:
        ids = [self._allowed(video)] if video else list(self.video_ids)
        if len(ids) == 1:
            return [_row_note(r) for r in self._rows("section", ids)[:_LISTED]]
        names = self._read(["uri", "video_id"], VIDEO, ids)
        first = sorted(names, key=lambda r: (r["uri"], r["video_id"]))[:_LISTED]
        return [_row_note(r) for r in self._rows(VIDEO, [r["video_id"] for r in first])] if first else []

    def _inspect(self, video: str, span: tuple[float, float], query: str) -> Note:
        if not self.sees:
            raise UsageError("the engine takes no frames")
        facts = self.output.find(self._allowed(video))
        row = self.output.store.videos.lookup("video_id", facts["video_id"]).to_pylist()[0]
        start_s, end_s = max(0.0, span[0]), min(span[1], float(row["duration_s"] or 0.0))
        if end_s <= start_s:
            raise UsageError(f"{span[0]:g} to {span[1]:g} s is no span of {facts['video_id']}")
        times = [start_s + t for t in spread(end_s - start_s, _FRAMES)]
        with Filmstrip(short_side_px=360) as film:
            stills = film.at(row, times)
        pictures = tuple(Picture(time_s=s.time_s, pts_s=s.pts_s, jpeg=s.jpeg) for s in stills)
        prompt = load_prompt(str(_PROMPTS / "look.j2")).render(question=query)
        text = self._text(
            Request(
                kind="look",
                start_s=start_s,
                end_s=end_s,
                prompt=prompt.text,
                pictures=pictures,
                pictures_at=prompt.pictures_at,
            )
        )
        return Note(video_id=row["video_id"], uri=row["uri"], start_s=start_s, end_s=end_s, text=text)

    def _allowed(self, video: str) -> str:
        video_id = str(self.output.find(video)["video_id"])
        if self.video_ids and video_id not in self.video_ids:
            raise UsageError(f"{video} is not among the videos that were asked for")
        return video_id

    def _rows(self, level: str, video_ids: Sequence[str]) -> list[Row]:
        """Passages of one level that have a text, in order of time, video by video."""
        found = self._read(["video_id", "uri", "start_s", "end_s", "text", "place"], level, video_ids)
        return sorted(found, key=lambda r: (r["uri"], r["video_id"], r["start_s"], r["end_s"], r["place"]))

    def _read(self, columns: list[str], level: str, video_ids: Sequence[str]) -> list[Row]:
        where = f"level = {quoted(level)} AND text != ''"
        if video_ids:
            where += f" AND video_id IN ({', '.join(map(quoted, video_ids))})"
        found: list[Row] = self.index.table.search().where(where).select(columns).to_list()
        return found

    # -- the engine ------------------------------------------------------------------------------------------------

    def _ask(self, question: str, notes: list[Note], steps: Sequence[str], *, tools: bool) -> Row:
        numbered = list(enumerate(notes, 1))[-_NOTES:]
        left = self.budget - self._calls
        prompt = _prompt("ask", question=question, notes=numbered, steps=steps[-_NOTES:], tools=tools, left=left)
        texts = tuple(n.text for n in notes[-_NOTES:])
        return _parsed(
            self._text(Request(kind="ask", start_s=0.0, end_s=0.0, prompt=prompt, texts=texts, schema=_SCHEMA))
        )

    def _text(self, request: Request) -> str:
        """The engine's answer to a call.

        Raises:
            ItemError: class engine: it gives none.
        """
        assert self.engine is not None
        self._calls += 1
        answer = ask_engine(self.engine, replace(request, seed=self._calls), tries=2, gates=ALWAYS).result()
        if not answer.valid:
            raise ItemError(answer.failure_class or "engine", f"the engine gave no answer: {answer.problem}")
        return answer.text


def _prompt(name: str, **values: Any) -> str:
    return load_prompt(str(_PROMPTS / f"{name}.j2")).render(**values).text


def _parsed(text: str) -> Row:
    """The JSON object in an answer; {} where there is none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text[text.index("{") : text.rindex("}") + 1])
        if isinstance(found, dict):
            return found
    return {}


def _cited(said: Row, notes: Sequence[Note]) -> tuple[Note, ...]:
    cites = said.get("cites")
    numbers = [n for n in cites if isinstance(n, int) and 1 <= n <= len(notes)] if isinstance(cites, list) else []
    return tuple(notes[n - 1] for n in dict.fromkeys(numbers))


def _parts(rows: Iterable[Row]) -> list[list[Row]]:
    """Captions in order, in parts of about `_TEXTS_WORDS` words."""
    parts: list[list[Row]] = []
    words = 0
    for row in rows:
        count = len(row["text"].split())
        if not parts or words + count > _TEXTS_WORDS:
            parts.append([])
            words = 0
        parts[-1].append(row)
        words += count
    return parts


def _note(hit: Hit) -> Note:
    return Note(video_id=hit.video_id, uri=hit.uri, start_s=hit.start_s, end_s=hit.end_s, text=hit.text)


def _row_note(row: Row) -> Note:
    return Note(**{name: row[name] for name in ("video_id", "uri", "start_s", "end_s", "text")})


def _shown(said: Row) -> str:
    return ", ".join(f"{k} {said[k]!s:.80}" for k in ("video", "query", "start_s", "end_s") if said.get(k))
