"""docs/extending.md: what stands there works as it stands."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

from longcap.testing import check_export, check_operator
from operators.core.entry_points import offers
from operators.core.registry import make
from operators.engines.registry import parse_engine
from pipeline.config.load import load_config
from pipeline.export.base import Part, Sample, Unfit
from pipeline.export.folder import Folder
from pipeline.export.registry import make as make_export
from tests.support.command import ROOT

PAGE = ROOT / "docs" / "extending.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_pages_engine_is_found_by_name_and_passes_the_pages_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project,), (engine, its_test, *_) = blocks("toml"), blocks("python")
    described = tomllib.loads(project)["project"]
    (tmp_path / "longcap_loud.py").write_text(engine)
    (tmp_path / "test_loud.py").write_text(its_test)
    info = tmp_path / "longcap_loud-1.0.dist-info"  # what an installer makes of the project
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {described['name']}\nVersion: {described['version']}\n"
    )
    ((group, entries),) = described["entry-points"].items()
    lines = "".join(f"{name} = {place}\n" for name, place in entries.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    offers.cache_clear()
    try:
        assert parse_engine({"kind": "loud", "mark": "?"}).model_id == "loud"
        module = importlib.import_module("test_loud")
        (check,) = [value for name, value in vars(module).items() if name.startswith("test_")]
        check()
    finally:
        for name in ("longcap_loud", "test_loud"):
            sys.modules.pop(name, None)
        offers.cache_clear()


def test_the_pages_operator_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (operator,) = [block for block in blocks("python") if "(Operator)" in block]
    (tmp_path / "counting.py").write_text(operator)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = make("counting:CountFrames", {})
    images = [{"time_s": float(t), "pts_s": float(t), "until_s": None, "jpeg": b""} for t in range(12)]
    (found,) = check_operator(made, [{"images": images, "start_s": 0.0, "end_s": 10.0}])
    assert found == {"frame_count": 10}
    sys.modules.pop("counting")


def test_the_pages_export_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (export,) = [block for block in blocks("python") if "(Export)" in block]
    (tmp_path / "longcap_tsv.py").write_text(export)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = make_export("longcap_tsv:Tsv", {})
    part = Part(start_s=0.0, end_s=9.0, text="A boat.")
    sample = Sample(
        key="a",
        video_id="a",
        uri="/v/a.mp4",
        split="train",
        media="/v/a.mp4",
        duration_s=9.0,
        span=None,
        text="A\nboat.",
        parts=(part,),
        opening="",
        windows=(),
        row={},
    )
    check_export(made, [sample], str(tmp_path / "out"))
    assert (tmp_path / "out" / "train-00000.tsv").read_text() == "/v/a.mp4\tA boat.\n"
    with pytest.raises(Unfit, match="more than 1 words"):
        make_export("longcap_tsv:Tsv", {"max_words": 1}).rows(sample)
    (tmp_path / "out" / "train-00000.tsv").write_text("no tab\n")
    assert [str(p) for p in made.check(Folder(str(tmp_path / "out")))] == [
        "train-00000.tsv:1: it does not have exactly one tab"
    ]
    sys.modules.pop("longcap_tsv")


def test_the_recipes_of_the_page_about_them_load(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text()
    found = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found
    for text in found:
        (tmp_path / "recipe.yaml").write_text(text)
        assert load_config(tmp_path / "recipe.yaml").tables


def test_every_folder_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:pipeline|operators|tests)/[\w/.]*)", PAGE.read_text())
    assert named and all((ROOT / name).exists() for name in named)
