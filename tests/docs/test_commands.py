"""Each `longcap` line of the docs is one that the command line takes."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from pipeline.cli.main import cli
from tests.docs.blocks import NEEDS, PAGES, blocks, programs
from tests.support.command import ROOT

_REFUSED = "longcap: error:"  # a block that shows what a mistake is answered with


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_parses(page: Path) -> None:
    for block in blocks(page, "console"):
        for command in block.commands:
            for program in programs(command):
                if Path(program[0]).name == "longcap" and _REFUSED not in block.text:
                    parse(program[1:], f"{block}: {command}")


def parse(words: list[str], where: str) -> None:
    found: click.Command = cli
    try:
        while isinstance(found, click.Group) and words and not words[0].startswith("-"):
            _, below, words = found.resolve_command(click.Context(found), words)
            assert below is not None
            found = below
        with found.make_context("longcap", list(words), parent=click.Context(cli, obj={})):
            pass
    except click.ClickException as error:
        pytest.fail(f"{where}: {error.format_message()}")


def test_options_and_arguments_that_are_not_there_are_noticed() -> None:
    for words in (["run", "a.mp4"], ["show"], ["run", "a.mp4", "-o", "b", "--no-such"], ["nothing"]):
        with pytest.raises(pytest.fail.Exception):
            parse(words, "here")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_marks_are_known_and_stand_above_blocks(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    marks = re.findall(r"^ *<!-- needs: ([\w, ]+) -->$", text, re.MULTILINE)
    assert {word.strip() for mark in marks for word in mark.split(",")} <= set(NEEDS)
    used = [block for block in blocks(page, "console", "python", "yaml", "text", "json", "toml", "") if block.needs]
    assert len(used) == len(marks), f"{page.name}: a mark with no block below it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_in_console_blocks(page: Path) -> None:
    """In a block of another language nothing would check them."""
    for block in blocks(page, "", "bash", "sh", "shell"):
        assert not re.search(r"^\$? *longcap ", block.text, re.MULTILINE), str(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_compiles(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block.text, str(block), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_modules_and_extras_are_there(page: Path) -> None:
    """Of `make TARGET`, `python -m MODULE` and `pip install '.[EXTRA]'`, which no test runs."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for block in blocks(page, "console"):
        for program in (p for command in block.commands for p in programs(command)):
            name, *words = program
            if name == "make":
                assert {word for word in words if "=" not in word} <= targets, str(block)
            elif (
                Path(name).name == "python" and words[0] == "-m" and words[1].startswith(("bench", "tests", "pipeline"))
            ):
                assert find_spec(words[1]), f"{block}: {words[1]}"
            for wanted in re.findall(r"^(?:\.|longcap)\[(.*)\]$", "\n".join(words), re.MULTILINE):
                assert set(wanted.split(",")) <= set(extras), f"{block}: {wanted}"


_SIGNS = {
    "gpu": r"-c longcaption|\.\[vllm",
    "cluster": r"http://HEAD|longcap (submit|jobs|logs|stop)\b|ray job|kubectl|--address",
    "cloud": r"s3://|longcap push",
    "network": r"\bpip (install|download)\b|^make (test|demo|setup|vllm)",
    "time": r"^make (truth|chaos)|eval truth|bench\.resume",
    "server": r"api_server|base_url",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_that_need_something_are_marked(page: Path) -> None:
    for block in blocks(page, "console"):
        needed = {need for need, sign in _SIGNS.items() if re.search(sign, "\n".join(block.commands), re.MULTILINE)}
        assert block.needs or not needed, f"{block}: put <!-- needs: {', '.join(sorted(needed))} --> above it"
