"""What the files that put Longcap on machines have in common: stated here once, and in each of them from here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import Any

import yaml


def _fact(default: Any, means: str) -> Any:
    return field(default=default, metadata={"means": means})


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Defaults for a cluster of spot machines that grows from nothing and shrinks back to it."""

    name: str = _fact("longcap", "name of the cluster, the job, the container")
    image: str = _fact("longcap", "image without its tag; tags are cpu and gpu")
    ray_version: str = _fact("2.60.0", "Ray on all nodes; clusters of mixed versions do not start")
    python: str = _fact("3.11", "Python on all nodes; Ray refuses mixed ones")
    config: str = _fact("longcaption", "recipe or config file to run")
    source: str = _fact("s3://bucket/videos", "INPUT")
    out: str = _fact("s3://bucket/captions", "OUT")
    drain_s: int = _fact(60, "seconds that a node, a pod or a driver gets to end by itself")
    idle_minutes: int = _fact(5, "minutes without work after which a node is given back")
    head_cpus: int = _fact(4, "cores of the head; no work runs there")
    head_memory_gib: int = _fact(16, "memory of the head")
    cpu_workers: int = _fact(20, "most CPU nodes (decoding)")
    cpu_cpus: int = _fact(16, "cores of a CPU node")
    cpu_memory_gib: int = _fact(32, "memory of a CPU node")
    gpu_workers: int = _fact(8, "most GPU nodes (captions, narration)")
    gpu_gpus: int = _fact(1, "GPUs of a GPU node")
    gpu_cpus: int = _fact(8, "cores of a GPU node")
    gpu_memory_gib: int = _fact(64, "memory of a GPU node")
    disk_gib: int = _fact(200, "disk of a node: image, models, spilled objects")
    object_store_share: float = _fact(0.3, "share of a node's memory for Ray's object store, and so for /dev/shm")
    secret: str = _fact("longcap-s3", "Kubernetes secret whose keys are AWS_ACCESS_KEY_ID and so on")
    service_account: str = _fact("default", "Kubernetes service account of all pods")
    aws_region: str = _fact("us-east-1", "region on AWS")
    aws_head: str = _fact("m6i.xlarge", "instance type of the head on AWS")
    aws_cpu: str = _fact("c6i.4xlarge", "instance type of a CPU node on AWS")
    aws_gpu: str = _fact("g6e.2xlarge", "instance type of a GPU node on AWS")
    aws_profile: str = _fact("longcap", "name of the instance profile that may read INPUT and write OUT")
    gcp_project: str = _fact("my-project", "project on GCP")
    gcp_region: str = _fact("us-central1", "region on GCP")
    gcp_zone: str = _fact("us-central1-a", "zone on GCP")
    gcp_head: str = _fact("n2-standard-4", "machine type of the head on GCP")
    gcp_cpu: str = _fact("n2-highcpu-16", "machine type of a CPU node on GCP")
    gcp_gpu: str = _fact("g2-standard-16", "machine type of a GPU node on GCP")
    gcp_accelerator: str = _fact("nvidia-l4", "GPU of such a node")
    gcp_image: str = _fact("common-cu128-ubuntu-2204-nvidia-570", "family of images with Docker and NVIDIA's driver")
    slurm_partition: str = _fact("gpu", "partition on Slurm")
    slurm_nodes: int = _fact(4, "nodes on Slurm, each with gpu_gpus GPUs")
    slurm_time: str = _fact("24:00:00", "time limit on Slurm")

    @property
    def node_types(self) -> str:
        """What the cluster may grow to, as the run's `resources.node_types`: a run plans its pools for all of that."""
        kinds = (
            (self.cpu_workers, self.cpu_cpus, 0, self.cpu_memory_gib),
            (self.gpu_workers, self.gpu_cpus, self.gpu_gpus, self.gpu_memory_gib),
        )
        return json.dumps(
            [
                {"max": most, "num_cpus": cpus, "num_gpus": gpus, "memory_bytes": self.work_bytes(memory_gib)}
                for most, cpus, gpus, memory_gib in kinds
                if most
            ]
        )

    def work_bytes(self, memory_gib: float) -> int:
        """Bytes of a node that Ray sets aside for actors: what its object store and Ray's own tenth leave over."""
        return int(memory_gib * 2**30 * (1 - self.object_store_share) * 0.9)

    def object_store_bytes(self, memory_gib: float) -> int:
        """Bytes of a node's object store."""
        return int(memory_gib * 2**30 * self.object_store_share)

    def shm_mib(self, memory_gib: float) -> int:
        """MiB that /dev/shm must have, so that the object store lies in memory and not on disk."""
        return self.object_store_bytes(memory_gib) // 2**20 + 512


def facts(overrides: list[str]) -> Facts:
    """The facts with `name=VALUE` overrides, VALUE being YAML.

    Raises:
        ValueError: an unknown name, or a value of another type; one line.
    """
    base = Facts()
    known: dict[str, Any] = {f.name: getattr(base, f.name) for f in fields(Facts)}
    given: dict[str, Any] = {}
    for text in overrides:
        name, equals, raw = text.partition("=")
        if not equals or name not in known:
            raise ValueError(f"{text!r} is not of the form NAME=VALUE with NAME one of {', '.join(known)}")
        try:
            value: Any = raw if isinstance(known[name], str) else yaml.safe_load(raw)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ValueError(f"{name}: {raw!r} is not YAML") from error
        if isinstance(known[name], float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if type(value) is not type(known[name]) or (number and value < 0) or value == "":
            raise ValueError(f"{name} is {raw!r}; it must be like {known[name]!r}")
        given[name] = value
    return replace(base, **given)
