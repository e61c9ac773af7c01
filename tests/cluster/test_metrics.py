"""What a run really exports, and that dashboard and rules ask for nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cluster.metrics import METRICS, Meters
from cluster.monitoring import queries
from tests.support import command, video
from tests.support.ports import free_port

_RUN = """
import os, sys, threading, time, urllib.request
import ray
import pipeline as longcap
folder, port = sys.argv[1], sys.argv[2]
ray.init(num_cpus=2, include_dashboard=False, _metrics_export_port=int(port), _temp_dir=sys.argv[3],
         object_store_memory=200 * 2**20, log_to_driver=False)
rules = '[{"kind": "window", "window": 0, "do": "empty", "times": 1}]'
engine = f"caption.engine={{kind: 'tests.support.engines:Scripted', script: '{rules}'}}"
config = longcap.load_config(None, ["plan.segment_s=10", "run.max_failed=1", "caption.tries=2", engine])
wanted, found = set(sys.argv[4].split()), set()
complete, over = threading.Event(), threading.Event()
def scrape():
    while not over.wait(0.5):
        try:
            page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        except OSError:
            continue
        found.update(line.split("{")[0].split(" ")[0] for line in page.splitlines() if "longcap_" in line)
        if all(any(name.startswith("ray_" + w) for name in found) for w in wanted):
            complete.set()
scraping = threading.Thread(target=scrape)
scraping.start()
try:
    longcap.run(folder + "/in", folder + "/out", config)
    complete.wait(120)  # Ray exports what was counted some seconds later
finally:
    over.set()
    scraping.join()
for name in sorted(found):
    print(name)
ray.shutdown()
"""


@pytest.mark.ray
def test_every_metric_that_is_named_is_exported_by_a_run(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for k in range(3):
        video.render(tmp_path / "in" / f"{k}.mp4", count=300, fps=10.0)
    (tmp_path / "in" / "text.mp4").write_text("this is no video")
    # of these nothing happens in this run; that they are counted is tested with the driver's meters
    quiet = {"longcap_tokens_total", "longcap_engine_seconds_total", "longcap_failures_total", "longcap_cleaned_total"}
    wanted = " ".join(sorted(set(METRICS) - quiet))
    with tempfile.TemporaryDirectory(prefix="lm-", dir="/tmp", ignore_cleanup_errors=True) as folder:  # a short path
        done = subprocess.run(
            [sys.executable, "-c", _RUN, str(tmp_path), str(free_port()), folder, wanted],
            cwd=command.ROOT,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
            env={**os.environ, "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(command.ROOT)},
        )
    exported = {re.sub(r"_(bucket|sum|count)$", "", n) for n in re.findall(r"^ray_(longcap_\w+)$", done.stdout, re.M)}
    assert set(METRICS) - exported <= quiet, done.stdout + done.stderr
    assert exported <= set(METRICS)


def test_dashboard_and_rules_ask_only_for_metrics_that_there_are() -> None:
    asked = set()
    for query in queries():
        names = re.findall(r"ray_(\w+)", query)
        assert names, query
        for name in names:
            plain = name.removesuffix("_bucket")
            assert plain in METRICS, query
            assert name == plain or METRICS[plain].kind == "histogram", query
            asked.add(plain)
        for labels in re.findall(r"by \(([^)]*)\)", query):
            tags = {tag for name in names for tag in METRICS[name.removesuffix("_bucket")].tags} | {"le"}
            assert set(labels.split(", ")) <= tags, query
    assert asked == set(METRICS)


def test_counters_are_the_metrics_of_which_rates_are_taken() -> None:
    for query in queries():
        for name in re.findall(r"(?:rate|increase)\(ray_(\w+)\[", query):
            assert METRICS[name.removesuffix("_bucket")].kind in ("counter", "histogram"), query


def test_without_ray_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    Meters().count("longcap_videos_total")
    Meters().set("longcap_videos_left", 1.0)
