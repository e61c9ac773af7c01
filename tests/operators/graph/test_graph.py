"""The event graph: events, their relations, and what the prose makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longcap.testing import check_operator
from operators.core.base import ItemError, Row
from operators.graph.graph import EventGraph

RUNS = {"actor": "a dog", "action": "runs", "object": "", "place": "a field"}
EATS = {"actor": "The dog", "action": "eats", "object": "a bone", "place": ""}
RAINS = {"actor": "", "action": "rains", "object": "", "place": "a field"}


def item(start_s: float, *events: dict[str, str], valid: bool = True) -> Row:
    return {"start_s": start_s, "end_s": start_s + 5, "fields": json.dumps({"events": list(events)}), "valid": valid}


def row(*sentences: str) -> Row:
    section = {"section_index": 0, "start_s": 0.0, "end_s": 20.0, "sentences": [{"text": text} for text in sentences]}
    events = [{"events": [item(0, RUNS, RAINS), item(5, {**RUNS, "action": "flees"})]}, {"events": [item(10, EATS)]}]
    return {"scenes": events, "sections": [section]}


def graph(*sentences: str) -> dict[str, Any]:
    return check_operator(EventGraph(), [row(*sentences)], other={"least": 0.9})[0]


def test_the_same_event_of_neighbours_is_one_and_times_give_the_edges() -> None:
    made = graph("A dog runs.")
    nodes = {n["action"]: n for n in made["nodes"]}
    spans = {a: (n["start_s"], n["end_s"]) for a, n in nodes.items()}
    assert spans == {
        "runs": (0, 5),
        "rains": (0, 5),
        "flees": (5, 10),
        "eats": (10, 15),
    }
    edges = {(e["relation"], e["source"], e["target"]) for e in made["edges"]}
    ids = {a: n["node_id"] for a, n in nodes.items()}
    assert ("before", ids["runs"], ids["flees"]) in edges and ("before", ids["flees"], ids["eats"]) in edges
    assert not [e for e in edges if e[:2] == ("before", ids["eats"])]


def test_sentences_find_their_events_and_contradictions_are_listed() -> None:
    made = graph("The dog eats a bone.", "Before, a dog runs.", "The dog does not eat the bone.", "A plane lands.")
    narrated = [n["nodes"] for n in made["narrated"]]
    assert narrated[0] == ["e3"] and "e0" in narrated[1] and narrated[3] == []
    assert [c["why"] for c in made["contradictions"]].count("negation") >= 1
    assert ("Before, a dog runs.", "order") in [(c["text"], c["why"]) for c in made["contradictions"]]


@pytest.mark.parametrize("events", [["a", "b"], "a text", 7])
def test_a_column_of_texts_holds_no_event(events: object) -> None:
    with pytest.raises(ItemError, match=r"gate: scenes\.events holds no event"), EventGraph().open() as apply:
        apply({"scenes": [{"events": events}], "sections": []})
    with pytest.raises(ItemError, match=r"gate: scenes\.events holds no event"), EventGraph().open() as apply:
        apply({"scenes": [{"events": [{**item(0), "fields": json.dumps({"events": events})}]}], "sections": []})


def test_a_part_that_is_a_list_is_one_text() -> None:
    with EventGraph().open() as apply:
        made = apply({"scenes": [{"events": [item(0, {**RUNS, "object": ["a ball", "a stick"]})]}], "sections": []})  # type: ignore[dict-item]
    assert made["nodes"][0]["object"] == "a ball, a stick"


def test_an_event_is_not_one_with_that_after_an_item_without_events_or_a_missing_segment() -> None:
    scenes = [{"events": [item(0, RUNS), item(5, RUNS), item(10, valid=False), item(15, RUNS)]}]
    scenes += [{"events": [item(100, RUNS)]}]
    with EventGraph().open() as apply:
        nodes = apply({"scenes": scenes, "sections": []})["nodes"]
    assert [(n["start_s"], n["end_s"], n["windows"]) for n in nodes] == [
        (0, 10, [0, 1]),
        (15, 20, [3]),
        (100, 105, [4]),
    ]


@pytest.mark.parametrize("text", ["The dog doesn't eat the bone.", "The dog doesn’t eat a bone.", "A dog cannot eat."])
def test_short_forms_negate(text: str) -> None:
    assert [c["why"] for c in graph(text)["contradictions"]] == ["negation"]


def test_no_event_is_a_failure() -> None:
    with pytest.raises(ItemError, match=r"gate: scenes\.events holds no event"), EventGraph().open() as apply:
        apply({"scenes": [{"events": [item(0, RUNS, valid=False)]}], "sections": []})
