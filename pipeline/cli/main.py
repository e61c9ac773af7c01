"""The command line. Only click is imported here, so that `longcap --help` is fast; bodies import what they call.

Exit codes: 0 success; 1 the job failed; 2 usage error; 130 interrupted.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
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
    """A group that lists its commands in sections."""

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
    """Turn long videos into a dataset of long captions.

    \b
      longcap demo videos/                render example videos
      longcap plan videos/                show what a run would do
      longcap run videos/ -o captions/    caption the videos; run it again to resume
      longcap show captions/              print the captions
      longcap report captions/            write a report page
      longcap view captions/              browse the captions
      longcap retry captions/             retry failed items
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@with_options()
def completion(shell: str) -> int:
    """Print a script that completes commands, options, recipes and videos in SHELL.

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
_section("View, check and export captions", view, *dataset.COMMANDS, *exports.COMMANDS)
_section("Search captions", *retrieval.COMMANDS)
_section("Look at videos", *media.COMMANDS, demo)
_section("Clusters and machines", *cluster.COMMANDS)
_section("Other", eval_group, compare, sweep, completion)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; errors go to stderr, one line each."""
    try:
        return _main(sys.argv[1:] if arguments is None else list(arguments))
    except BrokenPipeError as error:
        gone = _without_readers()
        for number in gone:  # `longcap show ... | head`: the interpreter's last flush must not complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        return 1 if gone else _report(error)


def _main(arguments: list[str]) -> int:
    state: dict[str, bool] = {}
    try:
        # not by `cli.main`, which ends every broken pipe, also one to a server, with SystemExit
        with cli.make_context(_PROGRAM, arguments, obj=state) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except (KeyboardInterrupt, EOFError, click.Abort):
        click.echo("\nlongcap: interrupted", err=True)  # below the terminal's ^C
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        if state.get(TRACEBACK):
            from operators.core.addresses import redacted_text
            from pipeline.terminal.printing import echo

            echo(redacted_text(traceback.format_exc()), err=True)
        return _report(error)
    return int(code or 0)


def _without_readers() -> list[int]:
    """Return which of stdout and stderr are pipes or sockets that nobody reads any more, as file descriptors."""
    waiting = select.poll()
    for number in (1, 2):
        waiting.register(number, 0)
    return [number for number, state in waiting.poll(0) if state & (select.POLLERR | select.POLLHUP)]


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


class _Stop:
    """Handler of SIGINT and SIGTERM: unwind as after Ctrl-C, so that leases are released.

    A second SIGTERM ends the process immediately. A signal within `repeat_s` of the first is the same one delivered
    twice, which must not interrupt the unwinding.
    """

    def __init__(self, repeat_s: float) -> None:
        self._repeat_s = repeat_s
        self._asked_at: float | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        first = self._asked_at is None
        if self._asked_at is not None and time.monotonic() - self._asked_at < self._repeat_s:
            return
        self._asked_at = time.monotonic()
        if number == signal.SIGTERM and not first:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise KeyboardInterrupt


def entry() -> None:
    """The console script: run `main`, then exit without the interpreter's shutdown.

    With Ray, Arrow and Delta loaded, C++ destructors abort the process after the interpreter has ended in about one run
    of ten, and the exit code 134 would report a successful run as failed.
    """
    if _COMPLETE in os.environ:  # called by the shell for completion, which needs only the answer
        cli.main(prog_name=_PROGRAM)
    from cluster.exit_code import log_exit_code
    from pipeline.execution.interrupt import REPEAT_S, own_process

    own_process()
    stop = _Stop(REPEAT_S)  # a run replaces it by a handler that drains it
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where the shell has it ignored
        signal.signal(signal.SIGINT, stop)
    try:
        code = main()
    except SystemExit:  # Ray's own answer to SIGTERM, once it is connected
        code = 130
    log_exit_code(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
