"""`longcap retry`: it goes on after an interruption at any moment, and leaves out what is gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from pipeline.cli.main import main
from pipeline.execution.prober import Prober
from pipeline.execution.waves import Waves
from pipeline.output import finalize, known
from pipeline.output.verification import verify
from tests.support import video


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output of a good video, one that failed and has been replaced since, and one that failed and is gone."""
    videos, out = tmp_path / "v", tmp_path / "out"
    videos.mkdir()
    video.render(videos / "good.mp4", count=12, fps=4.0)
    (videos / "bad.mp4").write_text("no video")
    (videos / "gone.mp4").write_text("no video")
    run(videos, out)
    (videos / "gone.mp4").unlink()
    shutil.copy(videos / "good.mp4", videos / "bad.mp4")
    return out


def run(videos: Path, out: Path) -> longcap.Result:
    return longcap.run(
        str(videos), str(out), longcap.load_config(None, ["run.max_failed=1", "run.report_frames_s=0"]), quiet=True
    )


def events(out: Path) -> list[Any]:
    return longcap.open(out).store.failures.read().to_pylist()


def stopped(method: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """Do what `method` does, or not, then stop as if killed."""

    def stop(*arguments: Any, **options: Any) -> None:
        if after:
            method(*arguments, **options)
        raise KeyboardInterrupt

    return stop


MOMENTS: list[tuple[Any, str, bool]] = [  # of the driver, in the order of a run
    (Prober, "plan", False),
    (known, "write", True),
    (Waves, "run", True),
    (finalize, "clean", True),
    (finalize, "settle", False),
]


def test_a_retry_goes_on_from_any_moment(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {event["key"] for event in events(out)}
    retry = ["retry", str(out), "--quiet", "--class", "undecodable"]
    for owner, name, after in MOMENTS:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, stopped(getattr(owner, name), after=after))
            assert main(retry) == 130, name
        assert {event["key"] for event in events(out)} == failed, "until its replacement stands"
    capsys.readouterr()
    assert main(retry) == 0
    gone = f"left out 1 failed item that the inputs do not contain any more: {out.parent}/v/gone.mp4\n"
    assert capsys.readouterr().err == gone
    found = longcap.open(out)
    assert [event["uri"] for event in events(out)] == [f"{out.parent}/v/gone.mp4"]
    assert (len(found.to_arrow()), verify(found).findings) == (2, [])
    assert main([*retry, "--json"]) == 0
    assert capsys.readouterr() == ("[]\n", gone)
