"""Assignment of videos to splits. Videos of one group are always in the same split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from operators.core.fingerprint import digest
from pipeline.terminal.errors import UsageError

_WORD = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def parse(text: str | None) -> dict[str, float]:
    """Parse `train=0.9,test=0.1` as shares that sum to 1; None: everything is in "train".

    Raises:
        UsageError: the text is not such a list.
    """
    if text is None:
        return {"train": 1.0}
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        name = name.strip()
        try:
            value = float(share)
        except ValueError:
            value = math.nan
        if not name or not set(name) <= _WORD or name in found or not 0 < value < math.inf:
            raise UsageError(
                f"--split {text}: {part!r} is not a split; give names and shares, such as train=0.9,test=0.1"
            )
        found[name] = value
    total = sum(found.values())
    return {name: value / total for name, value in found.items()}


def assign(
    groups: Mapping[str, str], shares: Mapping[str, float], earlier: Mapping[str, str], seed: int
) -> dict[str, str]:
    """video_id -> split.

    Groups are assigned in turn, the largest first and ties in an order given by `seed`, each to the split that lacks
    most of its share. A group with a video that had a split before keeps that split, so a growing dataset keeps its
    test set; a group with videos of several splits goes to the one with most of them.

    Args:
        groups: video_id -> group.
        shares: split -> share; the shares sum to 1.
        earlier: video_id -> split of an earlier export to the same folder.
    """
    members: dict[str, list[str]] = {}
    for video_id, group in groups.items():
        members.setdefault(group, []).append(video_id)
    have = dict.fromkeys(shares, 0)
    found: dict[str, str] = {}
    fresh = []
    for group, ids in members.items():
        votes = [earlier[i] for i in ids if earlier.get(i) in shares]
        if votes:
            split = max(shares, key=lambda name: (votes.count(name), _rank(shares, name)))
            have[split] += len(ids)
            found |= dict.fromkeys(ids, split)
        else:
            fresh.append(group)
    for group in sorted(fresh, key=lambda g: (-len(members[g]), digest([seed, g]))):
        lacking = {name: share * len(groups) - have[name] for name, share in shares.items()}
        split = max(shares, key=lambda name: (lacking[name], _rank(shares, name)))
        have[split] += len(members[group])
        found |= dict.fromkeys(members[group], split)
    return found


def _rank(shares: Mapping[str, float], name: str) -> int:
    order: Sequence[str] = list(shares)
    return -order.index(name)
