"""Auxiliary tasks during training besides captions: heads that are dropped afterwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, get_args

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from pipeline.evaluation.exam.events import COLOURS, PLACES, SHAPES, SIDES, SIZES, WAYS, WORDS, Event, Kind
from tests.support.seeing import build, clips

PAIRS = clips.WINDOW_S // 2
"""Two frames, one second apart, are one temporal step of the model."""


class Eyes(nn.Module):
    """Heads that predict the labels from the vision tokens; dropped after training."""

    def __init__(self) -> None:
        super().__init__()
        h = build.HIDDEN
        self.cells = nn.Linear(2 * h, 2 * (9 + 4 + 2 + 3))
        self.whole = nn.Linear(2 * h, 3 + 2 * 9 + 2 * 2 + 2)

    def loss(
        self, seen: torch.Tensor, deep: torch.Tensor, labels: dict[str, torch.Tensor]
    ) -> tuple[Any, dict[str, float]]:
        """`seen`, `deep`: (pairs, cells, hidden)."""
        both = torch.cat([seen, deep], -1)
        out = self.cells(both).float().view(*both.shape[:2], 2, 18)
        colour, shape, large, where = out.split([9, 4, 2, 3], -1)
        c, p = labels["cells"], labels["places"]  # (pairs, cells, 2, 3)
        there = c[..., 0] > 0
        weight = torch.ones(9)
        weight[0] = 0.3
        losses = [
            F.cross_entropy(colour.reshape(-1, 9), c[..., 0].reshape(-1), weight=weight),
            F.cross_entropy(shape[there], c[..., 1][there]),
            F.cross_entropy(large[there], c[..., 2][there]),
            F.l1_loss(where[there], p[there]),
        ]
        place, word, light, move = self.whole(both.mean(1)).float().split([3, 18, 4, 2], -1)
        w = labels["whole"]  # (pairs, 2, 6)
        lit = w[:, 1, 5] < 0.8
        losses += [
            F.cross_entropy(place[lit], w[lit, 1, 0].long()),
            F.cross_entropy(word.reshape(-1, 9), w[..., 4].reshape(-1).long()),
            F.l1_loss(light.view(-1, 2, 2), w[..., [1, 5]]),
            F.l1_loss(move, labels["move"]),
        ]
        said = {
            "colour": (colour.argmax(-1) == c[..., 0])[there].float().mean().item(),
            "shape": (shape.argmax(-1) == c[..., 1])[there].float().mean().item(),
            "large": (large.argmax(-1) == c[..., 2])[there].float().mean().item(),
            "word": (word.view(-1, 2, 9).argmax(-1) == w[..., 4].long())[w[..., 4] > 0].float().mean().item(),
            "light": losses[6].item(),
            "move": losses[7].item(),
        }
        return sum(losses), said


class Happenings(nn.Module):
    """Heads that predict each shape's action and recent events from the language layers; dropped after training.

    The loss of captions is sparse and late; these heads give a loss for each cell, time and attribute, so that
    the words only have to express what is already known.
    """

    CELLS_LAYER, LAYER = 1, 3
    """The layer whose output is used: for each cell, and at the end of each pair. Later layers turn it into words."""
    FACTS: ClassVar[dict[str, tuple[str | None, ...]]] = {
        "kind": (None, *sorted(get_args(Kind))),
        "colour": tuple(COLOURS),
        "shape": SHAPES,
        "size": SIZES,
        "where": tuple(dict.fromkeys([*SIDES, *WAYS, "in", "out", *PLACES, *WORDS])),
        "met colour": tuple(COLOURS),
        "met shape": SHAPES,
    }

    def __init__(self) -> None:
        super().__init__()
        self.read = nn.Linear(build.HIDDEN, sum(map(len, self.FACTS.values())))
        self.doing = nn.Linear(build.HIDDEN, len(clips.DOING))

    @classmethod
    def labels(cls, events: Sequence[Event], start_s: float) -> Any:
        """Return int64, (pairs, facts), -100 for none: an event belongs to the pair at which most of it is over."""
        out = np.full((PAIRS, len(cls.FACTS)), -100, np.int64)
        out[:, 0] = 0
        for e in reversed(events):
            colour, shape = e.who.split() if e.who else (None, None)
            met = e.whom.split() if e.whom else (None, None)
            pair = min(PAIRS - 1, math.ceil((e.middle_s - start_s) / 2))
            facts = zip(cls.FACTS.values(), (e.kind, colour, shape, e.size, e.where, *met), strict=True)
            out[pair] = [-100 if fact is None else names.index(fact) for names, fact in facts]
        return out

    def cells_loss(self, hidden: torch.Tensor, doing: torch.Tensor) -> tuple[Any, float]:
        """Return the loss, and the share right among active shapes. `hidden`: (cells, hidden), `doing`: (cells,)."""
        out = self.doing(hidden).float()
        weight = torch.ones(len(clips.DOING))
        weight[0] = 0.1
        right = out.argmax(-1) == doing
        return F.cross_entropy(out, doing, weight=weight), right[doing > 0].float().mean().item()

    def loss(self, hidden: torch.Tensor, labels: torch.Tensor) -> tuple[Any, float]:
        """Return the loss, and the share of events with every fact right. `hidden`: (n, pairs, hidden)."""
        out = self.read(hidden).float().flatten(0, 1).split([len(n) for n in self.FACTS.values()], -1)
        wanted = labels.flatten(0, 1)
        total: Any = 0.0
        good = torch.ones(len(wanted), dtype=torch.bool)
        for logits, want in zip(out, wanted.T, strict=True):
            known = (want >= 0).sum().clamp(min=1)
            total = total + F.cross_entropy(logits, want, ignore_index=-100, reduction="sum") / known
            good &= (logits.argmax(-1) == want) | (want < 0)
        return total, good[wanted[:, 0] > 0].float().mean().item()
