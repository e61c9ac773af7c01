"""Splits do not leak, keep to their shares, and stay as they are when a dataset grows."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline as longcap
from operators.analysis.facts import Facts
from pipeline.export.duplicates import Clusters
from pipeline.export.selection import hashes_of
from pipeline.export.splits import assign, parse
from pipeline.terminal.errors import UsageError

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


@given(st.lists(st.integers(0, 40), min_size=1, max_size=120), st.integers(0, 5))
def test_no_group_is_in_two_splits_and_the_order_of_videos_does_not_matter(numbers: list[int], seed: int) -> None:
    groups = {f"v{k}": f"g{number}" for k, number in enumerate(numbers)}
    found = assign(groups, SHARES, {}, seed)
    assert found.keys() == groups.keys()
    assert len({(groups[v], split) for v, split in found.items()}) == len(set(groups.values()))
    turned = dict(reversed(groups.items()))
    assert assign(turned, SHARES, {}, seed) == found


def test_shares_are_kept_also_of_few_videos() -> None:
    found = list(assign({f"v{k}": f"v{k}" for k in range(10)}, SHARES, {}, 0).values())
    assert (found.count("train"), found.count("val"), found.count("test")) == (8, 1, 1)


def test_what_was_assigned_stays_when_the_dataset_grows() -> None:
    before = assign({f"v{k}": f"v{k}" for k in range(100)}, SHARES, {}, 0)
    after = assign({f"v{k}": f"v{k}" for k in range(150)}, SHARES, before, 0)
    assert {v: after[v] for v in before} == before
    assert 13 <= list(after.values()).count("test") <= 17


def test_a_group_that_joins_two_splits_ends_in_one() -> None:
    after = assign(dict.fromkeys(("a", "b", "c"), "a"), SHARES, {"a": "test", "b": "train", "c": "train"}, 0)
    assert set(after.values()) == {"train"}


@pytest.mark.parametrize(
    "text", ["train", "train=0", "train=x", "train=1,train=1", "=1", "Train=1", "a b=1", "train=inf"]
)
def test_wrong_splits_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a split"):
        parse(text)


def test_shares_are_made_to_sum_to_one() -> None:
    assert parse("train=8,test=2") == {"train": 0.8, "test": 0.2}


def prints(seed: int, count: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, 32, dtype=np.uint8).tobytes().hex() for _ in range(count)]


def spoiled(bits: str, flips: int, seed: int) -> str:
    value = int(bits, 16)
    for k in random.Random(seed).sample(range(256), flips):
        value ^= 1 << k
    return f"{value:064x}"


def test_copies_recoded_and_trimmed_ones_are_one_cluster_and_others_are_not() -> None:
    found = Clusters()
    film = prints(1, 60)
    found.add("film", film)
    found.add("recoded", [spoiled(p, 9, k) for k, p in enumerate(film)])
    found.add("trimmed", film[20:35])
    found.add("quotes one second", [*prints(2, 40), film[3]])
    for k in range(30):
        found.add(f"other {k}", prints(10 + k, 60))
    found.add("without prints", [])
    groups = found.groups()
    assert {v for v in groups if groups[v] == groups["film"]} == {"film", "recoded", "trimmed"}
    assert groups["film"] == "film" and groups["without prints"] == "without prints"
    assert len(set(groups.values())) == 33


def test_a_video_that_was_copied_very_often_is_one_cluster() -> None:
    found = Clusters()
    film = prints(1, 12)
    for k in range(100):
        found.add(f"exact {k}", film)
        found.add(f"near {k}", [spoiled(p, 5, k) for p in film])
    for k in range(100):  # all begin with the same title, and show something else then
        found.add(f"titled {k}", [film[0], *prints(100 + k, 12)])
    groups = found.groups()
    assert len({groups[v] for v in groups if not v.startswith("titled")}) == 1
    assert len({groups[v] for v in groups if v.startswith("titled")}) == 100


def test_hashes_are_read_as_the_facts_tell_them(out: str) -> None:
    for segment in longcap.open(out).store.segments.read().to_pylist():
        facts = Facts.of(segment)
        assert facts is not None and hashes_of(segment) == [p.bits for p in facts.prints or ()]
