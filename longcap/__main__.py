"""The command `longcap`: the console script, and `python -P -m longcap`."""

from __future__ import annotations

import os

from longcap import paths


def entry() -> None:
    """Run the command line with Longcap's own packages, whatever the current folder and PYTHONPATH contain."""
    paths.demote_users_folders()
    os.environ["PYTHONSAFEPATH"] = "1"  # for what is started from here: Ray, multiprocessing, model loaders
    from pipeline.cli.main import entry as command

    command()


if __name__ == "__main__":
    entry()
