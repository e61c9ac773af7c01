"""What the command line says of itself: help, examples, JSON, completion."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.shell_completion import ShellComplete

from pipeline.cli.main import cli, main


def _all(group: click.Group, above: str = "longcap") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{above} {name}", command
        if isinstance(command, click.Group):
            yield from _all(command, f"{above} {name}")


@pytest.mark.parametrize(
    ("path", "command"), list(_all(cli)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_shows_examples_that_it_takes_and_a_help_text_for_each_option(
    path: str, command: click.Command
) -> None:
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, f"{path} {parameter.name}"
    help_text = command.get_help(click.Context(command, info_name=path, parent=click.Context(cli, info_name="longcap")))
    examples = re.findall(rf"^ +({re.escape(path)}(?: .*)?)$", help_text.split("Example", 1)[-1], re.MULTILINE)
    assert examples, f"{path} has no example"
    for example in examples:
        _, *words = shlex.split(example.split(" >")[0])
        found: click.Command = cli
        while isinstance(found, click.Group):
            _, below, words = found.resolve_command(click.Context(found), words)
            assert below is not None
            found = below
        with found.make_context("longcap", words, parent=click.Context(cli, obj={})):
            pass  # it parses: no unknown option, nothing missing


def test_no_option_takes_a_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = [p for _, command in _all(cli) for p in command.params if isinstance(p.type, click.types.FloatParamType)]
    assert numbers
    for parameter in numbers:
        for value in ("nan", "inf", "-inf"):
            with pytest.raises(click.BadParameter):
                parameter.type.convert(value, parameter, None)
    assert main(["run", "videos/", "-o", "out", "--max-hours", "nan"]) == 2
    assert "Invalid value for '--max-hours': nan is not a finite number." in capsys.readouterr().err


def test_commands_that_print_data_print_it_as_json_too() -> None:
    without = {path for path, c in _all(cli) if not any("--json" in p.opts for p in c.params)}
    assert without == {"longcap logs", "longcap completion", "longcap eval", "longcap view"}, "no data of their own"


@pytest.mark.parametrize(
    ("words", "expects"),
    [
        (["re"], {"retry", "report"}),
        (["run", "--sch"], {"--schedule"}),
        (["run", "videos", "-c", "me"], {"measure"}),
        (["submit", "--recap"], {"--recaption"}),
        (["submit", "--work"], {"--working-dir"}),
    ],
)
def test_a_shell_completes_commands_options_and_recipes(words: list[str], expects: set[str]) -> None:
    *before, incomplete = words
    completer = ShellComplete(cli, {}, "longcap", "_LONGCAP_COMPLETE")
    assert expects <= {item.value for item in completer.get_completions(before, incomplete)}


def test_the_installed_command_answers_a_shell_that_completes() -> None:
    asked = {"_LONGCAP_COMPLETE": "bash_complete", "COMP_WORDS": "longcap sta", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "longcap"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain,status\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_LONGCAP_COMPLETE" in script and "longcap" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
