from __future__ import annotations

import os
import platform
import stat
from importlib.metadata import version
from pathlib import Path

import pytest

from cluster import nodes
from cluster.nodes import Gpu, facts_here, on_every_node


def test_the_facts_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "deep" / "weights").write_bytes(bytes(1000))
    there, gone = str(tmp_path / "model"), str(tmp_path / "gone" / "further")
    found = facts_here(["ray", "no-such-package"], [there, gone])
    assert found.python == platform.python_version()
    assert found.versions == {"ray": version("ray"), "no-such-package": None}
    assert found.folders == {there: 1000, gone: None}
    assert found.free_bytes[gone] > 0 and found.open_files > 0


def test_what_nvidias_program_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        '#!/bin/sh\nif [ $# -gt 0 ]; then echo "NVIDIA L4, 23034"; echo "NVIDIA L4, 23034"; '
        'else echo "| NVIDIA-SMI 570.1    Driver Version: 570.1    CUDA Version: 12.8     |"; fi\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = facts_here([])
    assert (found.gpus, found.cuda_driver) == ((Gpu(name="NVIDIA L4", memory_mib=23034),) * 2, "12.8")
    program.write_text("#!/bin/sh\necho NVIDIA-SMI has failed; exit 9\n")
    assert facts_here([]).gpus == ()


def test_every_node_answers_or_says_why(ray_session: None) -> None:
    [good] = on_every_node(os.getpid)
    assert good.error is None and good.value not in (None, os.getpid())
    assert abs(good.clock_s) <= good.clock_within_s + 0.05
    [bad] = on_every_node(int, "no number")
    assert bad.value is None and bad.error is not None and "ValueError" in bad.error and "\n" not in bad.error
    [node] = nodes.nodes()
    assert (node.cpus, node.gpus) == (2.0, 0.0)
