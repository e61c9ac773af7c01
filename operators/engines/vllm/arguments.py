"""Arguments of vLLM that affect answers. They are part of every key, and are checked before a boot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operators.engines.vllm import installed

ANSWERING = frozenset(
    {
        "video_pruning_rate",
        "video_pruning_method",
        "hf_overrides",
        "attention_config",
        "quantization",
        "kv_cache_dtype",
        "tokenizer",
        "mm_processor_kwargs",
        "chat_template",
        "generation_config",
        "override_generation_config",
        "logits_processors",
        "speculative_config",
        "hf_config_path",
        "model_impl",
    }
)
"""Arguments in `engine_args` that affect answers; all others affect speed only."""

_METHODS = ("evs", "vidcom2")
_ROPES = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "mrope", "proportional")  # of transformers
_EXTENDING = ("linear", "dynamic", "yarn")


def answering(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the arguments that belongs to an engine's identity; empty if none of them affects answers."""
    found = {name: arguments[name] for name in sorted(ANSWERING & arguments.keys())}
    return {"engine_args": found} if found else {}


def check_values(arguments: Mapping[str, Any], model: str, max_model_len: int | None, *, elsewhere: bool) -> None:
    """Check argument values that vLLM itself rejects only after a boot, or never.

    Args:
        elsewhere: whether the engine may boot on another machine, which may have a GPU.

    Raises:
        ValueError: one line that says which value is wrong and what is allowed.
    """
    rate, method = arguments.get("video_pruning_rate"), arguments.get("video_pruning_method")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1):
        raise _wrong("video_pruning_rate", rate, "the share of a video's tokens to leave out: from 0 to below 1")
    if method is not None and method not in _METHODS:
        raise _wrong("video_pruning_method", method, f"one of {', '.join(_METHODS)}")
    if method is not None and not rate:
        raise _wrong("video_pruning_method", method, "given with video_pruning_rate, which says how much is left out")
    if rate and not elsewhere and installed.on_cpu():
        raise ValueError(
            "engine vllm: engine_args.video_pruning_rate does not work in vLLM's CPU build, which ends at the first "
            "video: leave it out, or run where a GPU is"
        )
    overrides = arguments.get("hf_overrides")
    if overrides is None:
        return
    if not isinstance(overrides, Mapping):
        raise _wrong("hf_overrides", overrides, "a mapping of keys of the model's config.json")
    for path, holder in (("", overrides), ("text_config.", overrides.get("text_config"))):
        if not isinstance(holder, Mapping):
            continue
        if "rope_scaling" in holder:
            raise _wrong(
                f"hf_overrides.{path}rope_scaling", "…", "written as rope_parameters, its name in transformers 5"
            )
        if "rope_parameters" in holder:
            _check_rope(f"hf_overrides.{path}rope_parameters", holder, model, path, max_model_len)


def _check_rope(name: str, holder: Mapping[str, Any], model: str, path: str, max_model_len: int | None) -> None:
    rope = holder["rope_parameters"]
    if not isinstance(rope, Mapping) or rope.get("rope_type") not in _ROPES:
        kind = rope.get("rope_type") if isinstance(rope, Mapping) else rope
        raise _wrong(f"{name}.rope_type", kind, f"one of {', '.join(_ROPES)}")
    config = installed.config(model)
    nested = bool(config and "text_config" in config)
    if config is not None and nested != bool(path):
        where = "text_config.rope_parameters" if nested else "rope_parameters"
        raise _wrong(name, "…", f"hf_overrides.{where}: there this model's config.json has it")
    if rope["rope_type"] not in _EXTENDING:
        return
    factor = rope.get("factor")
    if isinstance(factor, bool) or not isinstance(factor, int | float) or factor < 1:
        raise _wrong(f"{name}.factor", factor, "a number of at least 1: by how much the context grows")
    positions = holder.get("max_position_embeddings") or (config or {}).get("text_config", config or {}).get(
        "max_position_embeddings"
    )
    if max_model_len is None or not isinstance(positions, int):
        return
    yarn = rope["rope_type"] == "yarn"  # of which vLLM takes max_position_embeddings for the extended context
    room = positions if yarn else int(positions * factor)
    if max_model_len > room:
        positions_at = name.replace("rope_parameters", "max_position_embeddings")
        extended = f"set {positions_at} to the extended context, original_max_position_embeddings x factor"
        raise ValueError(
            f"engine vllm: max_model_len is {max_model_len}, and with engine_args.{name} the model has room for "
            f"{room}: {extended if yarn else 'raise factor, or lower max_model_len'}"
        )


def _wrong(name: str, value: Any, allowed: str) -> ValueError:
    return ValueError(f"engine vllm: engine_args.{name} is {value!r}; it must be {allowed}")
