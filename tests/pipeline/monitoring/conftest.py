"""What the tests of this folder share: a clock that a test moves by hand."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from pipeline.monitoring import progress as module


class Clock:
    """Time that a test moves by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        fake = SimpleNamespace(monotonic=lambda: self.now, strftime=time.strftime)
        monkeypatch.setattr(module, "time", fake)  # of this module alone: others are at work on real time


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)
