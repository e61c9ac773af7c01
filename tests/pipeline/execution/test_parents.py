"""Long captions that are made from a second table: never from a row of another config, and again once a row arrives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

import pipeline as longcap
from operators.store.store import Store
from pipeline.output.verification import verify
from tests.support.operators import calls

OPS = "tests.support.operators"


def config_of(tmp_path: Path, log: Path, **options: str) -> longcap.Config:
    tables = {
        "titles": {"level": "video", "steps": [{f"{OPS}:Entitle": options}]},
        "dataset": {"from": ["segments", "titles"], "steps": ["narrate", {f"{OPS}:Quote": {"log": str(log)}}]},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"tables": tables}))
    return longcap.load_config(path, ["plan.segment_s=10", "run.flush_s=0"])


def test_a_long_caption_is_made_from_the_rows_that_its_config_wants(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "log").mkdir()
    shutil.copy(clips / "short.mp4", tmp_path / "in" / "short.mp4")
    out, log = tmp_path / "out", tmp_path / "log"

    def made(**options: str) -> tuple[str, int]:
        """How the long caption that stands now begins, and how many long captions were made."""
        longcap.run(str(tmp_path / "in"), str(out), config_of(tmp_path, log, **options), quiet=True, replace=True)
        (row,) = longcap.open(str(out)).table("dataset").to_pylist()
        assert [f.kind for f in verify(longcap.open(str(out))).findings] == []
        return row["caption"][:2], calls(log, "quote")

    assert made(language="en") == ("en", 1)
    assert made(language="en") == ("en", 0)
    assert made(language="de", fails="video") == ("No", 1), "the row in English is of another config"
    assert made(language="de", fails="video") == ("No", 0)
    failures = Store(str(out)).failures
    failures.fence()
    failures.rewrite(lambda events: events.slice(0, 0))  # as a retry does
    assert made(language="de") == ("de", 1), "the row has arrived"
    assert made(language="de") == ("de", 0)
    assert made(language="fr") == ("fr", 1)


@pytest.mark.parametrize("missing", ["speech", "more"])
def test_what_was_made_without_a_row_further_up_is_made_again_once_it_arrives(
    clips: Path, tmp_path: Path, missing: str
) -> None:
    """speech → more → segments: `more` has another key than usual, and so have the segments that are made from it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "log").mkdir()
    shutil.copy(clips / "short.mp4", tmp_path / "in" / "short.mp4")
    out, log = tmp_path / "out", tmp_path / "log"

    def made(fails: str) -> int:
        """How many segments were made."""
        options = {name: {"fails": fails if name == missing else ""} for name in ("speech", "more")}
        tables = {
            "speech": {"level": "video", "steps": [{f"{OPS}:Listen": options["speech"]}]},
            "titles": {"level": "video", "steps": [f"{OPS}:Entitle"]},
            "more": {
                "level": "video",
                "from": ["speech", "titles"],
                "steps": [{f"{OPS}:Listen": {"as": "again", "language": "de", **options["more"]}}],
            },
            "heard": {"level": "segment", "from": ["more"], "steps": [{f"{OPS}:Heard": {"log": str(log)}}]},
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({"tables": tables}))
        config = longcap.load_config(path, ["plan.segment_s=10", "run.flush_s=0"])
        result = longcap.run(str(tmp_path / "in"), str(out), config, quiet=True)
        (row,) = result.table("heard").to_pylist()
        assert bool(row["heard"]) == (missing != "more" or not fails)
        return calls(log, "heard")

    assert made("video") == 1
    assert made("video") == 0
    failures = Store(str(out)).failures
    failures.fence()
    failures.rewrite(lambda events: events.slice(0, 0))
    assert made("") == 1
    assert made("") == 0
