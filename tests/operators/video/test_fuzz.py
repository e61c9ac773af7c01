"""Two hundred broken files; `make fuzz` takes two thousand."""

from __future__ import annotations

from tests.support.fuzz.video import fuzz


def test_every_broken_file_ends_with_frames_or_a_plain_failure() -> None:
    outcome = fuzz(200, seed=3)
    assert sum(outcome.counts.values()) == 200
    assert outcome.clean, outcome
    assert outcome.counts["in part"] > 20  # the damage is real, and most of it is survived
    assert outcome.counts["undecodable"] > 5
