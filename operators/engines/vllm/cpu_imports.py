"""Lets vLLM be imported beside a PyTorch built for the CPU.

The torchvision that the package index offers is built for CUDA. Beside a CPU build of torch its native library does not
load; torchvision carries on without it, but registers shape rules for two of the operators that were to come from
there, and dies: "operator torchvision::nms does not exist". vLLM needs only its transforms, which are plain Python. So
these two operators are declared, without a body, as soon as torchvision has found its library missing. Where the
library loads (a matching build, a GPU) nothing is done.

vLLM and Ray start processes of their own that import torchvision before any code of ours runs. Therefore

    python -m operators.engines.vllm.cpu_imports

copies this file into the site-packages of that Python, with a `.pth` file beside it that calls `install()` whenever the
interpreter starts. That start costs 3 ms more (19 ms without, CPU time on 2 cores of a shared x86-64 machine); torch
is not imported before torchvision is.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost every start of the interpreter
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import ModuleType

NAME = "longcap_cpu_imports"
PTH = f'import sys; exec("try:\\n import {NAME}\\n {NAME}.install()\\nexcept Exception: pass")\n'
"""The line that site.py runs at each start. What goes wrong in it must not show: not every start is one of ours."""

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""The operators for which torchvision registers shape rules whether or not its library has loaded."""

_declared: list[object] = []  # a torch.library.Library takes its operators with it when it is dropped


class _Finder:
    """Stands aside for every module but `torchvision.extension`, the one that tries to load the native library."""

    mark = NAME  # by which one from a copy of this file, of another class, is known

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "torchvision.extension":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]  # typeshed wants a base class
        return spec


class _Loader:
    """Loads the module as always, then declares the operators if its library is missing."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> object:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        has_ops = getattr(module, "_has_ops", None)
        if has_ops is None or has_ops() or _declared:
            return
        import torch

        library = torch.library.Library("torchvision", "FRAGMENT")
        for schema in SCHEMAS:
            library.define(schema)
        _declared.append(library)


def install() -> None:
    """Watch for torchvision in this process. A second call does nothing."""
    if not any(getattr(finder, "mark", None) == NAME for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def install_at_start(site_packages: Path) -> None:
    """Call `install` whenever a Python starts that reads `site_packages`: writes two files there."""
    from pathlib import Path

    (site_packages / f"{NAME}.py").write_bytes(Path(__file__).read_bytes())
    (site_packages / f"{NAME}.pth").write_text(PTH)


if __name__ == "__main__":
    import sysconfig
    from pathlib import Path

    install_at_start(Path(sysconfig.get_path("purelib")))
