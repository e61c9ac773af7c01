"""The properties of each machine, measured here or on every node of the connected Ray."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_ANSWER_S = 120.0  # the first worker on a busy node takes half a minute to start
_SHM = Path("/dev/shm")  # shared memory on Linux


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU as reported by NVIDIA's driver."""

    name: str
    memory_mib: int


@dataclass(frozen=True, kw_only=True)
class NodeFacts:
    """Properties of one machine.

    Attributes:
        versions: package -> version; None if it is not installed.
        cuda_built: CUDA version that the installed torch was built for, such as 12.8; None: none, or no torch.
        cuda_driver: newest CUDA version that the driver supports; None: no driver.
        shm_bytes: size of /dev/shm; None if there is none.
        open_files: the soft limit.
        free_bytes: folder -> free bytes of its disk; for a missing folder, of its nearest existing parent.
        folders: folder -> bytes in it; None if it does not exist.
    """

    host: str
    python: str
    versions: dict[str, str | None]
    gpus: tuple[Gpu, ...]
    cuda_built: str | None
    cuda_driver: str | None
    shm_bytes: int | None
    open_files: int
    free_bytes: dict[str, int]
    folders: dict[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the connected Ray, or this machine."""

    id: str
    host: str
    cpus: float
    gpus: float
    object_store_bytes: int


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[T]):
    """The answer of a node, or why it did not answer.

    Attributes:
        clock_s: its clock minus ours, seconds, with an uncertainty of `clock_within_s`.
    """

    node: Node
    value: T | None = None
    error: str | None = None
    clock_s: float = 0.0
    clock_within_s: float = 0.0


def nodes() -> list[Node]:
    """Return the living nodes of the connected Ray."""
    import ray

    found: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    return [
        Node(
            id=str(node["NodeID"]),
            host=str(node["NodeManagerHostname"]),
            cpus=float(node["Resources"].get("CPU", 0.0)),
            gpus=float(node["Resources"].get("GPU", 0.0)),
            object_store_bytes=int(node["Resources"].get("object_store_memory", 0)),
        )
        for node in found
        if node["Alive"]
    ]


def on_every_node(function: Callable[..., T], *arguments: Any) -> list[Answer[T]]:
    """Call `function` once on every living node, whatever runs there, and compare the clocks."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = nodes()
    remote: Any = ray.remote(num_cpus=0)(_Asked)
    asked = [
        remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)).remote()
        for node in there
    ]
    answers = []
    futures = [actor.call.remote(function, arguments) for actor in asked]
    until = time.monotonic() + _ANSWER_S
    for node, actor, future in zip(there, asked, futures, strict=True):
        try:
            value = ray.get(future, timeout=max(1.0, until - time.monotonic()))
            before = time.time()
            its = ray.get(actor.clock.remote(), timeout=_ANSWER_S)
            after = time.time()
        except ray.exceptions.RayError as error:
            answers.append(Answer[T](node=node, error=_last_line(error)))
        else:
            within = (after - before) / 2
            answers.append(Answer(node=node, value=value, clock_s=its - (before + after) / 2, clock_within_s=within))
        ray.kill(actor)
    return answers


class _Asked:
    def call(self, function: Callable[..., T], arguments: Sequence[Any]) -> T:
        return function(*arguments)

    def clock(self) -> float:
        return time.time()


def facts_here(packages: Sequence[str], folders: Sequence[str] = ()) -> NodeFacts:
    """Return the facts of this machine.

    Args:
        packages: distributions whose versions are reported.
        folders: folders whose size, and free disk space, is reported.
    """
    import resource

    gpus, cuda = _nvidia()
    return NodeFacts(
        host=socket.gethostname(),
        python=platform.python_version(),
        versions={name: _version(name) for name in packages},
        gpus=gpus,
        cuda_built=_cuda_of_torch(),
        cuda_driver=cuda,
        shm_bytes=shutil.disk_usage(_SHM).total if _SHM.is_dir() else None,
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        free_bytes={folder: _free(Path(folder).expanduser()) for folder in (tempfile.gettempdir(), *folders)},
        folders={folder: _size(Path(folder).expanduser()) for folder in folders},
    )


def this_machine(object_store_bytes: int) -> Node:
    """Return this machine as the one node of a local Ray that has not started yet."""
    return Node(
        id="", host=socket.gethostname(), cpus=os.cpu_count() or 1, gpus=0.0, object_store_bytes=object_store_bytes
    )


def _version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def _cuda_of_torch() -> str | None:
    """Read the version from a file of torch, since importing torch takes seconds."""
    try:
        text = Path(str(distribution("torch").locate_file("torch/version.py"))).read_text(encoding="utf-8")
    except (PackageNotFoundError, OSError):
        return None
    found = re.search(r"^cuda[^=\n]*= *['\"]([\d.]+)['\"]", text, re.MULTILINE)
    return found.group(1) if found else None


def _nvidia() -> tuple[tuple[Gpu, ...], str | None]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return (), None
    ask = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(ask, capture_output=True, text=True, timeout=30, check=True).stdout
        said = subprocess.run([program], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # a driver that does not answer counts as none
        return (), None
    gpus = [line.rpartition(",") for line in listed.splitlines() if "," in line]
    cuda = re.search(r"CUDA[^:|]*Version: *([\d.]+)", said)
    return (
        tuple(Gpu(name=name.strip(), memory_mib=int(mib)) for name, _, mib in gpus if mib.strip().isdecimal()),
        cuda.group(1) if cuda else None,
    )


def _free(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _size(folder: Path) -> int | None:
    if not folder.exists():
        return None
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
