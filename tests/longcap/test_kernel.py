"""A run in a notebook's kernel that somebody interrupts, and the next one, which resumes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

import longcap
from pipeline.cli.main import main
from tests.support.command import ROOT

_COPIES = 6
_CELL = """
import longcap
config = longcap.load_config("measure", "run.flush_s=0", "resources.decode.actors=1")
longcap.run("videos", "out", config)
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    manager = KernelManager(kernel_name="python3")
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    manager.start_kernel(cwd=str(tmp_path), env={**environment, "PYTHONPATH": str(ROOT)})
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def answer(client: BlockingKernelClient, asked: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The reply to a cell, and what the cell showed."""
    shown = []
    while True:
        message = client.get_iopub_msg(timeout=120)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
        shown.append(message["content"])
    while (reply := client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != asked:
        pass  # replies to what was asked while the kernel started
    return reply["content"], shown


def test_an_interrupted_cell_says_so_and_the_next_run_resumes(
    kernel: tuple[KernelManager, BlockingKernelClient], tmp_path: Path
) -> None:
    manager, client = kernel
    assert main(["demo", str(tmp_path / "videos"), "--stories", "4", "--seconds", "12"]) == 0
    for story in list((tmp_path / "videos").glob("*.mp4")):  # enough work for a machine that is fast and idle
        for k in range(_COPIES - 1):
            shutil.copy(story, story.with_stem(f"{story.stem}-{k}"))
    asked = client.execute(_CELL)
    data = tmp_path / "out" / "segments"
    end = time.monotonic() + 120
    while not list(data.glob("*.parquet")) and time.monotonic() < end:
        time.sleep(0.01)
    manager.interrupt_kernel()
    reply, _ = answer(client, asked)
    assert (reply["status"], reply["ename"]) == ("error", "Stopped"), reply
    assert reply["traceback"][0].startswith("Stopped: interrupted: ") and len(reply["traceback"]) == 1
    out = longcap.open(tmp_path / "out")
    done = out.store.segments.read(["key"]).num_rows
    assert 0 < done < 4 * _COPIES
    reply, shown = answer(client, client.execute(_CELL))
    assert reply["status"] == "ok", reply
    assert any(
        f"{4 * _COPIES} of {4 * _COPIES} videos have a long caption" in str(one.get("data", "")) for one in shown
    )
    assert out.runs()[-1]["segments_done_before"] == done
    assert len(out) == 4 * _COPIES
