"""The registry of operators.

A recipe names an operator in one of three ways: by a key of `OPERATORS`, by the name of an entry point in the group
`longcap.operators` of an installed distribution, or by the path of a class, `package.module:ClassName`.
"""

from __future__ import annotations

from copy import copy
from typing import TypeVar

from operators.core import entry_points
from operators.core.base import Operator
from operators.core.named import Registry

OPERATORS: dict[str, str] = {
    "decode": "operators.video.decode:Decode",
    "detect": "operators.detection.detect:Detect",
    "embed": "operators.embedding.embed:Embed",
    "embed_text": "operators.embedding.embed:EmbedText",
    "listen": "operators.audio.listen:Listen",
    "blocks": "operators.talk.blocks:Blocks",
    "timed": "operators.talk.timed:Timed",
    "align": "operators.talk.align:Align",
    "quantile": "operators.talk.quantile:Quantile",
    "keep_best": "operators.talk.quantile:KeepBest",
    "chapter_lines": "operators.talk.chapter_lines:ChapterLines",
    "name_speakers": "operators.talk.speakers:NameSpeakers",
    "match": "operators.embedding.match:Match",
    "measure": "operators.analysis.measure:Measure",
    "caption": "operators.caption.caption:Caption",
    "names": "operators.coreference.names:Names",
    "narrate": "operators.narrate.narrate:Narrate",
    "layout": "operators.caption.layout:Layout",
    "keyframes": "operators.selection.keyframes:Keyframes",
    "mosaic": "operators.selection.mosaic:Mosaic",
    "question": "operators.selection.question:Question",
    "choose_frames": "operators.selection.choose:ChooseFrames",
    "find_frames": "operators.selection.find:FindFrames",
    "associate": "operators.coreference.associate:Associate",
    "tags": "operators.tags.tags:Tags",
    "text_scores": "operators.tags.text_scores:TextScores",
    "stitch": "operators.spans.stitch:Stitch",
    "clip_scores": "operators.spans.suitability:ClipScores",
    "weigh": "operators.spans.suitability:Weigh",
    "spans": "operators.spans.given:Spans",
    "split": "operators.spans.pieces:Split",
    "join_spans": "operators.spans.pieces:JoinSpans",
    "scene_scores": "operators.spans.long_takes:SceneScores",
    "long_takes": "operators.spans.long_takes:LongTakes",
    "transition_score": "operators.transitions.score:TransitionScore",
    "transitions": "operators.transitions.transitions:Transitions",
    "near_duplicates": "operators.embedding.near_duplicates:NearDuplicates",
    "rate": "operators.embedding.rate:Rate",
    "read": "operators.reading.read:Read",
    "tile": "operators.embedding.tile:Tile",
    "ask": "operators.ask.ask:Ask",
    "join": "operators.ask.join:Join",
    "reword": "operators.ask.reword:Reword",
    "digest": "operators.digest.digest:Digest",
    "event_graph": "operators.graph.graph:EventGraph",
    "agreement": "operators.pick.agreement:Agreement",
    "expand": "operators.expand.expand:Expand",
    "optimise_prompt": "operators.expand.optimise:OptimisePrompt",
    "candidates": "operators.pick.candidates:Candidates",
    "pick": "operators.pick.pick:Pick",
    "questions": "operators.training.questions:Questions",
    "dialogues": "operators.training.dialogues:Dialogues",
    "subcaptions": "operators.training.subcaptions:Subcaptions",
    "chapters": "operators.training.chapters:Chapters",
    "highlights": "operators.training.highlights:Highlights",
    "documents": "operators.training.documents:Documents",
    "pairs": "operators.training.pairs:Pairs",
}
"""Name -> "module:Class" of the operators that ship with Longcap. Entry points cannot replace them."""

REGISTRY: Registry[Operator] = Registry(
    noun="operator",
    base=Operator,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours=OPERATORS,
    group=entry_points.OPERATORS,
    declared={
        **dict.fromkeys(("name", "pool", "level"), str),
        "version": int,
        **dict.fromkeys(("reads", "writes", "may_read", "passing"), frozenset),
    },
)

make = REGISTRY.make
"""Create an operator from its name and options; see `Registry.make`."""

_Any = TypeVar("_Any", bound=Operator)


def instance(operator: _Any, *, name: str | None = None, pool: str | None = None) -> _Any:
    """Copy an operator under another name or for another pool.

    Its fields, and so its fingerprint, do not change. A recipe can use this to run one operator twice.
    """
    found = copy(operator)
    for attribute, value in (("name", name), ("pool", pool)):
        if value is not None:
            object.__setattr__(found, attribute, value)  # hides the class variable, for this instance only
    return found
