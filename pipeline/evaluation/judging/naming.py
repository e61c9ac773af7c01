"""Which engine `--judge` names: one of the config's `engines`, a kind, or a mapping with the engine's own fields."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from operators.core.text import nearest
from operators.engines.base import EngineSpec
from operators.engines.registry import parse_engine
from operators.engines.template import MeasureEngine
from pipeline.config.load import load_config
from pipeline.evaluation.judging.judge import Named, pinned
from pipeline.evaluation.judging.protocols import EXTRA, PROTOCOLS
from pipeline.terminal.errors import UsageError

RULES = "rules"
_RULES_PLACE = "pipeline.evaluation.judging.rules:RuleJudge"


def judges_of(texts: Sequence[str], config: str | None = None, overrides: Sequence[str] = ()) -> list[Named]:
    """The judges of a command line, with temperature 0, checked but not booted.

    Raises:
        UsageError: there is no such engine, it cannot judge, or two have the same name.
    """
    engines = load_config(config, list(overrides)).engines if texts or config or overrides else {}
    found: list[Named] = []
    for text in texts:
        try:
            spec = pinned(_spec(text, engines))
            spec.check(pictures=False)
            spec.reach()
        except ValueError as error:
            known = f"; the config names {', '.join(engines)}" if engines else ""
            raise UsageError(f"--judge {text}: {' '.join(str(error).split())}{known}") from error
        if isinstance(spec, MeasureEngine):
            raise UsageError(f"--judge {text}: measure has no model to judge with; rules compares words")
        name = text if not text.lstrip().startswith("{") else spec.model_id
        if any(other.name == name for other in found):
            raise UsageError(
                f"--judge {name} stands twice; give the engines names of their own under engines of -c FILE"
            )
        found.append(Named(name, spec))
    return found


def _spec(text: str, engines: dict[str, EngineSpec]) -> EngineSpec:
    if text in engines:
        return engines[text]
    if text == RULES:
        return parse_engine(_RULES_PLACE)
    try:
        value = yaml.safe_load(text) if text.lstrip().startswith("{") else text
    except yaml.YAMLError as error:
        raise ValueError(f"it is no mapping: {' '.join(str(error).split())[:100]}") from error
    return parse_engine(value)


def protocols_of(names: Sequence[str]) -> list[str]:
    """The protocols that are asked for, in their own order; without names all that references allow.

    Raises:
        UsageError: there is no such protocol.
    """
    for name in names:
        if name not in PROTOCOLS:
            raise UsageError(
                f"--protocol {name}: no such protocol{nearest(name, PROTOCOLS)} Known: {', '.join(PROTOCOLS)}"
            )
    return [name for name in PROTOCOLS if (name in names if names else name not in EXTRA)]
