"""docs/reference/cli.md, from the click commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from pipeline.cli.main import cli
from tests.support.reference.markdown import table


def commands_page() -> str:
    lines = [
        "# Commands",
        "",
        "`longcap COMMAND --help` prints the same. [The command line](../cli.md) tells what holds for all commands.",
    ]
    context = click.Context(cli, info_name="longcap")
    for title, names in cli.sections.items():
        lines += ["", f"## {title}"]
        for name in names:
            for path, command in _all(f"longcap {name}", cli.commands[name]):
                lines += ["", f"### {path}", "", *_command(path, command, context)]
    return "\n".join(lines) + "\n"


def _all(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _all(f"{path} {name}", below)


def _command(path: str, command: click.Command, above: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=path.removeprefix("longcap "), parent=above)
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    text, _, examples = (command.help or "").partition("Example")
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield ""
        yield " ".join(paragraph.replace("\b", "").split())
    if examples:
        shown = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
        yield from ("", "```text", *shown, "```")
    body = [
        _option(option, context) for option in command.params if isinstance(option, click.Option) and not option.hidden
    ]
    if body:
        yield ""
        yield from table(("option", "meaning"), body)


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names, text = option.get_help_record(context) or ("", "")
    return f"`{names}`", text
