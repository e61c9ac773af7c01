"""The command line. Only click is imported here: `longcap --help` must not wait for Ray; bodies import what they call.

Exit codes: 0 done; 1 the job failed; 2 the command cannot be carried out as it stands; 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from io import StringIO
from types import FrameType
from typing import ClassVar

import click

from pipeline.cli import cluster, dataset, job, media, retrieval
from pipeline.cli import export as exports
from pipeline.cli.exam import demo
from pipeline.cli.exam import group as eval_group
from pipeline.cli.options import TRACEBACK, traceback_option, with_options
from pipeline.cli.scores import compare
from pipeline.cli.sweep import sweep
from pipeline.cli.view import view

_PROGRAM = "longcap"
_COMPLETE = "_LONGCAP_COMPLETE"  # set by the scripts of `longcap completion`
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class _Sections(click.Group):
    """A group that lists its commands by what they are for."""

    sections: ClassVar[dict[str, list[str]]] = {}

    def list_commands(self, _: click.Context) -> list[str]:
        return [name for names in self.sections.values() for name in names]

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for title, names in self.sections.items():
            with formatter.section(title):
                shown = [(name.ljust(width), self.commands[name].get_short_help_str(90)) for name in names]
                formatter.write_dl(shown)

    def add(self, title: str, commands: Sequence[click.Command]) -> None:
        """Add commands under a title."""
        for command in commands:
            self.add_command(command)
        self.sections.setdefault(title, []).extend(str(command.name) for command in commands)


@click.group(cls=_Sections, context_settings=_HELP)
@traceback_option
@click.version_option(package_name="longcap", prog_name=_PROGRAM)
def cli() -> None:
    """Long videos in, a dataset of long captions out.

    \b
      longcap demo videos/                stories to try it on, where no video is at hand
      longcap plan videos/                what would be done
      longcap run videos/ -o captions/    do it; run it again to go on where it stopped
      longcap show captions/              what came out
      longcap report captions/            the same as a page
      longcap view captions/              look at it in a browser
      longcap retry captions/             try what failed once more
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@with_options()
def completion(shell: str) -> int:
    """Print the script that completes commands, options, recipes and videos in SHELL.

    \b
    Examples:
      longcap completion bash >> ~/.bashrc
      longcap completion zsh >> ~/.zshrc
      longcap completion fish > ~/.config/fish/completions/longcap.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None  # one of click's own
    click.echo(made(cli, {}, _PROGRAM, _COMPLETE).source())
    return 0


def _section(title: str, *commands: click.Command) -> None:
    cli.add(title, commands)


_section("Make captions", *job.COMMANDS)
_section("Look at captions, and hand them on", view, *dataset.COMMANDS, *exports.COMMANDS)
_section("Search captions", *retrieval.COMMANDS)
_section("Look at videos", *media.COMMANDS, demo)
_section("Clusters and machines", *cluster.COMMANDS)
_section("Other", eval_group, compare, sweep, completion)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors go to stderr, one line each."""
    state: dict[str, bool] = {}
    try:
        code = cli.main(arguments, prog_name=_PROGRAM, standalone_mode=False, obj=state)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("longcap: interrupted", err=True)
        return 130
    except (
        BrokenPipeError
    ):  # `longcap show ... | head`: nobody reads on; the interpreter's last flush must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if state.get(TRACEBACK):
            from operators.core.addresses import redacted_text
            from pipeline.terminal.printing import echo

            echo(redacted_text(traceback.format_exc()), err=True)
        return _report(error)
    return int(code or 0)


def _show(error: click.ClickException) -> None:
    from operators.core.addresses import redacted_text
    from pipeline.terminal.printing import echo

    said = StringIO()
    error.show(file=said)
    echo(redacted_text(said.getvalue()), err=True, nl=False)


def _report(error: Exception) -> int:
    from operators.core.addresses import redacted_text
    from operators.core.base import ItemError
    from operators.core.causes import cause_of, explained
    from pipeline.terminal.errors import RunFailed, UsageError
    from pipeline.terminal.printing import echo

    if isinstance(error, UsageError | RunFailed | ItemError):
        for line in str(error).split("\n") if str(error) else [type(error).__name__]:
            echo(f"longcap: error: {line}", err=True)
        return 2 if isinstance(error, UsageError) else 1
    if not isinstance(error, ImportError) and cause_of(error):  # of storage, wherever it was met: no bug
        echo(f"longcap: error: {explained(error)}", err=True)
        return 1
    frames = traceback.extract_tb(error.__traceback__)
    place = f"at {frames[-1].filename}:{frames[-1].lineno}; " if frames else ""
    said = redacted_text(" ".join(str(error).split()))
    echo(f"longcap: internal error: {type(error).__name__}: {said} ({place}run with --traceback to see all)", err=True)
    return 1


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM as Ctrl-C: leases are given back, and the exit code is told. A second one ends at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt


def entry() -> None:
    """The console script: `main`, then leave at once.

    With Ray, Arrow and Delta loaded, the C++ destructors that run after the interpreter's end abort the process now and
    then (about one run in ten), long after the work is done; an exit code of 134 would say that a good run failed.
    """
    if _COMPLETE in os.environ:  # a key was pressed in a shell: its answer is all that is wanted
        cli.main(prog_name=_PROGRAM)
    from cluster.exit_code import tell
    from pipeline.execution.interrupt import own_process

    own_process()
    signal.signal(signal.SIGTERM, _terminated)  # a run that has begun its work has a gentler way of its own
    try:
        code = main()
    except SystemExit:  # Ray's own answer to SIGTERM, once it is connected
        code = 130
    tell(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
