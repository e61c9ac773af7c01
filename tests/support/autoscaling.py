"""A Ray head on this machine with autoscaled nodes: Ray's fake node provider under its real autoscaler.

`ray.cluster_utils.AutoscalingCluster` cannot be used: it stops every Ray on the machine, and needs a file that the
wheel lacks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from tests.support.command import wait_until
from tests.support.ports import free_port

_HEAD_ID = "f" * 51 + "00000"
_STORE = 100 * 2**20
_NOTHING = (
    *("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"),
    *("head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files", "rsync_exclude", "rsync_filter"),
)


@dataclass
class Timeline:
    """The node types that were up over time; one entry per change.

    Attributes:
        seen: (seconds since the start, number of living nodes of each type).
        asked: resource -> when the autoscaler first knew of a demand for it.
        busy: the last reasons of the nodes with a GPU for not being idle.
    """

    began: float = field(default_factory=time.monotonic)
    seen: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    asked: dict[str, float] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)

    def note(self, at: float, alive: dict[str, int]) -> None:
        if not self.seen or self.seen[-1][1] != alive:
            self.seen.append((at, alive))

    def first(self, kind: str) -> float | None:
        """Return when a node of that type was first seen."""
        return next((at for at, alive in self.seen if alive[kind]), None)

    def last(self, kind: str) -> float | None:
        """Return when the last node of that type had vanished; None while one is alive."""
        gone: float | None = None
        for (_, before), (at, alive) in pairwise(self.seen):
            if before[kind] and not alive[kind]:
                gone = at
        return None if not self.seen or self.seen[-1][1][kind] else gone

    def peak(self, kind: str) -> int:
        return max((alive[kind] for _, alive in self.seen), default=0)


@contextmanager
def head(node_types: Mapping[str, Mapping[str, Any]], *, idle_s: float = 6.0) -> Iterator[str]:
    """Start a head without CPUs that may start `node_types`: name -> resources and `max`; yield its address."""
    import ray

    with tempfile.TemporaryDirectory(prefix="la-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        port = free_port()
        address = f"{ray.util.get_node_ip_address()}:{port}"
        types = {
            name: {
                "resources": {"object_store_memory": _STORE, **{k: v for k, v in kind.items() if k != "max"}},
                "node_config": {},
                "min_workers": 0,
                "max_workers": kind["max"],
            }
            for name, kind in node_types.items()
        }
        provider = {
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            **dict.fromkeys(("use_node_id_as_ip", "disable_node_updaters", "disable_launch_config_check"), True),
            "gcs_address": address,
            "launch_multiple": True,
            "head_node_id": _HEAD_ID,
        }
        config = {
            "cluster_name": "fake",
            "max_workers": 8,
            "provider": provider,
            "available_node_types": {
                "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
                **types,
            },
            "head_node_type": "ray.head.default",
            **{name: {} for name in ("auth", "docker", "file_mounts")},
            "upscaling_speed": 10.0,
            "idle_timeout_minutes": idle_s / 60,
            "file_mounts_sync_continuously": False,
            **{name: [] for name in _NOTHING},
        }
        path = Path(folder) / "autoscaling.json"
        path.write_text(json.dumps(config))
        environment = {
            **os.environ,
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "RAY_FAKE_CLUSTER": "1",
            "RAY_AUTH_MODE": "disabled",
            "RAY_enable_autoscaler_v2": "1",
            "RAY_CLOUD_INSTANCE_ID": _HEAD_ID,
            "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD_ID,
        }
        log = Path(folder) / "head.log"
        with log.open("wb") as out:
            started = subprocess.Popen(
                [
                    *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", f"--port={port}"),
                    *("--num-cpus=0", f"--object-store-memory={_STORE}", "--include-dashboard=false"),
                    *(f"--autoscaling-config={path}", f"--temp-dir={folder}/t", "--disable-usage-stats"),
                ],
                env=environment,
                start_new_session=True,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(lambda: b"Ray runtime started" in log.read_bytes(), "the head", 90)
            yield address
        finally:
            started.terminate()
            with suppress(subprocess.TimeoutExpired):
                started.wait(20)
            for process in psutil.process_iter(["cmdline"]):  # nodes are not children of the head
                if folder in " ".join(process.info["cmdline"] or []):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()


@contextmanager
def watched(timeline: Timeline, address: str, kinds: Mapping[str, str]) -> Iterator[Timeline]:
    """Record a timeline of the Ray at `address`: type -> the resource that only its nodes have.

    It queries the autoscaler and not Ray, since this process may be connected to another Ray.
    """
    from ray.autoscaler.v2.sdk import get_cluster_status

    done = threading.Event()

    def look() -> None:
        while not done.wait(0.25):
            with suppress(Exception):
                status = get_cluster_status(address)
                at = round(time.monotonic() - timeline.began, 2)  # one time for all entries of this poll
                alive = [n.total_resources() for n in (*status.active_nodes, *status.idle_nodes)]
                timeline.note(at, {kind: sum(1 for n in alive if n.get(has)) for kind, has in kinds.items()})
                gpus = [n for n in status.active_nodes if n.total_resources().get("GPU")]
                timeline.busy = [f"{n.used_resources()} {n.node_activity}" for n in gpus] or timeline.busy
                wanted = status.resource_demands
                for demand in (*wanted.ray_task_actor_demand, *wanted.cluster_constraint_demand):
                    for some in demand.bundles_by_count:
                        for resource, amount in some.bundle.items():
                            if amount:
                                timeline.asked.setdefault(resource, at)

    thread = threading.Thread(target=look, name="timeline", daemon=True)
    thread.start()
    try:
        yield timeline
    finally:
        done.set()
        thread.join(5)


def main() -> None:
    """Run a head with autoscaled nodes until Ctrl-C: docs/laptop-cluster.md."""
    types = {"cpu": {"CPU": 2, "max": 2}}
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background processes with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), head(types, idle_s=30.0) as address:
        print(f"a head at {address}; nodes that may come: {types}; Ctrl-C ends it", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
