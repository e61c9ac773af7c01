"""The settings shared by all deployment files, defined once and inserted into each file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

from longcap import safe_yaml

_NAME = (  # Kubernetes' rule for labels (RFC 1035); KubeRay appends to the name of a RayJob, and so takes at most 47
    r"[a-z]([a-z0-9-]{0,45}[a-z0-9])?",
    "a-z, 0-9 and -, a letter first, no - at the end, at most 47 characters",
)
_OBJECT = (r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", "a name of Kubernetes: a-z, 0-9, - and .")
_IMAGE = (
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
    "an image without a tag; behind its registry a-z, 0-9, ., _, - and /",
)
_PLACE = (  # any text that `cluster.files` can quote for each of its readers, and that no command takes for an option
    r"(?!-)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff\"\\]+",
    'one line of text that does not begin with - and has no " and no \\',
)
_CLOUD = (r"[a-z0-9][a-z0-9.-]*", "a-z, 0-9, - and .")
_MOST_DRAIN_S = 32_767  # Slurm gets twice that, and takes at most 65,535
_OBJECT_STORE_MIB = 75  # Ray does not start with less


def _text(default: str, means: str, pattern: str, allowed: str) -> Any:
    return field(
        default=default, metadata={"means": means, "fits": re.compile(pattern, re.ASCII).fullmatch, "allowed": allowed}
    )


def _count(default: int, means: str, *, least: int = 1, most: int = 1_000_000) -> Any:
    allowed = f"a whole number from {least} to {most}"
    return field(default=default, metadata={"means": means, "fits": lambda n: least <= n <= most, "allowed": allowed})


def _share(default: float, means: str) -> Any:
    return field(
        default=default, metadata={"means": means, "fits": lambda x: 0 < x < 1, "allowed": "above 0 and below 1"}
    )


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Defaults for a cluster of spot machines that scales up from zero nodes and back."""

    name: str = _text("longcap", "name of the cluster, the job, the container", *_NAME)
    image: str = _text("longcap", "image without its tag; tags are cpu and gpu", *_IMAGE)
    ray_version: str = _text(
        "2.60.0",
        "Ray on all nodes; clusters of mixed versions do not start",
        r"[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.]*",
        "a version of three numbers",
    )
    python: str = _text(
        "3.11",
        "Python on all nodes; Ray refuses mixed versions",
        r"3\.[0-9]+(\.[0-9]+)?",
        "a version of two or three numbers",
    )
    config: str = _text("longcaption", "recipe or config file to run", *_PLACE)
    source: str = _text("s3://bucket/videos", "INPUT", *_PLACE)
    out: str = _text("s3://bucket/captions", "OUT", *_PLACE)
    drain_s: int = _count(60, "grace period of a node, pod or driver, seconds", most=_MOST_DRAIN_S)
    idle_minutes: int = _count(5, "minutes without work after which a node is released", least=0)
    head_cpus: int = _count(4, "cores of the head; no work runs there")
    head_memory_gib: int = _count(16, "memory of the head")
    cpu_workers: int = _count(20, "maximum number of CPU nodes (decoding)", least=0)
    cpu_cpus: int = _count(16, "cores of a CPU node")
    cpu_memory_gib: int = _count(32, "memory of a CPU node")
    gpu_workers: int = _count(8, "maximum number of GPU nodes (captions, narration)", least=0)
    gpu_gpus: int = _count(1, "GPUs of a GPU node")
    gpu_cpus: int = _count(8, "cores of a GPU node")
    gpu_memory_gib: int = _count(64, "memory of a GPU node")
    disk_gib: int = _count(200, "disk of a node: image, models, spilled objects")
    object_store_share: float = _share(0.3, "share of a node's memory for Ray's object store, and so for /dev/shm")
    secret: str = _text("longcap-s3", "Kubernetes secret whose keys are AWS_ACCESS_KEY_ID and so on", *_OBJECT)
    service_account: str = _text("default", "Kubernetes service account of all pods", *_OBJECT)
    aws_region: str = _text("us-east-1", "region on AWS", *_CLOUD)
    aws_head: str = _text("m6i.xlarge", "instance type of the head on AWS", *_CLOUD)
    aws_cpu: str = _text("c6i.4xlarge", "instance type of a CPU node on AWS", *_CLOUD)
    aws_gpu: str = _text("g6e.2xlarge", "instance type of a GPU node on AWS", *_CLOUD)
    aws_profile: str = _text(
        "longcap",
        "name of the instance profile that may read INPUT and write OUT",
        r"[\w+=,.@-]{1,128}",
        "a name of AWS: letters, digits and _+=,.@-",
    )
    gcp_project: str = _text("my-project", "project on GCP", *_CLOUD)
    gcp_region: str = _text("us-central1", "region on GCP", *_CLOUD)
    gcp_zone: str = _text("us-central1-a", "zone on GCP", *_CLOUD)
    gcp_head: str = _text("n2-standard-4", "machine type of the head on GCP", *_CLOUD)
    gcp_cpu: str = _text("n2-highcpu-16", "machine type of a CPU node on GCP", *_CLOUD)
    gcp_gpu: str = _text("g2-standard-16", "machine type of a GPU node on GCP", *_CLOUD)
    gcp_accelerator: str = _text("nvidia-l4", "GPU of a GPU node on GCP", *_CLOUD)
    gcp_image: str = _text(
        "common-cu128-ubuntu-2204-nvidia-570", "family of images with Docker and NVIDIA's driver", *_CLOUD
    )
    slurm_partition: str = _text(
        "gpu", "partition on Slurm", r"\w[\w.,-]*", "letters, digits, _, - and ., several with commas"
    )
    slurm_nodes: int = _count(4, "nodes on Slurm, each with gpu_gpus GPUs")
    slurm_time: str = _text(
        "24:00:00",
        "time limit on Slurm",
        r"([0-9]+-)?[0-9]+(:[0-9]{1,2}){0,2}|UNLIMITED",
        "[D-]HH:MM:SS or another time of sbatch",
    )

    @property
    def node_types(self) -> str:
        """The maximum size of the cluster, as the run's `resources.node_types`, for which a run plans its pools."""
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
        """Return the bytes of a node that actors may reserve: without the object store and Ray's own tenth."""
        return int(memory_gib * 2**30 * (1 - self.object_store_share) * 0.9)

    def object_store_bytes(self, memory_gib: float) -> int:
        """Return the bytes of a node's object store."""
        return int(memory_gib * 2**30 * self.object_store_share)

    def shm_mib(self, memory_gib: float) -> int:
        """Return the MiB that /dev/shm needs to keep the object store in memory instead of on disk."""
        return self.object_store_bytes(memory_gib) // 2**20 + 512


def facts(overrides: list[str]) -> Facts:
    """Return the facts with `name=VALUE` overrides; VALUE is YAML.

    Raises:
        ValueError: an unknown name, or a value that is not allowed, in one line.
    """
    base = Facts()
    rules = {f.name: f.metadata for f in fields(Facts)}
    known: dict[str, Any] = {name: getattr(base, name) for name in rules}
    given: dict[str, Any] = {}
    for text in overrides:
        name, equals, raw = text.partition("=")
        if not equals or name not in known:
            raise ValueError(f"{text!r} is not of the form NAME=VALUE with NAME one of {', '.join(known)}")
        try:
            value: Any = raw if isinstance(known[name], str) else safe_yaml.read(raw)
        except safe_yaml.YamlError as error:
            raise ValueError(f"{name}: {raw!r} is not YAML") from error
        if isinstance(known[name], float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        rule = rules[name]
        if type(value) is not type(known[name]) or not rule["fits"](value):
            raise ValueError(f"{name} is {raw!r}; it must be like {known[name]!r}: {rule['allowed']}")
        given[name] = value
    found = replace(base, **given)
    if not found.cpu_workers + found.gpu_workers:
        raise ValueError("cpu_workers and gpu_workers are both 0; a cluster needs workers, so one must be at least 1")
    least_gib = min(found.head_memory_gib, found.cpu_memory_gib, found.gpu_memory_gib)
    if found.object_store_bytes(least_gib) < _OBJECT_STORE_MIB * 2**20:
        raise ValueError(
            f"object_store_share is {found.object_store_share:g}, of {least_gib} GiB of memory: Ray's object store "
            f"needs at least {_OBJECT_STORE_MIB} MiB; raise one of them"
        )
    return found
