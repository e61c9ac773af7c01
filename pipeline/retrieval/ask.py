"""Answer a question from an indexed output, by one of five strategies; an answer cites the spans that support it.

agent    the engine browses, searches and inspects frames within a budget of calls, as in Deep Video Discovery
clips    one call over the moments that a search finds, as in Goldfish
summary  the captions of a video are digested with the question in view, then one call answers, as in LLoVi
evidence one call over captions, frames, and what is said, read and detected near the question, as in Video-RAG
quote    no model: the moment that fits best is quoted verbatim if it covers the question
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from operators.core.base import ItemError, Row
from operators.engines.ask import ask as ask_engine
from operators.engines.base import FrameImage, Request, RunningEngine
from operators.engines.gates import ALWAYS
from operators.narrate.grounding.words import content_stems
from operators.prompts import load_prompt
from pipeline.output.filmstrip import Filmstrip, spread
from pipeline.output.output import Output
from pipeline.retrieval.index import Index, quoted
from pipeline.retrieval.notes import MOST, Note, best_of, cited, note_of, parsed, parts_of, row_note, shown
from pipeline.retrieval.passages import VIDEO, searchable
from pipeline.retrieval.search import Hit, has, search
from pipeline.terminal.errors import UsageError

Strategy = Literal["agent", "clips", "summary", "evidence", "quote"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
NOT_FOUND = "not in the captions"

_PROMPTS = Path(__file__).parent / "prompts"
_ACTIONS = ("browse", "search", "inspect", "answer")
_FRAMES = 8  # frames of one inspection
_NEAR = 0.3  # minimum cosine of further texts in the prompt (Video-RAG)
_LISTED = 30  # videos or sections that one browse lists
_COVERED = 0.75  # a moment is quoted if it contains this share of the question's words, or
_ALIKE, _CLEAR = 0.45, 0.1  # its least cosine, and its least lead over the third best
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
class Answer:
    """The answer to one question.

    Attributes:
        answer: `NOT_FOUND` if the captions do not contain the answer.
        cites: the spans that support the answer; empty only where `found` is false.
        calls: calls of the engine.
        steps: actions of the agent, in words.
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
    """Answers questions about one output, one after the other.

    Args:
        engine: None with the strategy `quote`.
        sees: whether the engine takes images.
        budget: maximum number of engine calls per question.
        k: number of moments that one search returns.
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
            return self._last(question, strategy, best_of([[note_of(h) for h in self._search(question)]]), ())
        if strategy == "evidence":
            return self._evidence(question)
        return self._summary(question)

    # -- strategies ------------------------------------------------------------------------------------------------

    def _quote(self, question: str) -> Answer:
        asked = set(content_stems(question)) - _ASKING
        hits = self._search(question)
        alike = sorted((hit.similarity for hit in hits if hit.similarity is not None), reverse=True)
        # if many moments are equally similar, they share a subject with the question and none answers it
        least = max(_ALIKE, alike[2] + _CLEAR if len(alike) > 2 else 0.0)
        for hit in hits:
            covered = len(asked & set(content_stems(hit.text))) / max(1, len(asked))
            if covered >= _COVERED or (hit.similarity or 0.0) >= least:
                return Answer(question=question, answer=hit.text, found=True, strategy="quote", cites=(note_of(hit),))
        return Answer(question=question, answer=NOT_FOUND, found=False, strategy="quote")

    def _agent(self, question: str) -> Answer:
        notes: list[Note] = []
        steps: list[str] = []
        while self._calls < self.budget - 1:
            said = self._ask(question, notes, steps, tools=True)
            action = said.get("action")
            if action == "answer":
                if not str(said.get("answer") or "").strip() or cited(said, notes):
                    return self._checked(question, "agent", said, notes, steps)
                steps.append("an answer that cites no note was refused")
                continue
            try:
                new = self._act(str(action), said, question)
            except (UsageError, ItemError, ValueError, TypeError) as error:
                steps.append(f"{action} failed: {error}")
                continue
            fresh = [n for n in new if n not in notes][:MOST]
            notes += fresh
            steps.append(f"{action} {shown(said)}: {len(fresh)} new notes")
        return self._last(question, "agent", notes, steps)

    def _summary(self, question: str) -> Answer:
        ids = list(self.video_ids) or list(dict.fromkeys(h.video_id for h in self._search(question)))[:1]
        notes: list[Note] = []
        parts = [part for video_id in ids for part in parts_of(self._rows("window", [video_id]))]
        budget = min(self.budget - 1, MOST)
        for part in parts[:budget]:
            span = {"start_s": part[0]["start_s"], "end_s": max(r["end_s"] for r in part)}
            prompt = _prompt("digest", question=question, texts=[r["text"] for r in part], **span)
            text = self._text(Request(kind="digest_for_question", prompt=prompt, **span))
            if text and text.strip(" .").lower() != "nothing":
                notes.append(Note(video_id=part[0]["video_id"], uri=part[0]["uri"], text=text, **span))
        skipped = len(parts) - budget
        steps = [f"{skipped} parts were left out: {budget} are read at most"] if skipped > 0 else []
        return self._last(question, "summary", notes, steps)

    def _evidence(self, question: str) -> Answer:
        """Answer from captions that fit the question, from texts of each further table that fit what the engine looks
        for in it, and, if the engine takes frames, from frames of the best video at its captions."""
        captions = search(self.index, question, k=self.k, levels=["window"], video_ids=self.video_ids)
        ranked, steps = [[note_of(hit) for hit in captions]], []
        for kind, query in self._wanted(question).items():
            hits = search(self.index, query, k=self.k, levels=[kind], video_ids=self.video_ids)
            near = [h for h in hits if not self.index.vectors or (h.similarity or 0.0) > _NEAR]
            ranked.append([replace(note_of(h), text=f"{kind}: {h.text}") for h in near])
            steps.append(f"{kind} {query:.80}: {len(near)} notes")
        frames: tuple[FrameImage, ...] = ()
        if self.sees and captions:
            best = [h for h in captions if h.video_id == captions[0].video_id][:_FRAMES]
            with suppress(ItemError):  # the source is gone; its texts remain
                frames = self._frames(captions[0].video_id, [(h.start_s + h.end_s) / 2 for h in best])
                steps.append(f"{len(frames)} frames of {captions[0].video_id}")
        return self._last(question, "evidence", best_of(ranked), steps, frames)

    def _wanted(self, question: str) -> dict[str, str]:
        """Return, for each further table, what to look for in it; the question itself if the engine does not say."""
        kinds = [kind for kind in sorted(searchable(self.output)) if has(self.index, kind)]
        if not kinds or self.budget < 2:
            return dict.fromkeys(kinds, question)
        text = {"type": "string"}
        schema = json.dumps({"type": "object", "properties": dict.fromkeys(kinds, text), "required": kinds})
        prompt = _prompt("wanted", question=question, kinds=kinds)
        said: Row = {}
        with suppress(ItemError):  # without an answer the question is used; a dead engine fails at the next call
            said = parsed(self._text(Request(kind="wanted", start_s=0.0, end_s=0.0, prompt=prompt, schema=schema)))
        queries = {kind: said[kind] if isinstance(said.get(kind), str) else question for kind in kinds}
        return {kind: query.strip() for kind, query in queries.items() if query.strip()}

    def _last(
        self,
        question: str,
        strategy: Strategy,
        notes: list[Note],
        steps: Sequence[str],
        frames: tuple[FrameImage, ...] = (),
    ) -> Answer:
        said = self._ask(question, notes, steps, tools=False, frames=frames) if notes else {}
        return self._checked(question, strategy, said, notes, steps)

    def _checked(self, question: str, strategy: Strategy, said: Row, notes: list[Note], steps: Sequence[str]) -> Answer:
        """Build the answer; it counts only if it cites a note."""
        cites, text = cited(said, notes), str(said.get("answer") or "").strip()
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
            return [note_of(h) for h in self._search(str(said.get("query") or question))]
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
            return [row_note(r) for r in self._rows("section", ids)[:_LISTED]]
        names = self._read(["uri", "video_id"], VIDEO, ids)
        first = sorted(names, key=lambda r: (r["uri"], r["video_id"]))[:_LISTED]
        return [row_note(r) for r in self._rows(VIDEO, [r["video_id"] for r in first])] if first else []

    def _inspect(self, video: str, span: tuple[float, float], query: str) -> Note:
        if not self.sees:
            raise UsageError("the engine does not take frames")
        row = self._video(self._allowed(video))
        start_s, end_s = max(0.0, span[0]), min(span[1], float(row["duration_s"] or 0.0))
        if end_s <= start_s:
            raise UsageError(f"{span[0]:g} to {span[1]:g} s is not a span of {row['video_id']}")
        images = self._frames(row["video_id"], [start_s + t for t in spread(end_s - start_s, _FRAMES)])
        prompt = load_prompt(str(_PROMPTS / "look.j2")).render(question=query)
        text = self._text(
            Request(
                kind="look",
                start_s=start_s,
                end_s=end_s,
                prompt=prompt.text,
                images=images,
                images_at=prompt.images_at,
            )
        )
        return Note(video_id=row["video_id"], uri=row["uri"], start_s=start_s, end_s=end_s, text=text)

    def _video(self, video_id: str) -> Row:
        row: Row = self.output.store.videos.lookup("video_id", video_id).to_pylist()[0]
        return row

    def _frames(self, video_id: str, times_s: Sequence[float]) -> tuple[FrameImage, ...]:
        """Decode the frames of a video at `times_s`."""
        with Filmstrip(short_side_px=360) as film:
            stills = film.at(self._video(video_id), times_s)
        return tuple(FrameImage(time_s=s.time_s, pts_s=s.pts_s, jpeg=s.jpeg) for s in stills)

    def _allowed(self, video: str) -> str:
        video_id = str(self.output.find(video)["video_id"])
        if self.video_ids and video_id not in self.video_ids:
            raise UsageError(f"{video} is not one of the selected videos")
        return video_id

    def _rows(self, level: str, video_ids: Sequence[str]) -> list[Row]:
        """Return the passages of one level that have a text, ordered by video and time."""
        found = self._read(["video_id", "uri", "start_s", "end_s", "text", "place"], level, video_ids)
        return sorted(found, key=lambda r: (r["uri"], r["video_id"], r["start_s"], r["end_s"], r["place"]))

    def _read(self, columns: list[str], level: str, video_ids: Sequence[str]) -> list[Row]:
        where = f"level = {quoted(level)} AND text != ''"
        if video_ids:
            where += f" AND video_id IN ({', '.join(map(quoted, video_ids))})"
        found: list[Row] = self.index.table.search().where(where).select(columns).to_list()
        return found

    # -- the engine ------------------------------------------------------------------------------------------------

    def _ask(
        self,
        question: str,
        notes: list[Note],
        steps: Sequence[str],
        *,
        tools: bool,
        frames: tuple[FrameImage, ...] = (),
    ) -> Row:
        numbered = list(enumerate(notes, 1))[-MOST:]  # the agent's oldest notes are dropped first
        left = self.budget - self._calls
        prompt = load_prompt(str(_PROMPTS / "ask.j2")).render(
            question=question, notes=numbered, steps=steps[-MOST:], tools=tools, left=left
        )
        request = Request(
            kind="ask",
            start_s=0.0,
            end_s=0.0,
            prompt=prompt.text,
            texts=tuple(n.text for n in notes[-MOST:]),
            images=frames,
            images_at=prompt.images_at if frames else None,
            schema=_SCHEMA,
        )
        return parsed(self._text(request))

    def _text(self, request: Request) -> str:
        """Return the engine's answer to a request.

        Raises:
            ItemError: the engine did not answer; class engine.
        """
        assert self.engine is not None
        self._calls += 1
        answer = ask_engine(self.engine, replace(request, seed=self._calls), tries=2, gates=ALWAYS).result()
        if not answer.valid:
            raise ItemError(answer.failure_class or "engine", f"the engine gave no answer: {answer.problem}")
        return answer.text


def _prompt(name: str, **values: Any) -> str:
    return load_prompt(str(_PROMPTS / f"{name}.j2")).render(**values).text
