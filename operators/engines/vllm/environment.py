"""Environment variables of vLLM for which it has no arguments."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from operators.engines.vllm import installed

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_HUB = "huggingface_hub.constants"  # reads the variable once, when it is imported


@contextmanager
def prepared(model: str, *, kv_cache_gib: int, threads: int, alone: bool) -> Iterator[None]:
    """Set the variables for the boot of an engine; to be entered before vLLM is imported.

    Variables that the user set are kept. While a model in a folder boots, nothing is asked of the hub. Afterwards the
    process may use the hub again, for another model or to publish a dataset.

    Args:
        kv_cache_gib, threads: KV cache in GiB and number of threads, for vLLM on the CPU.
        alone: whether there is one worker only.
    """
    # vLLM starts `python -m` and `python -c`, which would import from the current folder first
    defaults = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_NO_USAGE_STATS": "1", "PYTHONSAFEPATH": "1"}
    if installed.on_cpu():
        defaults |= {"VLLM_CPU_KVCACHE_SPACE": str(kv_cache_gib), "OMP_NUM_THREADS": str(threads)}
        if alone:
            defaults["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the worker lives in the engine's process: half the boot
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if installed.folder(model) is None or any(name in os.environ for name in _OFFLINE):
        yield
        return
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    if _HUB in sys.modules:
        sys.modules[_HUB].HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name in _OFFLINE:
            os.environ.pop(name, None)
        if _HUB in sys.modules:
            sys.modules[_HUB].HF_HUB_OFFLINE = False  # type: ignore[attr-defined]
