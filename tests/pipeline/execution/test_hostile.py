"""Hostile items of every kind cost themselves only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hostile import attack

EVERY_KIND_ONCE = 85


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("ray_session")
def test_hostile_items_cost_themselves_only(tmp_path: Path) -> None:
    seen = attack(EVERY_KIND_ONCE, folder=tmp_path)
    assert len(seen.kinds) >= 60, seen.kinds
    assert not seen.wrong, "\n".join(seen.wrong)
    assert seen.outcomes["captioned"] > 20, seen.outcomes
