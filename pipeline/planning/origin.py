"""The configs that made the captions of an output, and how they differ in settings that affect captions.

Only the stored config.yaml of a run is read, as plain values for display. It is never validated, loaded or executed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from longcap import safe_yaml
from operators.core.base import Sizing, marks_of
from operators.core.named import renamed
from operators.core.text import printable
from operators.engines.registry import ENGINES, spec_class
from operators.store.store import Store
from pipeline.config.docs import hints_of
from pipeline.config.grid import moved
from pipeline.config.table import CORE
from pipeline.config.tables import tables_of
from pipeline.config.types import Config
from pipeline.config.values import config_to_dict
from pipeline.terminal.errors import UsageError

_STEPS = re.compile(r"recipe\.(segment|video)|tables\.[^.]+\.steps")
_SHOWN_CHARACTERS = 60  # a message shows at most this many characters of a value
Settings = dict[str, Any]


def settings_of(store: Store, run_id: str) -> Settings | None:
    """Return the settings of a run of this output, as `{"plan.window_s": 10.0, ...}`; None if they are not readable."""
    text = store.read_file(f"runs/{run_id}/config.yaml")
    if text is None:
        return None
    try:
        values = safe_yaml.read(text)
    except safe_yaml.YamlError:
        return None
    if not isinstance(values, Mapping):
        return None
    with suppress(UsageError, ValueError):
        values = _named_now(moved(values))
    return dict(_flat(values))


def _named_now(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values of a config under the current names of keys, in sections and in Longcap's engines."""
    found = dict(values)
    for name, hint in hints_of(Config).items():
        if not (isinstance(hint, type) and is_dataclass(hint) and isinstance(found.get(name), Mapping)):
            continue
        section = found[name] = renamed(hint, found[name])
        engine = section.get("engine")
        if isinstance(engine, Mapping) and engine.get("kind") in ENGINES:
            section["engine"] = renamed(spec_class(engine["kind"]), engine)
    return found


def settings_from(config: Config) -> Settings:
    """Return the settings of a config, in the form of `settings_of`."""
    return dict(_flat(config_to_dict(config)))


def changed(settings: Settings) -> dict[str, tuple[str, str]]:
    """Return the settings that differ from the defaults: key -> (default, value), as text.

    For an engine of another kind than the default, all fields are returned.
    """
    default = settings_from(Config())
    return {
        key: (_shown(default[key]) if key in default else "not set", _shown(value))
        for key, value in settings.items()
        if value != default.get(key) and not (key not in default and value is None)
    }


def differences(before: Settings, now: Config) -> list[str]:
    """Return the differing settings that affect captions, such as `plan.window_s 10 -> 8`, in the config's order."""
    dumped = settings_from(now)
    places, sizing = _deciding(now)
    decides, old = ([k for k in some if _below(k, places) and not _below(k, sizing)] for some in (dumped, before))
    engines = [key.removesuffix(".kind") for key in decides if key.endswith(".engine.kind")]
    other = [e for e in engines if before.get(f"{e}.kind") != dumped[f"{e}.kind"]]  # other fields are not comparable
    said = []
    for key in dict.fromkeys((*decides, *old)):
        is_, was = dumped.get(key), before.get(key)
        name, _, last = key.rpartition(".")
        if was == is_ or (name in other and last not in ("kind", "model")):
            continue
        said.append(f"{name if last == 'kind' else key} {_shown(was)} -> {_shown(is_)}")
    return said


@dataclass(frozen=True, kw_only=True)
class Maker:
    """A config that made long captions of an output.

    Attributes:
        config: value of the column `config`; "" for rows made before the column existed.
        count: number of its long captions.
        run_id: the last run that made one of them.
        captioner, narrator: engine and model.
    """

    config: str
    count: int
    run_id: str
    captioner: str
    narrator: str


def makers_of(store: Store) -> list[Maker]:
    """Return the configs that made the long captions of the dataset, the most frequent first."""
    counts: Counter[str] = Counter()
    runs: dict[str, str] = {}
    for batch in store.dataset.batches(["config", "run_id"]):
        for pair in batch.to_pylist():
            config = pair["config"] or ""
            counts[config] += 1
            runs[config] = max(runs.get(config, ""), pair["run_id"] or "")
    found = []
    for config, count in counts.most_common():
        settings = settings_of(store, runs[config])
        by = {"captioner": engine_of(settings, "caption"), "narrator": engine_of(settings, "narrate")}
        found.append(Maker(config=config, count=count, run_id=printable(runs[config]), **by))
    return found


def makers_text(makers: Sequence[Maker]) -> str:
    """Describe in one line how many long captions each config made."""
    parts = [
        f"{m.count} by {printable(m.config) or 'an unnamed config'} (captioner {m.captioner}, "
        f"narrator {m.narrator}, run {m.run_id})"
        for m in makers
    ]
    return f"its long captions were made by {len(makers)} configs: {'; '.join(parts)}"


def engine_of(settings: Settings | None, section: str) -> str:
    """Return the engine of `caption` or `narrate` in a run's settings, with its model if there is one."""
    if settings is None or f"{section}.engine.kind" not in settings:
        return "not recorded"
    model = settings.get(f"{section}.engine.model")
    return _shown(settings[f"{section}.engine.kind"]) + (f" {_shown(model)}" if model else "")


def _deciding(config: Config) -> tuple[set[str], set[str]]:
    """Return the parts of a config that affect captions, and the keys in them that do not.

    They are the section `plan`, and the steps of `segments`, of `dataset` and of the tables that these are made from,
    with the sections of these operators.
    """
    specs = tables_of(config)
    places, sizing = {"plan", "recipe"}, set[str]()
    waiting, seen = [name for name in CORE if name in specs], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in specs:
            continue
        seen.add(name)
        waiting += specs[name].parents
        places.add(f"tables.{name}")
        where = "recipe.segment" if name == "segments" else "recipe.video"
        steps = config.tables.get(name, {}).get("steps")
        where, steps = (f"tables.{name}.steps", steps) if steps is not None else (where, _steps_of(config, name))
        for (operator, label, _), op in zip(map(_step, steps), specs[name].steps, strict=True):
            places.add(operator)
            sizing |= {f"{where}.{label}.pool", *_sizing(op, operator), *_sizing(op, f"{where}.{label}")}
    return places, sizing


def _steps_of(config: Config, name: str) -> Sequence[Any]:
    return config.recipe.segment if name == "segments" else config.recipe.video


def _step(step: Any) -> tuple[str, str, Mapping[Any, Any]]:
    """Return the operator of a step as the config names it, the step's own name, and its options."""
    if not (isinstance(step, Mapping) and len(step) == 1):
        return str(step), str(step), {}
    (operator, options), *_ = step.items()
    options = options if isinstance(options, Mapping) else {}
    return str(operator), str(options.get("as", operator)), {k: v for k, v in options.items() if k != "as"}


def _below(key: str, paths: set[str]) -> bool:
    """Return whether `key` is one of `paths` or below one."""
    return any(key == path or key.startswith(f"{path}.") for path in paths)


def _sizing(spec: Any, path: str) -> Iterator[str]:
    """Yield the keys below `path` whose fields are marked `SIZING`."""
    marks = marks_of(spec.__class__)
    for f in fields(spec):
        if any(isinstance(mark, Sizing) for mark in marks[f.name]):
            yield f"{path}.{f.name}"
        elif is_dataclass(value := getattr(spec, f.name)):
            yield from _sizing(value, f"{path}.{f.name}")


def _flat(values: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        here = f"{path}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{here}.")
        elif isinstance(value, list | tuple) and _STEPS.fullmatch(here):
            steps = [_step(step) for step in value]
            yield here, ", ".join(label for _, label, _ in steps)
            for _, label, options in steps:
                yield from _flat(options, f"{here}.{label}.")
        else:
            yield here, value


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = f"{value:g}" if isinstance(value, float) else printable(str(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
