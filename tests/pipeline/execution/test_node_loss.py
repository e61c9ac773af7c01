"""Nodes that go in the middle of a run, as spot machines do, and others that come."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import pipeline as longcap
from operators.store.store import Store
from tests.support import command, video

pytestmark = [pytest.mark.slow, pytest.mark.ray]

_STORE = 100 * 2**20


def hashes(out: str) -> dict[tuple[str, int], str]:
    """(video, segment index; -1 for the long caption) -> content hash."""
    output = longcap.open(out)
    told = {(r["video_id"], -1): r["content_hash"] for r in output.to_arrow().to_pylist()}
    segments = output.store.segments.read().to_pylist()
    return told | {(r["video_id"], r["segment_index"]): r["content_hash"] for r in segments}


def test_a_worker_killed_twice_costs_what_was_in_flight(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(6):
        video.render(folder / f"{k}.mp4", count=600, fps=10.0)
    slow = '[{"kind": "window", "do": "sleep", "sleep_s": 0.4}]'
    sets = [
        *("plan.segment_s=10", "run.flush_s=0.5", "run.log_every_s=2", "resources.caption.actors=1"),
        *("resources.narrate.actors=1", f"caption.engine={{kind: 'tests.support.engines:Scripted', script: '{slow}'}}"),
    ]
    more = [part for item in sets for part in ("--set", item)]
    quiet, hurt, log = str(tmp_path / "quiet"), str(tmp_path / "hurt"), tmp_path / "log"
    with tempfile.TemporaryDirectory(prefix="ln-", dir="/tmp", ignore_cleanup_errors=True) as sockets:
        head = {"num_cpus": 1, "object_store_memory": _STORE, "include_dashboard": False, "temp_dir": sockets}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            worker = cluster.add_node(num_cpus=2, object_store_memory=_STORE)
            cluster.wait_for_nodes()
            arguments = ("run", str(folder), "--address", cluster.address, *more)
            assert command.run(*arguments, "-o", quiet, log=tmp_path / "quiet.log") == 0
            with command.started(*arguments, "-o", hurt, log=log) as process:
                for durable in (3, 12):
                    command.wait_until(
                        lambda durable=durable: _segments(hurt) >= durable, f"{durable} durable segments"
                    )
                    assert process.poll() is None, log.read_text()
                    cluster.remove_node(worker, allow_graceful=False)
                    worker = cluster.add_node(num_cpus=2, object_store_memory=_STORE)
                assert process.wait(400) == 0, log.read_text()
        finally:
            cluster.shutdown()
    assert hashes(hurt) == hashes(quiet)
    assert command.run("verify", hurt, log=tmp_path / "verify.log") == 0, (tmp_path / "verify.log").read_text()


def _segments(out: str) -> int:
    if not (Path(out) / "segments" / "_delta_log").is_dir():
        return 0
    return sum(batch.num_rows for batch in Store(out).segment_keys())
