"""What vLLM reads from its environment and has no argument for."""

from __future__ import annotations

import os

from operators.engines.vllm import installed


def prepare(model: str, *, kv_cache_gib: int, threads: int, alone: bool) -> None:
    """Set it before vLLM is imported; what the user set stays.

    Args:
        kv_cache_gib, threads: of a vLLM that runs on the CPU.
        alone: one worker, no parallel ones.
    """
    # vLLM starts `python -m` and `python -c`, which would import from the current folder first
    defaults = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_NO_USAGE_STATS": "1", "PYTHONSAFEPATH": "1"}
    if installed.folder(model) is not None:
        defaults |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if installed.on_cpu():
        defaults |= {"VLLM_CPU_KVCACHE_SPACE": str(kv_cache_gib), "OMP_NUM_THREADS": str(threads)}
        if alone:
            defaults["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the worker lives in the engine's process: half the boot
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
