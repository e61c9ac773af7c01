"""The prompts of captions, rendered again from what the output holds, and proved by their hash.

An output keeps the hash of each prompt, not its text. The text of a frame's and of a window's prompt follows from the
packaged template, the config of the run, the caption before, and what was measured. Where the hash of what is rendered
is the stored one, it is what the model saw, letter by letter; else it is shown as the template only.

A stored config is not trusted: no file that it names is read, and no engine is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from operators.analysis.facts import Facts
from operators.caption.segment import shortened, window_prompt
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.grid import Span
from operators.prompts import Prompt, load_prompt, packaged


@dataclass(frozen=True)
class Shown:
    """A prompt as a page shows it.

    Attributes:
        text: rendered; or the template where `exact` is false; empty where neither is known.
        exact: whether the hash says that this is what the model saw.
        note: what `text` is, in one line.
    """

    text: str
    exact: bool
    note: str


def read_config(data: bytes | None) -> Mapping[str, Any]:
    """A run's config as plain values; empty where it cannot be read."""
    try:
        values = yaml.safe_load(data or b"")
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def frame_prompt(config: Mapping[str, Any], frame: Row) -> Shown:
    """The prompt of a frame caption."""
    options = _section(config, "caption")
    prompt, note = _load(options.get("frame_prompt", "frame"))
    if prompt is None:
        return Shown("", exact=False, note=note)
    return _shown(prompt, frame["prompt_hash"], [prompt.render(language=_language(options)).text])


def window_prompt_of(config: Mapping[str, Any], window: Row, previous: str, facts: Facts | None) -> Shown:
    """The prompt of a window caption.

    Args:
        window: value of `rows.WINDOW_CAPTION`.
        previous: the caption of its `previous_window`; empty where that is not stored.
        facts: of the whole video.
    """
    options = _section(config, "caption")
    prompt, note = _load(options.get("window_prompt", "window"))
    if prompt is None:
        return Shown("", exact=False, note=note)
    span = Span(window["start_s"], window["end_s"])
    return _shown(prompt, window["prompt_hash"], _ways(prompt, options, span, previous, facts))


def section_prompt(config: Mapping[str, Any], section: Row) -> Shown:
    """The template of a section's prompt: its text held the captions of the section and the end of the text before."""
    prompt, note = _load(_section(config, "narrate").get("section_prompt", "section"))
    if prompt is None:
        return Shown("", exact=False, note=note)
    told = (
        f"the template {prompt.name}, version {prompt.version}; the model saw it filled in with the captions of the "
        f"section's windows and the end of the text before (hash {section['prompt_hash'] or 'none'})"
    )
    return Shown(prompt.text, exact=False, note=told)


# -- inside ------------------------------------------------------------------------------------------------------------


def _ways(prompt: Prompt, options: Mapping[str, Any], span: Span, previous: str, facts: Facts | None) -> Iterator[str]:
    """The ways in which the captioner may have asked: with all there was, and with less, where it was too long."""
    part = facts.slice(span.start_s, span.end_s) if facts else None
    measures = _section(options, "engine").get("kind", "measure") == "measure"
    for before, evidence in ((previous, True), (previous, False), (shortened(previous), False), ("", False)):
        if measures and evidence:
            continue
        yield window_prompt(
            prompt,
            language=_language(options),
            fields=bool(options.get("fields")),
            span=span,
            facts=part,
            previous=before,
            with_evidence=evidence,
        ).text


def _shown(prompt: Prompt, stored: str | None, texts: Any) -> Shown:
    for text in texts:
        if digest(text) == stored:
            return Shown(
                text, exact=True, note=f"as the model saw it (hash {stored}), template {prompt.name} {prompt.version}"
            )
    note = (
        f"the template {prompt.name}, version {prompt.version}: what the model saw (hash {stored or 'none'}) cannot be "
        "rendered again from what the output holds"
    )
    return Shown(prompt.text, exact=False, note=note)


def _load(name: Any) -> tuple[Prompt | None, str]:
    if name not in packaged():
        return None, "the prompt was a file of the run's own, which is not read from here; its hash is in the row"
    return load_prompt(name), ""


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _language(options: Mapping[str, Any]) -> str:
    return str(options.get("language") or "English")
