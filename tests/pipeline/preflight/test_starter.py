from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.nodes import Gpu
from operators.engines.registry import engine_kind
from pipeline.cli.main import main
from pipeline.config.load import load_config
from pipeline.preflight.starter import starter

H200, T4 = Gpu(name="NVIDIA H200", memory_mib=143_771), Gpu(name="Tesla T4", memory_mib=15_360)


@pytest.mark.parametrize(
    ("cpus", "gpus", "vllm", "says", "model"),
    [
        (2, [], False, "2 CPUs, no GPU", None),
        (64, [H200, H200], True, "2 GPUs (NVIDIA H200, 140 GiB)", "Qwen/Qwen3-VL-8B-Instruct"),
        (8, [H200], False, "pip install 'longcap[vllm]'", None),
        (8, [T4], True, "needs a GPU of 22 GiB", None),
    ],
)
def test_the_config_fits_the_machine_and_loads(
    cpus: int, gpus: list[Gpu], vllm: bool, says: str, model: str | None, tmp_path: Path
) -> None:
    text = starter(cpus=cpus, gpus=gpus, vllm=vllm, openai=False)
    assert says in text
    path = tmp_path / "c.yaml"
    path.write_text(text)
    config = load_config(path)
    assert getattr(config.caption.engine, "model", None) == model
    assert config.resources.num_cpus == (None if cpus < 5 else cpus - 2)


@pytest.mark.parametrize("gpus", [[], [H200]])
def test_what_is_commented_out_is_config_as_well(gpus: list[Gpu], tmp_path: Path) -> None:
    text = starter(cpus=2, gpus=gpus, vllm=True, openai=True)
    opened = re.sub(r"^#(?! \S)", "", text, flags=re.MULTILINE)
    path = tmp_path / "c.yaml"
    path.write_text(opened)
    config = load_config(path)
    assert engine_kind(type(config.caption.engine)) == engine_kind(type(config.narrate.engine)) != "measure"
    assert (config.resources.num_cpus, config.run.max_failed, config.plan.window_s) == (2, 0.2, 10.0)


def test_init_writes_it_once_and_replaces_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert capsys.readouterr().out == "longcap.yaml\n"
    assert main(["config", "-c", "longcap.yaml"]) == 0
    assert main(["init", "--json"]) == 0
    Path("longcap.yaml").write_text("extends: measure\n")
    assert main(["init"]) == 2
    assert "--force" in capsys.readouterr().err
