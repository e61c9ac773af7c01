"""What README, the five-minute page and the page about notebooks say to type is typed, over one rendered story."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipeline.cli.main import main
from pipeline.evaluation.exam.language import read_caption
from pipeline.evaluation.exam.story import write_story
from tests.docs.blocks import Block, blocks, programs
from tests.support.command import ROOT

START, README, NOTEBOOK = (ROOT / name for name in ("docs/start.md", "README.md", "docs/notebook.md"))
FURTHER = [ROOT / "docs" / name for name in ("failures.md", "storage.md", "metrics.md")]  # of `captions/`
_STORY = ["demo", "videos/", "--stories", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the pages are followed in turn, with a story in it that is shorter than theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("start"))
        patch.delenv("RAY_ADDRESS", raising=False)
        assert main([*_STORY, "--seconds", "15"]) == 0
        yield Path.cwd()


def typed(page: Path) -> list[tuple[Block, list[str]]]:
    """The `longcap` commands of the blocks that need nothing, in order."""
    found = [
        (block, program)
        for block in blocks(page, "console")
        if not block.needs
        for c in block.commands
        for program in programs(c)
    ]
    assert all(program[0] == "longcap" for _, program in found), "mark what cannot run here: <!-- needs: network -->"
    return [(block, program[1:]) for block, program in found]


@pytest.mark.parametrize("page", [START, *FURTHER, README], ids=lambda page: page.name)
def test_the_commands_of_the_page_succeed_in_order(
    page: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = typed(page)
    assert commands
    for block, words in commands:
        if words[0] == "view":
            assert served(words), str(block)
        elif words != _STORY:
            assert main(words) == 0, f"{block}: longcap {' '.join(words)}: {capsys.readouterr().err[-500:]}"
    assert page in FURTHER or _STORY in [words for _, words in commands]
    assert (folder / "captions" / "report.html").is_file()


def served(words: list[str]) -> bool:
    """Whether the address that `longcap view` prints shows the story, and Ctrl-C ends it."""
    command = [sys.executable, "-P", str(ROOT / "longcap" / "start.py"), "longcap", *words, "--cache", "cache"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answer = httpx.get(process.stdout.readline().strip(), follow_redirects=True, timeout=60)
        process.send_signal(signal.SIGINT)
        return process.wait(60) == 0 and "story-1.mp4" in answer.text


@pytest.mark.parametrize("page", [START, README, NOTEBOOK], ids=lambda page: page.name)
def test_the_python_of_the_page_runs(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page == NOTEBOOK:  # it makes the same folders with other settings
        (folder / "notebook").mkdir()
        (folder / "notebook" / "videos").symlink_to(folder / "videos")
        monkeypatch.chdir(folder / "notebook")
    names: dict[str, object] = {}
    found = [block for block in blocks(page, "python") if not block.needs]
    assert found, "every page has some"
    for block in found:
        exec(compile(block.text, str(block), "exec"), names)


def test_what_the_pages_show_of_the_story_is_true() -> None:
    """The line below `longcap demo`, and the caption that the small model made of that story."""
    events = write_story(60.0, 1).events
    shown = re.search(r"^videos/story-1\.mp4: (\d+) events in 60 s", START.read_text(), re.MULTILINE)
    assert shown and int(shown[1]) == len(events)
    (caption,) = [b.text for b in blocks(README, "text") if "white triangle" in b.text]
    sentences = re.sub(r"\[.*?\]|From \d:\d\d to \d:\d\d:", "", caption)
    told = [event.what for event in read_caption(" ".join(sentences.split()))]
    assert told == [event.what for event in events]


def test_frames_are_small() -> None:
    assert all(path.stat().st_size < 300_000 for path in (ROOT / "docs" / "images").iterdir())
