"""The command `longcap view`: options only, the work is in `pipeline.viewer`."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import with_options


@click.command()
@click.argument("outs", metavar="OUT...", nargs=-1, required=True)
@with_options(
    click.option("--port", metavar="N", type=click.IntRange(0, 65535), help="Port; 0: any free one.  [default: 8400]"),
    click.option("--host", metavar="ADDR", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option(
        "--allow-host",
        "allow_hosts",
        metavar="NAME",
        multiple=True,
        help="Another name under which browsers reach it, such as that of a proxy; localhost is always allowed.",
    ),
    click.option("--token", metavar="T", help="The token in the address.  [default: a random one]"),
    click.option("--no-token", is_flag=True, help="Let in whoever reaches the port; on loopback only."),
    click.option("--author", metavar="NAME", help="Name that stands in annotations.  [default: your user name]"),
    click.option("--read-only", is_flag=True, help="Allow no annotations."),
    click.option("--cache", metavar="DIR", help="Folder for frames and previews.  [default: ~/.cache/longcap/viewer]"),
    click.option("--open", "open_browser", is_flag=True, help="Open the address in a browser."),
)
def view(outs: tuple[str, ...], **options: Any) -> int:
    """Look at OUT in a browser: videos, captions, what they rest on; accept, reject and correct them.

    \b
    It works on folders and s3:// prefixes, also while a run writes. With several OUTs, the captions
    of one video can be compared. Frames and previews are kept in a cache; OUT gets annotations only.

    \b
      longcap view captions/
      longcap view captions/ captions-8s/        compare two runs
      longcap view s3://bucket/captions --port 9000
    """
    from pipeline.viewer.command import view_command

    return int(view_command(outs=list(outs), **options))
