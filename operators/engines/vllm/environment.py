"""Environment variables of vLLM for which it has no arguments."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from operators.engines.vllm import installed

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_HUB = "huggingface_hub.constants"  # reads the variable once, when it is imported


_turn = threading.Condition()
_boots = 0
_asked: dict[str, str] = {}  # what the boots under way want
_held: dict[str, str] = {}  # what was set of it


@contextmanager
def prepared(model: str, *, kv_cache_gib: int, threads: int, alone: bool) -> Iterator[None]:
    """Set the variables for the boot of an engine; to be entered before vLLM is imported.

    Variables that the user set are kept. All others are removed after the boot, because they are the engine's and not
    the process's: another engine has its own, and so have processes that are started later. While a model in a folder
    boots, nothing is asked of the hub. Boots that need different values wait for each other; equal ones may overlap.

    Args:
        kv_cache_gib, threads: KV cache in GiB and number of threads, for vLLM on the CPU.
        alone: whether there is one worker only.
    """
    # vLLM starts `python -m` and `python -c`, which would import from the current folder first
    wanted = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_NO_USAGE_STATS": "1", "PYTHONSAFEPATH": "1"}
    if installed.on_cpu():
        wanted |= {"VLLM_CPU_KVCACHE_SPACE": str(kv_cache_gib), "OMP_NUM_THREADS": str(threads)}
        if alone:
            wanted["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the worker lives in the engine's process: half the boot
    if installed.folder(model) is not None:
        wanted |= dict.fromkeys(_OFFLINE, "1")
    _enter(wanted)
    try:
        yield
    finally:
        _leave()


def _enter(wanted: Mapping[str, str]) -> None:
    """Set what the user did not set, alone or together with boots that set the same."""
    global _boots  # noqa: PLW0603  as the environment, a fact about the process
    with _turn:
        while _boots and _asked != dict(wanted):
            _turn.wait()
        _boots += 1
        if _boots > 1:
            return
        _asked.clear()
        _asked.update(wanted)
        ours = dict(wanted)
        if any(name in os.environ for name in _OFFLINE):
            ours = {name: value for name, value in ours.items() if name not in _OFFLINE}
        _held.update({name: value for name, value in ours.items() if name not in os.environ})
        os.environ.update(_held)
        if _OFFLINE[0] in _held and _HUB in sys.modules:
            sys.modules[_HUB].HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def _leave() -> None:
    """Remove what was set, after the last of the boots that share it."""
    global _boots  # noqa: PLW0603
    with _turn:
        _boots -= 1
        if _boots:
            return
        if _OFFLINE[0] in _held and _HUB in sys.modules:
            sys.modules[_HUB].HF_HUB_OFFLINE = False  # type: ignore[attr-defined]
        for name, value in _held.items():
            if os.environ.get(name) == value:
                del os.environ[name]
        _held.clear()
        _turn.notify_all()
