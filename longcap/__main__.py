"""The command `longcap`: the console script, and `python -P -m longcap`."""

from __future__ import annotations

import os

from longcap import paths


def entry() -> None:
    """Run the command line from Longcap's own code, whatever lies in the current folder or stands in PYTHONPATH."""
    paths.demote_users_folders()
    os.environ["PYTHONSAFEPATH"] = "1"  # for what is started from here: Ray, multiprocessing, model loaders
    from pipeline.cli.main import entry as command

    command()


if __name__ == "__main__":
    entry()
