"""The tree search: bounded, without doubles, and guided by what was confirmed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from operators.expand.expand import KINDS as TYPES
from operators.expand.search import Node, search

KINDS = {"overall": 1.0, "detail": 2.0, "camera": 1.0}
FACTS = [f"fact {k}" for k in range(30)]


def alike(text: str, others: Sequence[str]) -> float:
    return 1.0 if text in others else 0.0


def asking(found: dict[str, list[str]], calls: list[tuple[int, str]]) -> object:
    def ask(node: Node, kind: str, number: int) -> list[str]:
        calls.append((node.number, kind))
        start = 2 * (number - 1)
        return found.get(kind, FACTS[start : start + 2])

    return ask


Calls = list[tuple[int, str]]


def run(
    rollouts: int, *, depth: int = 3, right: bool = True, found: dict[str, list[str]] | None = None
) -> tuple[list[Node], Calls]:
    calls: list[tuple[int, str]] = []
    nodes = search(
        KINDS,
        rollouts=rollouts,
        depth=depth,
        ask=asking(found or {}, calls),  # type: ignore[arg-type]
        verify=lambda points, _: [right] * len(points),
        alike=alike,
        same=0.8,
    )
    return nodes, calls


def test_every_type_is_asked_once_at_the_root_and_the_heaviest_first() -> None:
    nodes, calls = run(3)
    assert calls == [(0, "detail"), (0, "overall"), (0, "camera")]
    assert [n.value for n in nodes] == [1.0, 1.0, 1.0], "all confirmed and nothing like it above"


def test_the_budget_is_kept_and_paths_are_no_longer_than_the_depth() -> None:
    nodes, calls = run(20, depth=2)
    assert len(calls) <= 20 and max(len(n.above()) for n in nodes) == 3
    assert len(run(200, depth=1)[1]) == 3, "a search that has nothing left to ask ends"


def test_what_is_known_is_found_once() -> None:
    nodes, _ = run(12, found={kind: ["fact 1", "fact 2"] for kind in KINDS})
    assert [p for n in nodes for p in n.points] == ["fact 1", "fact 2"]
    assert all(n.value == 0.0 for n in nodes[1:]), "a question that finds nothing new is worth nothing"


def test_what_no_verifier_confirms_is_worth_half() -> None:
    nodes, _ = run(2, right=False)
    assert [n.value for n in nodes] == [0.5, 0.5] and not any(c for n in nodes for c in n.confirmed)


def test_the_search_goes_where_more_was_found() -> None:
    _, calls = run(6, found={"overall": [], "camera": []})
    assert {parent for parent, _ in calls[3:]} <= {1}, "below the type that found something"


def test_what_is_like_what_was_found_above_by_the_same_type_is_worth_less() -> None:
    nodes = search(
        {"detail": 1.0},
        rollouts=3,
        depth=3,
        ask=lambda node, kind, number: [FACTS[number]],
        verify=lambda points, number: [number < 3] * len(points),
        alike=lambda text, others: 0.6 if others else 0.0,
        same=0.8,
    )
    assert [n.parent.number for n in nodes if n.parent] == [0, 1, 2], "one path"
    assert [n.value for n in nodes] == pytest.approx([1.0, 0.9**0.6, 0.5 * 0.9**0.6])


def test_there_are_six_types_and_detail_has_twice_the_weight() -> None:
    assert set(TYPES) == {"overall", "detail", "temporal", "spatial", "background", "camera"}
    assert TYPES["detail"] == 2.0 and {w for kind, w in TYPES.items() if kind != "detail"} == {1.0}
