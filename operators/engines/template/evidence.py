"""What was measured in a stretch, as a sentence or two for a model's prompt."""

from __future__ import annotations

from operators.analysis.facts import Facts
from operators.core.grid import Span
from operators.engines.base import Request
from operators.engines.template.story import tell_window
from operators.engines.template.words import Voice


def evidence(facts: Facts | None, span: Span) -> str:
    """Measured facts of `span` in plain English; empty where nothing was measured."""
    if facts is None:
        return ""
    request = Request(kind="window", start_s=span.start_s, end_s=span.end_s, prompt="", facts=facts)
    return tell_window(request, Voice(0, "window", span.start_s))
