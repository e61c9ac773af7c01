"""The options of `longcap view`, which `pipeline.viewer` implements."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli.options import with_options


@click.command(short_help="Browse captions in a browser.")
@click.argument("outs", metavar="OUT...", nargs=-1, required=True)
@with_options(
    click.option("--port", metavar="N", type=click.IntRange(0, 65535), help="Port; 0: any free one.  [default: 8400]"),
    click.option("--host", metavar="ADDR", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option(
        "--allow-host",
        "allow_hosts",
        metavar="NAME",
        multiple=True,
        help="Another host name by which browsers access it, such as a proxy's; localhost is always allowed.",
    ),
    click.option("--token", metavar="T", help="The token in the address.  [default: a random one]"),
    click.option("--no-token", is_flag=True, help="Require no token; on loopback only."),
    click.option("--author", metavar="NAME", help="Author of annotations.  [default: your user name]"),
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
    Examples:
      longcap view captions/
      longcap view captions/ captions-8s/
      longcap view s3://bucket/captions --port 9000
    """
    from pipeline.viewer.command import view_command

    return int(view_command(outs=list(outs), **options))
