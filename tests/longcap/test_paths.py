"""Longcap's processes find Longcap's code, Python's and that of dependencies, whatever the user's folder holds."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from longcap import paths
from pipeline.execution.stage import SearchPath
from tests.support import video
from tests.support.command import ROOT

OURS = ("longcap", "pipeline", "operators", "cluster", "configs", "tests")
MODULES = ("types", "random", "queue", "logging", "select", "tokenize", "ray", "torch")
PACKAGES = ("json", "email", "numpy", "av")


def foul(folder: Path, *names: str, package: bool = False) -> None:
    """Lay modules of these names into `folder` that raise on import."""
    folder.mkdir(exist_ok=True)
    for name in names:
        file = folder / name / "__init__.py" if package else folder / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"raise RuntimeError('the user\\'s {name} was imported')\n")


def python(*arguments: str, cwd: Path, timeout_s: float = 60.0, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH", "RAY_ADDRESS")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**given, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def test_a_job_runs_from_a_folder_with_files_of_our_names_and_of_standard_ones(tmp_path: Path) -> None:
    here = tmp_path / "here"
    foul(here, *OURS[:3], *MODULES)
    foul(here, *OURS[1:], *PACKAGES, package=True)
    video.render(tmp_path / "clip.mp4", count=30, fps=10.0)
    out = tmp_path / "out"
    done = python("-P", "-m", "longcap", "run", str(tmp_path / "clip.mp4"), "-o", str(out), cwd=here, timeout_s=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 video has a long caption" in done.stdout
    assert "was imported" not in done.stdout + done.stderr


@pytest.mark.parametrize("package", [False, True])
def test_a_notebook_beside_files_of_our_names_imports_ours(tmp_path: Path, package: bool) -> None:
    here = tmp_path / "here"
    foul(here, *OURS[1:], package=package)
    video.render(tmp_path / "clip.mp4", count=30, fps=10.0)
    code = (
        "import longcap, sys; assert sys.path[0] == ''; from pipeline.config.types import Config; "
        f"plan, _ = longcap.plan({str(tmp_path / 'clip.mp4')!r}, {str(tmp_path / 'out')!r}, quiet=True); "
        "print(len(plan.videos), plan.unusable)"
    )
    done = python("-c", code, cwd=here)
    assert done.stdout == "1 []\n", done.stderr


def test_a_folder_in_pythonpath_does_not_replace_our_packages(tmp_path: Path) -> None:
    foul(tmp_path, *OURS[1:])
    done = python("-P", "-m", "longcap", "config", cwd=tmp_path, PYTHONPATH=f".:{tmp_path}")
    assert done.returncode == 0 and done.stdout.startswith("recipe:"), done.stderr


def test_a_module_of_our_name_that_is_loaded_already_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ModuleType("configs")
    theirs.__file__ = "/home/me/configs.py"
    monkeypatch.setitem(sys.modules, "configs", theirs)
    with pytest.raises(ImportError) as error:
        paths.own()
    assert str(error.value).startswith("the module configs that is loaded already (/home/me/configs.py) has the name")


def test_the_users_folders_are_searched_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "scripts" / "mine.py"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    given = ["", str(script.parent), "/usr/lib/python3", ".", "/opt/engines"]
    assert paths.search_path(given) == ["/usr/lib/python3", "/opt/engines", str(tmp_path), str(script.parent)]
    monkeypatch.chdir(paths.HOME)  # the checkout itself is not the user's
    assert paths.search_path(["", "/opt"]) == [paths.HOME, "/opt"]


def test_processes_that_start_inside_the_block_do_not_search_the_current_folder_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"/opt/engines:.:{tmp_path}")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    with paths.safe_environment():
        assert (os.environ["PYTHONPATH"], os.environ["PYTHONSAFEPATH"]) == ("/opt/engines", "1")
    assert os.environ["PYTHONPATH"] == f"/opt/engines:.:{tmp_path}"
    assert "PYTHONSAFEPATH" not in os.environ


def test_a_worker_finds_an_engine_that_lies_beside_the_users_script_and_searches_there_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_engine.py").write_text("X = 1\n")
    foul(tmp_path, "types", "pipeline")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/nowhere/at/all", *sys.path])
    parcel = pickle.dumps(SearchPath())
    code = "import pickle, sys; pickle.loads(bytes.fromhex(sys.argv[1])); import my_engine, types; print(sys.path[-1:])"
    done = python("-P", "-c", code, parcel.hex(), cwd=Path("/"))
    assert done.stdout == f"[{str(tmp_path)!r}]\n", done.stderr


def test_what_a_folder_would_replace_is_named(tmp_path: Path) -> None:
    assert paths.shadowing(str(tmp_path)) is None
    assert paths.shadowing(str(ROOT)) is None
    (tmp_path / "configs").mkdir()
    assert paths.shadowing(str(tmp_path)) is None  # a folder of settings is no package
    (tmp_path / "cluster.py").touch()
    assert paths.shadowing(str(tmp_path)) == "cluster.py"


def test_the_folder_of_a_package_that_another_thread_imports_is_not_handed_on(tmp_path: Path) -> None:
    """As `cv2` puts its own folder first while it is imported, with a `typing` in it."""
    foul(tmp_path / "installed", "cv2", package=True)
    own = tmp_path / "installed" / "cv2"
    assert paths.search_path([str(own), str(own.parent), "/opt"]) == [str(own.parent), "/opt"]
    assert paths.search_path([str(own), "/opt"]) == [str(own), "/opt"], "no package, if its parent is not searched"
