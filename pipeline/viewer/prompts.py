"""Prompts of captions, rendered again from the output and verified by their hash.

An output stores the hash of each prompt, not its text. The text follows from the packaged template, the run's config,
the captions, and the measured and recognised facts. If the hash of the rendered text equals the stored one, the text is
exactly what the model saw; otherwise only the template is shown.

A stored config is not trusted: files that it names are not read, and no engine is made from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from longcap import safe_yaml
from operators.analysis.facts import Facts
from operators.audio.heard import Heard
from operators.caption.segment import shortened, window_prompt
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.grid import Grid, Span
from operators.core.windows import WindowRule, Windows
from operators.coreference.rewriting import redone
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.narrate import Narrate
from operators.narrate.replay import section_prompts
from operators.narrate.whole import Cells
from operators.prompts import Prompt, load_prompt, packaged


@dataclass(frozen=True)
class Shown:
    """A prompt as a page shows it.

    Attributes:
        text: the rendered prompt; the template if `exact` is false; empty if neither is known.
        exact: whether the hash confirms that this is what the model saw.
        note: description of `text`, in one line.
    """

    text: str
    exact: bool
    note: str


@dataclass(frozen=True, kw_only=True)
class Whole:
    """The data from which the sections of a video were written.

    Attributes:
        sections: sections of the caption as the model wrote it.
        names: values of `structs.NAME`.
        segments: rows of `rows.CAPTIONED_SEGMENT` that the section rests on, in order.
        facts: facts of the whole video; heard: its speech, if the output has it.
    """

    sections: Sequence[Row]
    names: Sequence[Row]
    segments: Sequence[Row]
    duration_s: float
    facts: Facts | None
    heard: Heard | None


def read_config(data: bytes | None) -> Mapping[str, Any]:
    """Parse a run's config as plain values; empty if it cannot be read."""
    try:
        values = safe_yaml.read(data or b"")
    except safe_yaml.YamlError:
        return {}
    return values if isinstance(values, dict) else {}


def frame_prompt(config: Mapping[str, Any], frame: Row) -> Shown:
    """Return the prompt of a frame caption."""
    options = _section(config, "caption")
    prompt, note = _load(options.get("frame_prompt", "frame"))
    if prompt is None:
        return Shown("", exact=False, note=note)
    return _shown(prompt, frame["prompt_hash"], [prompt.render(language=_language(options)).text])


def window_prompt_of(config: Mapping[str, Any], window: Row, previous: str, facts: Facts | None) -> Shown:
    """Return the prompt of a window caption.

    Args:
        window: value of `structs.WINDOW_CAPTION`.
        previous: the caption of its `previous_window`; empty if it is not stored.
        facts: facts of the whole video.
    """
    options = _section(config, "caption")
    prompt, note = _load(options.get("window_prompt", "window"))
    if prompt is None:
        return Shown("", exact=False, note=note)
    span = Span(window["start_s"], window["end_s"])
    return _shown(prompt, window["prompt_hash"], _ways(prompt, options, span, previous, facts))


def section_prompt(config: Mapping[str, Any], number: int, whole: Whole) -> Shown:
    """Return the prompt of a section.

    Args:
        number: index of the section in the caption.
    """
    options = _section(config, "narrate")
    prompt, note = _load(options.get("section_prompt", "section"))
    if prompt is None:
        return Shown("", exact=False, note=note)
    try:
        texts = _sections(prompt, number, whole, config)
        return _shown(prompt, whole.sections[number]["prompt_hash"], texts)
    except (ValueError, KeyError, IndexError, TypeError):  # an output is not trusted
        return _shown(prompt, whole.sections[number]["prompt_hash"], ())


# -- inside ------------------------------------------------------------------------------------------------------------


def _ways(prompt: Prompt, options: Mapping[str, Any], span: Span, previous: str, facts: Facts | None) -> Iterator[str]:
    """Yield the prompts that the captioner may have sent: with all evidence, and with less if that was too long."""
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


def _sections(prompt: Prompt, number: int, whole: Whole, config: Mapping[str, Any]) -> Iterator[str]:
    plan, options = _section(config, "plan"), _section(config, "narrate")
    grid = Grid(whole.duration_s, float(plan.get("window_s", 10.0)), float(plan.get("stride_s", 5.0)))
    rules: Mapping[Any, WindowRule] = {"shots": "shots", "lines": "lines"}
    rule = rules.get(plan.get("windows"), "grid")
    layout = Windows(grid=grid, rule=rule, min_shot_s=float(plan.get("min_shot_s") or 0.0))
    segments = [redone(s, whole.names) for s in whole.segments] if whole.names else list(whole.segments)
    own = set(whole.sections[number]["windows"] or ())
    for heard in (None, whole.heard) if whole.heard is not None else (None,):
        yield from section_prompts(
            prompt,
            number,
            whole.sections,
            [w for s in segments for w in s["windows"] if w["window_index"] in own and w["valid"]],
            [f for s in segments for f in s["frames"] if f["valid"]],
            cells=Cells.of(layout, segments, [Facts.of(s) for s in segments]),
            grid=grid,
            facts=whole.facts or Facts(start_s=0.0, end_s=whole.duration_s, cell_s=grid.stride_s),
            heard=heard,
            toolkit=_toolkit(str(options.get("grounding", "lexical")), _language(options)),
            language=_language(options),
        )


@lru_cache(maxsize=4)
def _toolkit(grounding: str, language: str) -> Toolkit:
    """Return the scorers of a run, except models of its own, which are not loaded from here."""
    options = Narrate(language=language, grounding="embedding" if grounding == "embedding" else "lexical")
    try:
        return options.toolkit()
    except ValueError:  # the extra is not installed
        return Toolkit()


def _shown(prompt: Prompt, stored: str | None, texts: Iterable[str]) -> Shown:
    for text in texts:
        if digest(text) == stored:
            return Shown(
                text, exact=True, note=f"as the model saw it (hash {stored}), template {prompt.name} {prompt.version}"
            )
    note = (
        f"the template {prompt.name}, version {prompt.version}: the prompt (hash {stored or 'none'}) "
        "cannot be rendered again from the output"
    )
    return Shown(prompt.text, exact=False, note=note)


def _load(name: Any) -> tuple[Prompt | None, str]:
    if name not in packaged():
        return None, "the prompt was a file of the user, which the viewer does not read; its hash is in the row"
    return load_prompt(name), ""


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _language(options: Mapping[str, Any]) -> str:
    return str(options.get("language") or "English")
