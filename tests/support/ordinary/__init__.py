"""Human text that resembles a defect of a model: no rule may change it and no gate may reject it."""

from __future__ import annotations

from tests.support.ordinary.defect_like import DEFECT_LIKE
from tests.support.ordinary.tricky import TRICKY

__all__ = ["ORDINARY"]

ORDINARY: tuple[str, ...] = (*DEFECT_LIKE, *TRICKY)
