"""A bounded tree search with questions of six types, for key points of a segment (AutoCaption).

Each rollout descends from the root by upper confidence bounds to a node with an untried type, asks a question of
that type with the key points of its ancestors, lets every verifier confirm each new key point, and adds the
value of the result to all nodes up to the root. Value, exploration and the novelty penalty are AutoCaption's
(github.com/tjunlp-lab/MCTS-VCB, autocaption/mcts.py): Q = 0.5^(1 - MC) * 0.9^SM, where MC is the share of key points
all verifiers confirm and SM the largest similarity to key points of ancestors of the same type; exploration 0.125.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Found = tuple[list[str], list[bool]]
"""Key points, and whether each was confirmed."""

EXPLORATION = 0.125
_CONFIRMED, _NOVEL = 0.5, 0.9


@dataclass(kw_only=True)
class Node:
    """A question.

    Attributes:
        number: in the order of the questions; 0 is the root, without a question.
        points: new key points without duplicates; confirmed: one value per point.
        value: Q of these points; total, visits: sums for the bounds.
    """

    number: int
    kind: str = ""
    parent: Node | None = None
    points: list[str] = field(default_factory=list)
    confirmed: list[bool] = field(default_factory=list)
    value: float = 0.0
    total: float = 0.0
    visits: int = 0
    children: list[Node] = field(default_factory=list)

    def above(self) -> list[Node]:
        """The ancestors and the node itself, root first."""
        return [*(self.parent.above() if self.parent else []), self]


def search(
    kinds: Mapping[str, float],
    *,
    rollouts: int,
    depth: int,
    ask: Callable[[Node, str, int], list[str]],
    verify: Callable[[list[str], int], list[bool]],
    alike: Callable[[str, Sequence[str]], float],
    same: float,
) -> list[Node]:
    """Return all nodes with a question, in order.

    Args:
        kinds: types of questions and their weights; twice the weight is twice the exploration.
        rollouts: maximum number of questions; depth: maximum number of questions on one path.
        ask: (node, type, number) -> key points found by a question of this type below the node.
        verify: (key points, number) -> whether every verifier confirms each.
        alike: (text, others) -> the largest similarity to one of them, 0 to 1; 0 for none.
        same: similarity at which a key point counts as known.
    """
    root = Node(number=0)
    nodes: list[Node] = []
    for number in range(1, rollouts + 1):
        at = root
        while len(at.children) == len(kinds) and len(at.above()) <= depth:
            at = max(at.children, key=lambda child: _bound(child, kinds[child.kind]))
        if len(at.above()) > depth:
            break  # the best path has the maximum depth: further rollouts would repeat it
        tried = {child.kind for child in at.children}
        kind = max((k for k in kinds if k not in tried), key=lambda k: kinds[k])
        known = [point for node in nodes for point in node.points]
        fresh: list[str] = []
        for point in ask(at, kind, number):
            if alike(point, [*known, *fresh]) < same:
                fresh.append(point)
        confirmed = verify(fresh, number) if fresh else []
        before = [point for node in at.above() if node.kind == kind for point in node.points]
        similar = max((alike(point, before) for point in fresh), default=1.0)
        share = sum(confirmed) / len(confirmed) if confirmed else 0.0
        node = Node(number=number, kind=kind, parent=at, points=fresh, confirmed=confirmed)
        node.value = _CONFIRMED ** (1 - share) * _NOVEL**similar if fresh else 0.0
        at.children.append(node)
        nodes.append(node)
        for up in node.above():
            up.visits += 1
            up.total += node.value
    return nodes


def _bound(node: Node, weight: float) -> float:
    parent = node.parent
    assert parent is not None
    return node.total / node.visits + weight * EXPLORATION * math.sqrt(math.log(parent.visits) / node.visits)
