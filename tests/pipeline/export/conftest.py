"""One output for all tests of exports: four short videos, one of them twice, captioned without a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.export.export import Report, Settings, export
from tests.support import scenes, video

TABLES = json.dumps({"asked": {"level": "segment", "steps": ["tests.pipeline.export.asking:Asking"]}})


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`harbour` and `again` show the same; `late` starts at 5 s of its clock and carries a bar code in each frame."""
    folder = tmp_path_factory.mktemp("sources")
    shots = [  # three sections
        scenes.Scene(seconds=13.0, canvas=scenes.texture("blue", "white", seed=1), pan=0.15),
        scenes.Scene(seconds=14.0, canvas=scenes.texture("red", "brown", seed=2), pan=0.1),
        scenes.Scene(seconds=13.0, canvas=scenes.texture("green", "beige", seed=3), pan=0.1),
    ]
    scenes.render(folder / "harbour.mp4", shots, fps=6)
    scenes.render(folder / "again & again.mp4", shots, fps=6)
    forest = [scenes.Scene(seconds=22.0, canvas=scenes.texture("green", "yellow", seed=5), pan=0.1)]
    scenes.render(folder / "forest.mp4", forest, fps=6)
    video.render(folder / "late.mkv", count=120, fps=10.0, first_pts_s=5.0)
    rows = [
        {"uri": str(folder / name), "video_id": name.split(".")[0], "license": licence}
        for name, licence in (
            ("harbour.mp4", "cc-by"),
            ("again & again.mp4", "cc-by"),
            ("forest.mp4", "cc0"),
            ("late.mkv", "cc0"),
        )
    ]
    (folder / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="session")
def out(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    found = tmp_path_factory.mktemp("out") / "captions"
    config = longcap.load_config(
        None, ["plan.segment_s=10", "narrate.section_s=10", "run.flush_s=0", f"tables={TABLES}"]
    )
    assert longcap.run(str(sources / "all.jsonl"), str(found), config, quiet=True).ok
    return str(found)


@pytest.fixture
def exported(out: str, tmp_path: Path) -> Callable[..., tuple[Report, Path]]:
    """Exports the shared output to a new folder."""

    def do(to: str, name: str = "export", where: str | None = None, **given: Any) -> tuple[Report, Path]:
        known = set(Settings.__dataclass_fields__)
        settings = Settings(where=where, **{k: v for k, v in given.items() if k in known})
        options = {k: v for k, v in given.items() if k not in known}
        folder = tmp_path / name
        return export(out, to, str(folder), options=options, settings=settings), folder

    return do
