"""`event_graph`: combine the events of windows into one graph with temporal relations, and compare it with the caption.

The form is GEST's: nodes are events with actor, action, object, place and times; edges are relations. GEST detects
them with vision models; here a model writes the events of each window, and the graph is built from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.language.words import WORD, roots

_PARTS = ("actor", "action", "object", "place")
_NEGATORS = frozenset({"no", "not", "never", "nobody", "nothing", "without", "neither", "cannot"})
_NOT = re.compile(r"n['’]t\b")  # doesn't
_SEAM_S = 1e-3
_ARTICLES = frozenset({"a", "an", "the"})
_NODE = pa.struct(
    [
        pa.field("node_id", pa.string()),  # e0, e1, … ordered by time
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        *(pa.field(name, pa.string()) for name in _PARTS),
        pa.field("windows", pa.list_(pa.int32())),  # index of each item that contains it, counted over all segments
    ]
)
_EDGE = pa.struct([pa.field(name, pa.string()) for name in ("source", "relation", "target")])
_NARRATED = pa.struct(
    [
        pa.field("section_index", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("nodes", pa.list_(pa.string())),  # the events that it describes; empty if none
    ]
)
_CONTRADICTION = pa.struct(
    [pa.field("text", pa.string()), pa.field("node", pa.string()), pa.field("why", pa.string())]
)  # why: order, negation


@dataclass(frozen=True, kw_only=True)
class EventGraph(Operator):
    """Writes `nodes`, `edges` (before, during, same_actor), `narrated` (sentences of the caption with their events)
    and `contradictions` (a sentence that negates an event of its time, or that follows the sentence of a later event).

    Events of neighbouring items with the same actor, action and object are merged, unless an item between them is
    invalid or missing.
    """

    name: ClassVar[str] = "event_graph"
    version: ClassVar[int] = 3
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"sections"})
    writes: ClassVar[frozenset[str]] = frozenset({"nodes", "edges", "narrated", "contradictions"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "nodes": pa.list_(_NODE),
        "edges": pa.list_(_EDGE),
        "narrated": pa.list_(_NARRATED),
        "contradictions": pa.list_(_CONTRADICTION),
    }

    of: Annotated[str, Field(min_length=1, description="table of segments and column whose `fields` have `events`")] = (
        "scenes.events"
    )
    least: Annotated[
        float, Field(gt=0, le=1, description="least share of an event's words in a sentence that describes it")
    ] = 0.5

    def __post_init__(self) -> None:
        if self.of.count(".") != 1:
            raise ValueError(f"of is {self.of!r}; it must be a table and its column, such as scenes.events")
        object.__setattr__(self, "reads", type(self).reads | {self.of.partition(".")[0]})

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **self._made(row)}

    def _made(self, row: Row) -> Row:
        table, _, column = self.of.partition(".")
        nodes = _nodes([item for segment in row[table] or () for item in _objects(segment[column])])
        if not nodes:
            raise ItemError("gate", f"{self.of} holds no event")
        narrated = [
            {"section_index": section["section_index"], "text": s["text"], "nodes": self._of(s["text"], section, nodes)}
            for section in row["sections"] or ()
            for s in section["sentences"] or ()
        ]
        return {
            "nodes": nodes,
            "edges": _edges(nodes),
            "narrated": narrated,
            "contradictions": _contradictions(narrated, nodes),
        }

    def _of(self, sentence: str, section: Row, nodes: Sequence[Row]) -> list[str]:
        """Return the events in the time of a section that a sentence describes."""
        words = set(roots(sentence))
        near = [n for n in nodes if n["start_s"] < section["end_s"] and n["end_s"] > section["start_s"]]
        acted = [n for n in near if set(roots(n["action"])) & words]
        return [n["node_id"] for n in acted if len((own := _words(n)) & words) >= self.least * max(1, len(own))]


def _words(node: Mapping[str, Any]) -> set[str]:
    return {stem for part in ("actor", "action", "object") for stem in roots(node[part] or "")} - _ARTICLES


def _label(text: str) -> str:
    return " ".join(word for word in roots(text) if word not in _ARTICLES)


def _same(one: str, other: str) -> bool:
    return _label(one) == _label(other)


def _nodes(items: Sequence[Row]) -> list[Row]:
    """Return the events ordered by time, each with a node_id; equal events of neighbouring items are merged."""
    found: list[Row] = []
    open_: dict[tuple[str, ...], Row] = {}
    reached = 0.0
    for place, item in enumerate(items):
        if not item["valid"] or item["start_s"] > reached + _SEAM_S:
            open_ = {}
        if not item["valid"]:
            continue
        reached = max(reached, item["end_s"])
        still: dict[tuple[str, ...], Row] = {}
        for event in _events(item):
            label = tuple(_label(event[part]) for part in ("actor", "action", "object"))
            node = open_.get(label) or still.get(label)
            if node is None:
                node = {"start_s": item["start_s"], "end_s": item["end_s"], **event, "windows": []}
                found.append(node)
            node["end_s"] = max(node["end_s"], item["end_s"])
            node["windows"] = [*dict.fromkeys([*node["windows"], place])]
            still[label] = node
        open_ = still
    found.sort(key=lambda node: (node["start_s"], node["end_s"]))
    return [{"node_id": f"e{k}", **node} for k, node in enumerate(found)]


def _objects(value: Any) -> list[Row]:
    """Return the objects of a list; a recipe may name a column of texts, or a model may have written one."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _events(item: Mapping[str, Any]) -> list[dict[str, str]]:
    value: Any = item.get("fields")
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    events = value.get("events") if isinstance(value, dict) else None
    plain = [{part: _text(e.get(part)) for part in _PARTS} for e in _objects(events)]
    return [event for event in plain if event["action"]]


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _edges(nodes: Sequence[Row]) -> list[Row]:
    """Return edges to the next event after each, to the events that overlap it, and to the next one of its actor."""
    found = []
    for k, node in enumerate(nodes):
        later = [n for n in nodes[k + 1 :] if n["start_s"] >= node["end_s"]]
        if later:
            found.append({"source": node["node_id"], "relation": "before", "target": later[0]["node_id"]})
        for n in nodes:
            if n is not node and n["start_s"] <= node["start_s"] and node["end_s"] <= n["end_s"]:
                found.append({"source": node["node_id"], "relation": "during", "target": n["node_id"]})
        same = next((n for n in nodes[k + 1 :] if node["actor"] and _same(n["actor"], node["actor"])), None)
        if same is not None:
            found.append({"source": node["node_id"], "relation": "same_actor", "target": same["node_id"]})
    return found


def _contradictions(narrated: Sequence[Row], nodes: Sequence[Row]) -> list[Row]:
    by_id = {node["node_id"]: node for node in nodes}
    found = []
    latest: Row | None = None
    for sentence in narrated:
        own = [by_id[name] for name in sentence["nodes"]]
        said = sentence["text"].lower()
        denies = _NOT.search(said) or set(WORD.findall(said)) & _NEGATORS
        found += [{"text": sentence["text"], "node": n["node_id"], "why": "negation"} for n in own if denies]
        if own and latest is not None and max(n["end_s"] for n in own) <= latest["start_s"]:
            found.append({"text": sentence["text"], "node": latest["node_id"], "why": "order"})
        if own:
            first = min(own, key=lambda n: float(n["start_s"]))
            latest = first if latest is None or first["start_s"] > latest["start_s"] else latest
    return found
