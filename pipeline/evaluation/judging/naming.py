"""Parse `--judge`: one of the config's `engines`, a kind, or a mapping with the engine's fields."""

from __future__ import annotations

from collections.abc import Sequence

from longcap import safe_yaml
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
    """Return the judges of a command line, with temperature 0, checked but not booted.

    Raises:
        UsageError: the engine does not exist or cannot judge, or two have the same name.
    """
    engines = load_config(config, list(overrides)).engines if texts or config or overrides else {}
    found: list[Named] = []
    for text in texts:
        try:
            spec = pinned(_spec(text, engines))
            spec.check(images=False)
            spec.reach()
        except ValueError as error:
            known = f"; the config names {', '.join(engines)}" if engines else ""
            raise UsageError(f"--judge {text}: {' '.join(str(error).split())}{known}") from error
        if isinstance(spec, MeasureEngine):
            raise UsageError(f"--judge {text}: measure has no model to judge with; use rules, which compares words")
        name = text if not text.lstrip().startswith("{") else spec.model_id
        if any(other.name == name for other in found):
            raise UsageError(f"--judge {name} appears twice; give the engines different names under engines in -c FILE")
        found.append(Named(name, spec))
    return found


def _spec(text: str, engines: dict[str, EngineSpec]) -> EngineSpec:
    if text in engines:
        return engines[text]
    if text == RULES:
        return parse_engine(_RULES_PLACE)
    try:
        value = safe_yaml.read(text) if text.lstrip().startswith("{") else text
    except safe_yaml.YamlError as error:
        raise ValueError(f"it is not a mapping: {error}") from error
    return parse_engine(value)


def protocols_of(names: Sequence[str]) -> list[str]:
    """Return the requested protocols, in their own order; without names, all that references allow.

    Raises:
        UsageError: a protocol does not exist.
    """
    for name in names:
        if name not in PROTOCOLS:
            raise UsageError(
                f"--protocol {name}: is not a protocol{nearest(name, PROTOCOLS)} Known: {', '.join(PROTOCOLS)}"
            )
    return [name for name in PROTOCOLS if (name in names if names else name not in EXTRA)]
