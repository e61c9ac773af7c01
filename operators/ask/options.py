"""What a recipe says of a step `ask`, and the columns that follow from it."""

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
        pa.field("index", pa.int32()),  # of the item in its list; of nested lists, in all of them together
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("fields", pa.string()),  # JSON of the form that was asked for; null: text was asked for, or not valid
        pa.field("pts_s", pa.list_(pa.float64())),  # of the frames that were shown
        *_ANSWER,
    ]
)
"""The answer about one item of a list."""

ANSWER = pa.struct([f for f in ITEM if f.name not in ("index", "start_s", "end_s", "text")])
"""The answer about a row, beside its text."""


@dataclass(frozen=True, kw_only=True)
class AskOptions(Operator):
    """The fields of the operator `ask`, and what follows from them alone."""

    engine: Annotated[AnyEngine, Field(description="what answers")]
    prompt: Annotated[str, Field(min_length=1, description="a prompt's name or a path to a .j2 file")]
    column: Annotated[str, Field(description="the column that the answers stand in; windows: new texts of the windows")]
    each: Annotated[
        str,
        Field(
            description="row (also segment, video): one request a row; or a list column, such as windows, sections or "
            "segments.windows: one request an item"
        ),
    ] = ROW
    only: Annotated[str, Field(description="an expression over item and columns: other items are not asked about")] = ""
    fields: Annotated[
        dict[str, Any],
        Field(description="the fields of an answer, asked for as JSON: name -> type; {}: the answer is text"),
    ] = field(default_factory=dict)
    text: Annotated[str | None, Field(description="which field is its text; null: the first that is a text")] = None
    budget: Annotated[
        int | None,
        Field(ge=0, description="items of a row that are asked about at most; null: no limit"),
    ] = None
    rank: Annotated[
        str, Field(description="an expression: with `budget`, items with the lowest value come first; empty: in order")
    ] = ""
    source: Annotated[
        str, Field(description="an expression, such as item.fields: what an answer is made from, for `keep`")
    ] = ""
    keep: Annotated[
        tuple[Check, ...],
        Field(
            description="what an answer keeps of `source`: sentences (their number), numbers, names (and ids); "
            "words: it says nothing that is not there"
        ),
    ] = ()
    frames: Annotated[
        int, Field(ge=0, le=64, description="frames of the item's span that are shown, evenly spaced; 0: none")
    ] = 0
    look_fps: Annotated[
        float | None,
        Field(
            gt=0,
            le=60,
            description="frames a second that are decoded of each item that is asked about; `frames` are shown; "
            "null: those of the step decode",
        ),
        ADDED,
    ] = None
    look_px: Annotated[int, Field(ge=16, le=4320, description="short side of such a frame in pixels"), ADDED] = 336
    carry: Annotated[
        str | None, Field(description="which field the next request gets as `carried`; null: the answer's text")
    ] = None
    carry_words: Annotated[int, Field(ge=1, description="words that are carried to the next request at most")] = 100
    language: Annotated[str, Field(min_length=1, description="language of the answers, as the prompt names it")] = (
        "English"
    )
    words: Annotated[int | None, Field(ge=1, description="about how many words an answer has; null: any")] = None
    tries: Annotated[int, Field(ge=1, le=10, description="times a request is asked before its failure is recorded")] = 3
    concurrency: Annotated[
        int, Field(ge=1, description="rows in one actor at once, so that their requests meet in the engine"), SIZING
    ] = 4

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.column):
            raise ValueError(f"column is {self.column!r}; it must be a word such as my_column")
        if not _PATH.fullmatch(self.each):
            raise ValueError(f"each is {self.each!r}; it must be row, or a list column such as windows")
        if (self.text or self.carry) and not self.fields:
            raise ValueError("text and carry name a field, and there are no fields: leave them out")
        if self.carry and self.carry not in self.fields:
            raise ValueError(f"carry is {self.carry!r}; it must be one of the fields {', '.join(self.fields)}")
        if self.look_fps is not None and not self.frames:
            raise ValueError("look_fps decodes frames, and none are shown: set frames to how many of them")
        if bool(self.source) != bool(self.keep):
            raise ValueError("source and keep belong together: one is given without the other")
        if self.rank and self.budget is None:
            raise ValueError("rank says which items come first in a budget, and there is no budget")
        if self.rewrites and self.path[-1:] != ("windows",):
            raise ValueError("column is windows, which holds one caption for each window: each must be windows")
        _ = self.form
        self._of(self.level)

    def at(self, level: Level) -> Operator:
        """It works on rows of segments and of videos; these have other columns."""
        found = copy(self)
        found._of("segment" if level == "run" else level)
        return found

    def _of(self, level: Level) -> None:
        """Set the columns: they follow from the prompt. They hide the class variables, for this instance only."""
        span = {"video_id", "segment_index", "start_s", "end_s"} if level == "segment" else {"video_id"}
        named = (self._prompt.names | self._names) - _OURS - {"pictures", "evidence", "said", "known"}
        named |= set(self.path[:1]) | span | {"duration_s"}
        shown = READS if self.look_fps is not None else {"pictures"} if self.frames else frozenset()
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
        """Where the items stand; empty: there are none, the row itself is asked about."""
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
        """Whether a request holds the answer before it, so that they are asked one after the other."""
        return bool(self._prompt.names & {"carried", "previous"})

    def identity_extra(self) -> dict[str, Any]:
        """The prompt's text, and the order of the fields, in which an engine writes them."""
        return {"prompts": [load_prompt(self.prompt).hash], "order": json.dumps(self.fields)}

    def check_columns(self, columns: frozenset[str]) -> None:
        if self.rewrites:
            return
        for name in sorted(set(self._types) & columns):
            raise ValueError(f"it writes the column {name}, which is there already; choose another with column: NAME")

    @property
    def _prompt(self) -> Prompt:
        return load_prompt(self.prompt)

    @property
    def _names(self) -> frozenset[str]:
        """The names in the expressions."""
        found: frozenset[str] = frozenset()
        for text in filter(None, (self.only, self.source, self.rank)):
            expression(text)
            try:
                found |= names_in(f"{{{{ ({text}) }}}}")
            except jinja2.TemplateError as error:
                raise ValueError(f"{text!r} is no expression: {error}") from error
        return found

    @property
    def _types(self) -> dict[str, pa.DataType | None]:
        """Column that it writes -> its type; None: `operators.core.rows` knows it."""
        if self.rewrites:
            return {"windows": pa.list_(structs.WINDOW_CAPTION), "provenance": None}
        made: dict[str, pa.DataType | None] = {self.provenance_column: structs.PROVENANCE}
        if self.path:
            return {self.column: pa.list_(ITEM), **made}
        return {self.column: pa.string(), self.answer_column: ANSWER, **made}
