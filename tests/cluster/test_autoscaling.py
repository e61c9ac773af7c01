"""Nodes that come for a run and go with it: Ray's real autoscaler over its fake node provider."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support import autoscaling, command, video

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]

NODES = {"cpu": {"CPU": 2, "max": 2}, "gpu": {"CPU": 1, "GPU": 1, "max": 2}}
TYPES = "resources.node_types=[{max: 2, num_cpus: 2}, {max: 2, num_cpus: 1, num_gpus: 1}]"


def test_nodes_come_when_work_waits_and_gpus_go_when_theirs_is_done(tmp_path: Path) -> None:
    """Captions on GPUs, narration on CPUs that takes long: the tail."""
    (tmp_path / "in").mkdir()
    for k in range(4):
        video.render(tmp_path / "in" / f"{k}.mp4", count=300, fps=10.0)
    slow = json.dumps([{"kind": "section", "do": "sleep", "sleep_s": 10.0}])
    sets = [
        *("plan.segment_s=10", "run.flush_s=0.5", "run.log_every_s=2", TYPES),
        *("resources.caption.num_gpus=1", "resources.narrate.actors=1", "narrate.concurrency=1"),
        f"narrate.engine={{kind: 'tests.support.engines:Scripted', script: '{slow}'}}",
    ]
    out, log = tmp_path / "out", tmp_path / "log"
    arguments = ["run", str(tmp_path / "in"), "-o", str(out)]
    for item in sets:
        arguments += ["--set", item]
    with autoscaling.head(NODES) as address, command.started(*arguments, "--address", address, log=log) as process:
        with autoscaling.watched(autoscaling.Timeline(), address, {"cpu": "CPU", "gpu": "GPU"}) as timeline:
            command.wait_until(lambda: "requested" in log.read_text(), "the table")
            planned = time.monotonic() - timeline.began
            process.wait(300)
            ended = time.monotonic() - timeline.began
            command.wait_until(lambda: timeline.seen[-1][1] == {"cpu": 0, "gpu": 0}, "no node left", 120)
    told = "\n".join(
        [
            f"planned {planned:.1f} s, ended {ended:.1f} s, asked {timeline.asked}, busy {timeline.busy}",
            *map(str, timeline.seen),
            log.read_text(),
        ]
    )
    assert process.returncode == 0, told
    cpus, gpus, gone = timeline.first("cpu"), timeline.first("gpu"), timeline.last("gpu")
    assert cpus is not None and gpus is not None and gone is not None, told
    # order, not seconds: segments wait for a decoder, and no GPU is asked for before there is one
    assert timeline.asked["CPU"] <= cpus <= timeline.asked["GPU"] <= gpus, told
    assert planned < cpus, told
    assert timeline.peak("gpu") == 2 and timeline.peak("cpu") >= 1, told
    went = [at for (_, a), (at, b) in pairwise(timeline.seen) if b["gpu"] < a["gpu"]]
    came = [at for (_, a), (at, b) in pairwise(timeline.seen) if b["gpu"] > a["gpu"]]
    assert went and gone < ended, told  # both, while narration goes on
    assert max(came) < went[0], told  # none is started again
    print(told)  # pytest -s shows the timeline
