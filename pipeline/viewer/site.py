"""The state that all pages share: the outputs, the caches, the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from operators.core.text import printable
from pipeline.monitoring.progress import clock
from pipeline.viewer.cache import Cache
from pipeline.viewer.detail import Evidencer
from pipeline.viewer.lanes import span_text
from pipeline.viewer.previews import Previews
from pipeline.viewer.reader import Reader
from pipeline.viewer.stills import Stills

FOLDER = Path(__file__).parent
_LONGEST = 100_000  # characters of one text on a page


@dataclass(kw_only=True)
class Site:
    """One running viewer, for pages in many threads. It starts no process before one is needed.

    Attributes:
        readers: the outputs; the first is the one whose videos are listed.
        cache: cache of frames and previews.
        author: author of annotations.
        editable: whether annotations can be written.
    """

    readers: Sequence[Reader]
    cache: Cache
    author: str
    editable: bool = True
    stills: Stills = field(init=False)
    previews: Previews = field(init=False)
    evidence: Evidencer = field(init=False)
    templates: jinja2.Environment = field(init=False)

    def __post_init__(self) -> None:
        self.stills = Stills(self.cache)
        self.previews = Previews(self.cache)
        self.evidence = Evidencer()
        self.templates = self._environment()

    def _environment(self) -> jinja2.Environment:
        """The template environment. Everything is escaped unless a template disables it, and none does."""
        found = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        found.filters.update(
            clock=clock, seconds=seconds, percent=percent, visible=visible, span=lambda s: span_text(*s), number=number
        )
        found.globals.update(site=self)
        return found

    def render(self, template: str, /, **values: Any) -> str:
        return self.templates.get_template(template).render(**values)

    def close(self) -> None:
        """End the processes that decode and encode. Safe to call twice."""
        self.stills.close()
        self.previews.close()


def visible(text: object) -> str:
    """Escape invisible and direction-changing characters of untrusted text, and truncate it."""
    whole = str(text)
    return printable(whole[:_LONGEST], lines=True) + ("…" if len(whole) > _LONGEST else "")


def seconds(time_s: float | None) -> str:
    """Format a time at full precision, as `5.033 s`."""
    return "" if time_s is None else f"{time_s:.3f} s"


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}" if share in (0, 1) or 0.005 <= share < 0.995 else f"{share:.1%}"


def number(value: object) -> str:
    """Format a value of any column for a table cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return visible(value)
