"""The options of a step `ask`, and the columns that follow from them."""

from __future__ import annotations

import json
import re
from copy import copy
from dataclasses import dataclass, field
from typing import Annotated, Any

import jinja2
import pyarrow as pa
from pydantic import Field

from operators.ask.checks import Check
from operators.ask.form import Form, form_of
from operators.core import structs
from operators.core.base import ADDED, SIZING, Level, Operator
from operators.embedding.talk import TalkClassifier, check_talk_classifier, talk_identity
from operators.engines.registry import AnyEngine
from operators.evidence.items import COLUMNS
from operators.prompts import Prompt, expression, load_prompt, names_in
from operators.video.moments import READS

ROW = "row"
_EACH = {"segment": ROW, "video": ROW, "window": "windows", "section": "sections", "frame": "frames"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_OURS = frozenset(
    {"item", "index", "count", "start_s", "end_s", "language", "words", "carried", "previous", "shrunk", "form"}
)
_HOW = {"valid", "prompt_hash", "sampling", "attempts", "problem", "usage"}
_ANSWER = [f for f in structs.WINDOW_CAPTION if f.name in _HOW]

ITEM = pa.struct(
    [
        pa.field("index", pa.int32()),  # index of the item in its list; over all nested lists
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("fields", pa.string()),  # JSON of the requested form; null for text and invalid answers
        pa.field("pts_s", pa.list_(pa.float64())),  # pts of the frames in the request
        *_ANSWER,
    ]
)
"""The answer about one item of a list."""

ANSWER = pa.struct([f for f in ITEM if f.name not in ("index", "start_s", "end_s", "text")])
"""The answer about a row, besides its text."""


@dataclass(frozen=True, kw_only=True)
class AskOptions(Operator):
    """The fields of the operator `ask`, and what follows from them."""

    engine: Annotated[AnyEngine, Field(description="what answers")]
    prompt: Annotated[str, Field(min_length=1, description="a prompt's name or a path to a .j2 file")]
    column: Annotated[str, Field(description="the column of the answers; windows: new texts of the windows")]
    each: Annotated[
        str,
        Field(
            description="row (also segment, video): one request a row; or a list column, such as windows, sections or "
            "segments.windows: one request an item"
        ),
    ] = ROW
    only: Annotated[str, Field(description="an expression over item and columns that selects items")] = ""
    fields: Annotated[
        dict[str, Any],
        Field(description="the fields of an answer, requested as JSON: name -> type; {}: the answer is text"),
    ] = field(default_factory=dict)
    text: Annotated[str | None, Field(description="the field with its text; null: the first text field")] = None
    budget: Annotated[
        int | None,
        Field(ge=0, description="maximum number of items per row; null: no limit"),
    ] = None
    rank: Annotated[
        str, Field(description="an expression: `budget` keeps the items with the lowest value; empty: the first")
    ] = ""
    source: Annotated[
        str, Field(description="an expression, such as item.fields: the source of an answer, for `keep`")
    ] = ""
    keep: Annotated[
        tuple[Check, ...],
        Field(
            description="what an answer must keep of `source`: sentences (their number), numbers, names (and ids); "
            "words: no content words that are not there"
        ),
    ] = ()
    frames: Annotated[
        int, Field(ge=0, le=64, description="number of frames of the item's span in a request, evenly spaced; 0: none")
    ] = 0
    look_fps: Annotated[
        float | None,
        Field(
            gt=0,
            le=60,
            description="frames per second to decode for each item, of which `frames` are used; "
            "null: the frames of the step decode",
        ),
        ADDED,
    ] = None
    look_px: Annotated[int, Field(ge=16, le=4320, description="short side of such a frame in pixels"), ADDED] = 336
    carry: Annotated[
        str | None, Field(description="the field that the next request gets as `carried`; null: the answer's text")
    ] = None
    carry_words: Annotated[int, Field(ge=1, description="maximum number of words carried to the next request")] = 100
    language: Annotated[str, Field(min_length=1, description="language of the answers, as the prompt names it")] = (
        "English"
    )
    talk_classifier: TalkClassifier = "words"
    words: Annotated[int | None, Field(ge=1, description="target number of words of an answer; null: any")] = None
    tries: Annotated[int, Field(ge=1, le=10, description="tries of a request before its failure is recorded")] = 3
    concurrency: Annotated[
        int, Field(ge=1, description="rows that an actor processes simultaneously, to fill the engine's batch"), SIZING
    ] = 4

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.column):
            raise ValueError(f"column is {self.column!r}; it must be a word such as my_column")
        if not _PATH.fullmatch(self.each):
            raise ValueError(f"each is {self.each!r}; it must be row, or a list column such as windows")
        if (self.text or self.carry) and not self.fields:
            raise ValueError("text and carry name a field, and there are no fields: omit them")
        if self.carry and self.carry not in self.fields:
            raise ValueError(f"carry is {self.carry!r}; it must be one of the fields {', '.join(self.fields)}")
        if self.look_fps is not None and not self.frames:
            raise ValueError("look_fps decodes frames, and none are used: set frames to their number")
        if bool(self.source) != bool(self.keep):
            raise ValueError("source and keep must be given together")
        if self.rank and self.budget is None:
            raise ValueError("rank needs a budget: set budget or omit rank")
        if self.rewrites and self.path[-1:] != ("windows",):
            raise ValueError("column is windows, which has one caption per window: each must be windows")
        _ = self.form
        self._of(self.level)

    def at(self, level: Level) -> Operator:
        """Return the operator for rows of segments or videos, which have different columns."""
        found = copy(self)
        found._of("segment" if level == "run" else level)
        return found

    def _of(self, level: Level) -> None:
        """Set `reads` and `writes` of this instance, which follow from the prompt and hide the class variables."""
        span = {"video_id", "segment_index", "start_s", "end_s"} if level == "segment" else {"video_id"}
        named = (self._prompt.names | self._names) - _OURS - {"pictures", "evidence", "said", "known"}
        named |= set(self.path[:1]) | span | {"duration_s"}
        shown = READS if self.look_fps is not None else {"images"} if self.frames else frozenset()
        optional = self._prompt.optional & named - set(self.path[:1]) - span
        if self._prompt.names & {"evidence", "said"}:
            optional |= {"facts"}
        if "said" in self._prompt.names:
            optional |= {"speech"}
        if "known" in self._prompt.names:
            optional |= COLUMNS
        columns = {
            "level": level,
            "reads": frozenset((named - optional) | shown),
            "may_read": frozenset(optional | {"usage"}),
            "writes": frozenset(self._types) | {"usage"},
            "types": {name: kind for name, kind in self._types.items() if kind is not None},
        }
        for name, value in columns.items():
            object.__setattr__(self, name, value)

    @property
    def path(self) -> tuple[str, ...]:
        """Path of the items; empty if the row itself is asked about."""
        each = _EACH.get(self.each, self.each)
        first, *rest = each.split(".")
        return () if each == ROW else ("captioned" if first == "segments" else first, *rest)

    @property
    def rewrites(self) -> bool:
        """Whether the answers replace the texts of a segment's windows."""
        return self.column == "windows"

    @property
    def provenance_column(self) -> str:
        return "provenance" if self.rewrites else f"{self.column}_provenance"

    @property
    def answer_column(self) -> str:
        return f"{self.column}_answer"

    @property
    def form(self) -> Form | None:
        return form_of(self.fields, self.text) if self.fields else None

    @property
    def chained(self) -> bool:
        """Whether a request contains the previous answer, so that items are requested in sequence."""
        return bool(self._prompt.names & {"carried", "previous"})

    def identity_extra(self) -> dict[str, Any]:
        """Return the prompt's text, the order of the fields as an engine writes them, and the fitted classifier."""
        return {
            "prompts": [load_prompt(self.prompt).hash],
            "order": json.dumps(self.fields),
            **talk_identity(self.talk_classifier),
        }

    def check(self) -> None:
        check_talk_classifier(self.talk_classifier, f"{self.name}.talk_classifier")

    def check_columns(self, columns: frozenset[str]) -> None:
        if self.rewrites:
            return
        for name in sorted(set(self._types) & columns):
            raise ValueError(f"it writes the column {name}, which already exists; choose another with column: NAME")

    @property
    def _prompt(self) -> Prompt:
        return load_prompt(self.prompt)

    @property
    def _names(self) -> frozenset[str]:
        """Return the names in the expressions."""
        found: frozenset[str] = frozenset()
        for text in filter(None, (self.only, self.source, self.rank)):
            expression(text)
            try:
                found |= names_in(f"{{{{ ({text}) }}}}")
            except jinja2.TemplateError as error:
                raise ValueError(f"{text!r} is not a valid expression: {error}") from error
        return found

    @property
    def _types(self) -> dict[str, pa.DataType | None]:
        """Return the written columns -> their types; None if `operators.core.rows` defines the type."""
        if self.rewrites:
            return {"windows": pa.list_(structs.WINDOW_CAPTION), "provenance": None}
        made: dict[str, pa.DataType | None] = {self.provenance_column: structs.PROVENANCE}
        if self.path:
            return {self.column: pa.list_(ITEM), **made}
        return {self.column: pa.string(), self.answer_column: ANSWER, **made}
