from __future__ import annotations

import pickle
from typing import cast

import pytest

from operators.core.base import FAILURE_CLASSES, TRANSIENT, FailureClass, ItemError


def test_an_item_error_survives_the_way_between_processes() -> None:
    error = ItemError("timeout", "no packet for 20 s", attempts=3)
    back = pickle.loads(pickle.dumps(error))
    assert (back.failure_class, back.message, back.attempts) == ("timeout", "no packet for 20 s", 3)
    assert str(back) == "timeout: no packet for 20 s"


def test_an_unknown_class_is_refused_with_those_that_are_allowed() -> None:
    with pytest.raises(ValueError, match="'oops' is not one of unreadable, undecodable"):
        ItemError(cast(FailureClass, "oops"), "what")


def test_transient_classes_are_classes() -> None:
    assert set(FAILURE_CLASSES) > TRANSIENT
