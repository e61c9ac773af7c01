"""Read the config and inputs of an earlier run from an output, for `longcap retry`.

An output may come from anybody, and a config can send frames and a key to any server, load code, or read files into
prompts. Such keys are not taken from the output: the user must give them again, or confirm them at a terminal. All
other keys only affect how the work is done.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from longcap import safe_yaml
from operators.core.addresses import redacted_text
from operators.core.text import printable
from operators.prompts import packaged
from operators.store.store import Store
from pipeline.config.docs import EXTENDS
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.terminal.errors import UsageError

_RUN_ID = re.compile(r"[\w\-]+")
_SHOWN_CHARACTERS = 300
_ENGINE_FIELDS = {  # kind of engine -> its fields with addresses, or with code and models to load
    "openai": ("base_url", "api_key_env", "extra_body"),
    "transformers": (
        *("model", "hub_revision", "trust_remote_code", "adapter", "model_args"),
        *("processor_kwargs", "chat_template_kwargs"),
    ),
    "vllm": ("model", "hub_revision", "engine_args", "processor_kwargs", "chat_template_kwargs"),
}
_ENGINES = ("caption", "narrate", "names")  # sections that have an engine
_WHOLE = ("engines", "inputs", "tables")  # sections that may name any engine, operator or location
_FILES = {  # sections -> their fields that may name a file
    "caption": ("frame_prompt", "window_prompt"),
    "narrate": (
        *("section_prompt", "video_prompt", "digest_prompt", "outline_prompt", "repair_prompt"),
        *("embedding_model", "entailment"),
    ),
    "names": ("prompt",),
    "decode": ("shots_weights",),
}


class Asked(NamedTuple):
    """The request of an earlier run.

    Attributes:
        inputs: the inputs as given, without secrets.
        signed: whether some inputs had secrets and therefore cannot be read again.
    """

    inputs: list[str]
    signed: bool


class Risk(NamedTuple):
    """An untrusted key of a stored config, such as `caption.engine.base_url`, and its value."""

    key: str
    value: Any

    def __str__(self) -> str:
        shown = redacted_text(printable(str(self.value)))
        return f"{self.key} is {shown[:_SHOWN_CHARACTERS]}{'…' if len(shown) > _SHOWN_CHARACTERS else ''}"


def stored_inputs(store: Store, run_id: str) -> Asked:
    """Return the inputs of run `run_id`.

    Raises:
        UsageError: the file of the run is missing or damaged.
    """
    try:
        asked = json.loads(_file(store, run_id, "asked.json"))
        inputs, signed = asked["inputs"], bool(asked.get("signed"))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{store.uri}/runs/{run_id}/asked.json is damaged: name the inputs with --input") from error
    if not isinstance(inputs, list) or not inputs or not all(isinstance(text, str) for text in inputs):
        raise UsageError(f"{store.uri}/runs/{run_id}/asked.json names no inputs: name them with --input")
    return Asked(inputs, signed)


def stored_config(
    store: Store, run_id: str, overrides: Sequence[str], confirmed: Callable[[str], bool] | None = None
) -> Config:
    """Return the config of run `run_id` with `overrides` applied.

    Args:
        confirmed: asks the user about untrusted keys; None: ask at a terminal, if there is one.

    Raises:
        UsageError: the config is missing or invalid, or has keys that must be given again; the message says how.
    """
    data = _file(store, run_id, "config.yaml")
    where = f"{store.uri}/runs/{run_id}/config.yaml"
    try:
        values = safe_yaml.read(data)
    except safe_yaml.YamlError as error:
        raise UsageError(f"{where} is not YAML; give the config with -c CONFIG") from error
    if not isinstance(values, dict) or EXTENDS in values:
        raise UsageError(f"{where} is not a config of a run; give the config with -c CONFIG")
    unsaid = [risk for risk in risks(values) if not _said(risk.key, overrides)]
    if unsaid and not (confirmed or _confirmed)(f"{where} sets {'; '.join(map(str, unsaid))}"):
        again = " ".join(f"--set {risk.key}=…" for risk in unsaid)
        raise UsageError(
            f"{where} sets {'; '.join(map(str, unsaid))}. An output is not trusted to set where frames and keys are "
            f"sent or what is loaded: give the config with -c CONFIG, or set it again with {again}"
        )
    with tempfile.NamedTemporaryFile("wb", suffix=".yaml", prefix="longcap-retry-") as file:
        file.write(data)
        file.flush()
        return load_config(Path(file.name), overrides)


def risks(values: Mapping[str, Any]) -> list[Risk]:
    """Return the keys of a config that send data, load code or name files. Nothing is imported."""
    named = [Risk(section, values[section]) for section in _WHOLE if values.get(section)]
    return [*_engine_risks(values), *_file_risks(values), *_code_risks(values), *named]


def _code_risks(values: Mapping[str, Any]) -> Iterator[Risk]:
    """Yield steps of the recipe that are import paths of classes instead of names."""
    for level, steps in _mapping(values.get("recipe")).items():
        if isinstance(steps, list) and any(":" in str(step) for step in steps):
            yield Risk(f"recipe.{level}", steps)


def _engine_risks(values: Mapping[str, Any]) -> Iterator[Risk]:
    for section in _used(values):
        engine = _mapping(values.get(section)).get("engine")
        fields = {"kind": engine} if isinstance(engine, str) else _mapping(engine)
        kind = fields.get("kind")
        if kind in (None, "measure"):
            continue
        at = f"{section}.engine"
        if kind not in _ENGINE_FIELDS:
            yield Risk(at, kind)  # a module that would be imported
            continue
        named = [Risk(f"{at}.{name}", fields[name]) for name in _ENGINE_FIELDS[kind] if fields.get(name)]
        yield from named or [Risk(at, kind)]


def _file_risks(values: Mapping[str, Any]) -> Iterator[Risk]:
    for section, names in _FILES.items():
        fields = _mapping(values.get(section))
        for name in names:
            if fields.get(name) and fields[name] not in packaged():
                yield Risk(f"{section}.{name}", fields[name])


def _used(values: Mapping[str, Any]) -> list[str]:
    """Return the sections whose engine the recipe uses."""
    recipe = _mapping(values.get("recipe"))
    steps = [recipe.get("segment", ["caption"]), recipe.get("video", ["narrate"])]
    named = {name for step in steps if isinstance(step, list) for name in step if isinstance(name, str)}
    return [section for section in _ENGINES if section in named]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _said(key: str, overrides: Sequence[str]) -> bool:
    said = [text.partition("=")[0].strip() for text in overrides]
    return any(key == name or key.startswith(f"{name}.") for name in said)


def _confirmed(text: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(f"{text}\nUse these settings?", err=True)


def _file(store: Store, run_id: str, name: str) -> bytes:
    data = store.read_file(f"runs/{run_id}/{name}") if _RUN_ID.fullmatch(run_id) else None
    if data is None:
        raise UsageError(
            f"{store.uri}/runs/{printable(run_id)} does not exist, so its failures cannot be replayed: use longcap run"
        )
    return data
