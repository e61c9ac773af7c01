"""Commands and Python of the pages that start from a finished output, run over rendered stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli.main import main
from tests.docs.blocks import blocks, programs
from tests.support.command import ROOT

_DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder: `captions/` and what other pages call the same, made from `videos/talk.mp4`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("pages"))
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("HF_HOME", str(Path.cwd() / "hub"))
        assert main(["demo", "videos/", "--stories", "6", "--seconds", "12"]) == 0  # enough for a split
        Path("videos/story-1.mp4").rename("videos/talk.mp4")
        Path("talk.mp4").symlink_to("videos/talk.mp4")
        assert main(["run", "videos/", "-o", "captions/", "-q"]) == 0
        assert main(["export", "captions/", "--to", "webdataset", "-o", "shards/"]) == 0
        for name in ("OUT", "takes"):
            Path(name).symlink_to("captions")
        assert main(["eval", "captions", "captions/", "-o", "captions-eval/"]) == 0
        yield Path.cwd()


def run_commands(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran = 0
    for block in blocks(_DOCS / name, "console"):
        for command in () if block.needs else block.commands:
            (program,) = programs(command)
            assert program[0] == "longcap", f"{block}: mark what cannot run here"
            expected = 2 if "longcap: error:" in block.text else 0
            assert main(program[1:]) == expected, f"{block}: {command}: {capsys.readouterr().err[-500:]}"
            told = capsys.readouterr()
            if expected:
                shown, _, _ = block.text.split("\n")[1].partition("…")
                assert told.err.startswith(shown)
            ran += 1
    assert ran


def run_python(name: str) -> None:
    import datasets
    import pandas
    import webdataset

    import longcap

    names: dict[str, object] = {"datasets": datasets, "pandas": pandas, "webdataset": webdataset, "longcap": longcap}
    found = [block for block in blocks(_DOCS / name, "python") if not block.needs]
    assert found
    for block in found:
        exec(compile(block.text, str(block), "exec"), names)


@pytest.mark.parametrize("name", ["cli.md", "config.md"])
def test_the_commands_of_the_page_do_what_it_says(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_commands(name, capsys)


@pytest.mark.parametrize("name", ["decode.md", "evaluation.md", "filter.md", "report.md", "view.md"])
def test_the_python_of_the_page_runs(name: str, folder: Path) -> None:
    run_python(name)


def test_exports_are_made_and_then_read_as_the_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_commands("export.md", capsys)
    run_python("export.md")


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder with an output of one video: all that readers of tables need."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    assert main(["demo", "videos/", "--stories", "1", "--seconds", "12"]) == 0
    Path("videos/story-1.mp4").rename("videos/talk.mp4")
    assert main(["run", "videos/", "-o", "OUT", "-q"]) == 0


def test_every_reader_of_the_output_page_reads(one: None, ray_session: None) -> None:
    import ray

    source = "\n".join(block.text for block in blocks(_DOCS / "output.md", "python"))
    names: dict[str, object] = {"ray": ray}
    exec("import datasets, pandas, longcap", names)
    exec(compile(source, "docs/output.md", "exec"), names)
