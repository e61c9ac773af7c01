"""A few hostile manifests and answers; `make fuzz` takes two thousand of each."""

from __future__ import annotations

from tests.support.fuzz import answers, manifests


def test_every_hostile_manifest_ends_with_its_rows_or_a_usage_error() -> None:
    outcome = manifests.fuzz(150, seed=3)
    assert sum(outcome.counts.values()) == 150
    assert outcome.clean, outcome
    assert outcome.counts["with refused rows"] > 30


def test_every_hostile_answer_ends_with_a_generation_or_a_plain_failure() -> None:
    outcome = answers.fuzz(120, seed=3)
    assert sum(outcome.counts.values()) == 120
    assert outcome.clean, outcome
    assert outcome.counts["engine"] > 20 and outcome.counts["stop"] > 10
