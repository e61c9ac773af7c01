"""The configs that made the captions of an output, and how they differ in settings that affect captions.

Only the stored config.yaml of a run is read, as plain values for display. It is never validated, loaded or executed.
"""

from __future__ import annotations

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
from pipeline.config.tables import segment_operators, video_operators
from pipeline.config.types import Config
from pipeline.config.values import config_to_dict
from pipeline.terminal.errors import UsageError

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
    decides, sizing = _deciding(now, dumped)
    sections = {key.partition(".")[0] for key in decides}
    old = {k: v for k, v in before.items() if k.partition(".")[0] in sections and not _below(k, sizing)}
    engines = [key.removesuffix(".kind") for key in decides if key.endswith(".engine.kind")]
    other = [e for e in engines if before.get(f"{e}.kind") != dumped[f"{e}.kind"]]  # other fields are not comparable
    said = []
    for key in dict.fromkeys((*decides, *old)):
        is_, was = dumped.get(key), old.get(key)
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


def _deciding(config: Config, dumped: Settings) -> tuple[list[str], set[str]]:
    """Return the keys that affect captions, in the order of the config, and the keys of these sections that do not."""
    operators = {op.name: op for op in (*segment_operators(config), *video_operators(config))}
    sizing = {key for name, op in operators.items() for key in _sizing(op, name)}
    sections = {"recipe", "plan", *operators}
    return [k for k in dumped if k.partition(".")[0] in sections and not _below(k, sizing)], sizing


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
        else:
            yield here, value


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = f"{value:g}" if isinstance(value, float) else printable(str(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
