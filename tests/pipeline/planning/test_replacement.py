"""A run that would replace finished captions stops before anything is written, and goes on when told to. No Ray."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import pytest

import pipeline as longcap
from pipeline.cli import run as commands
from pipeline.cli.main import main
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.execution.driver import Job
from pipeline.planning.replacement import Replacement, WouldReplace
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import UsageError
from tests.support import rows
from tests.support.outputs import commit_run

GRID = f"plan.segment_s={rows.SEGMENT_S:g}"
OTHER = [GRID, "plan.window_s=8"]


def config(*overrides: str) -> Config:
    return load_config(None, [GRID, *overrides])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files; nothing in these tests reads them."""
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.mp4").write_bytes(b"never read")
    return tmp_path / "in"


@pytest.fixture
def out(folder: Path, tmp_path: Path) -> str:
    """Captions of `a` and `b`, as a run with the default windows leaves them; `c` was not there yet."""
    out = str(tmp_path / "out")
    job = Job([str(folder)], out, config(), Selection(limit=2), quiet=True)
    videos = [rows.video(**row) for row in job.chosen]
    commit_run(job.store, videos, config())
    return out


def tree(folder: str) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("options", "count"),
    [([], 2), (["--limit", "1"], 1), (["--max-hours", "0.01"], 1), (["--recaption", "a.mp4"], 1)],
)
def test_it_stops_with_one_line_and_writes_nothing(
    folder: Path, out: str, options: list[str], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(out)
    sets = [word for text in OTHER for word in ("--set", text)]
    assert main(["run", str(folder), "-o", out, *sets, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"holds {count} finished long caption{'s'[: count != 1]} (" in line
    assert "plan.window_s 10 -> 8" in line and "--replace" in line and f"-o {out}-2" in line
    assert tree(out) == before


def test_shards_ask_for_their_own_videos(folder: Path, out: str) -> None:
    asked = 0
    for i in (1, 2, 3):
        try:
            Job([str(folder)], out, config("plan.window_s=8"), Selection(shard=(i, 3)), quiet=True)._ask_early()
        except WouldReplace as error:
            asked += int(str(error).split("holds ")[1].split(" ")[0])
    assert asked == 2


def test_python_says_the_same(folder: Path, out: str) -> None:
    with pytest.raises(UsageError, match=r"2 finished long captions .* replace=True"):
        longcap.run(str(folder), out, config("plan.window_s=8"), quiet=True)


@pytest.mark.parametrize(
    ("overrides", "selection"),
    [
        ((), Selection()),
        (("run.flush_s=1", "caption.concurrency=2", "filter.motion.min=0.5"), Selection()),
        (("plan.window_s=8",), Selection(only=("c.mp4",))),
        (("plan.window_s=8",), Selection(recaption=("a.mp4", "b.mp4"))),
    ],
)
def test_what_replaces_nothing_or_names_its_videos_is_not_asked_about(
    folder: Path, out: str, overrides: tuple[str, ...], selection: Selection
) -> None:
    Job([str(folder)], out, config(*overrides), selection, quiet=True)._ask_early()


def test_a_changed_source_is_not_asked_about(folder: Path, out: str) -> None:
    for name in "ab":
        (folder / f"{name}.mp4").write_bytes(b"another film")
    Job([str(folder)], out, config("plan.window_s=8"), Selection(), quiet=True)._ask_early()


def test_hours_count_only_up_to_the_first_video_that_is_not_known(folder: Path, out: str) -> None:
    """Whether a video behind one of unknown length belongs to the plan is known once that one is probed."""
    (folder / "a.mp4").write_bytes(b"another film")
    for hours, planned in ((None, 1), (1.0, 0)):
        job = Job([str(folder)], out, config(), Selection(max_hours=hours), quiet=True)
        known = job._new_prober().known_plan()
        assert known is not None and len(known.videos) == planned


def test_plan_says_what_run_would_replace(folder: Path, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [word for text in OTHER for word in ("--set", text)]
    assert main(["plan", str(folder), "-o", out, "--limit", "2", *sets]) == 0
    said = capsys.readouterr().out
    assert "already done with this config: 0 videos" in said
    assert "would replace: 2 finished long captions" in said and "plan.window_s 10 -> 8" in said
    assert main(["plan", str(folder), "-o", out, "--limit", "2", *sets, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["would_replace"]
    assert len(told["captioned"]) == 2 and told["segments"] == 4 and told["cost_usd"] == 1.5
    assert main(["plan", str(folder), "-o", out, "--limit", "2", "--set", GRID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["would_replace"] is None


def test_only_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = WouldReplace(Replacement(captioned=("a",)).refusal("/out"))
    assert not commands._confirmed(refused), "no terminal here"
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", lambda _: True)
    assert commands._confirmed(refused)
    monkeypatch.setattr(click, "confirm", lambda _: False)
    with pytest.raises(UsageError, match="nothing was replaced"):
        commands._confirmed(refused)
