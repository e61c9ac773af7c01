"""`longcap compact`: few files of many, and nothing beside them."""

from __future__ import annotations

import secrets
import time

from operators.text import printable
from pipeline.output.lease import ALL, Lease
from pipeline.output.output import Output
from pipeline.output.ownership import check_folders
from pipeline.terminal.printing import echo


def compact_command(*, out: str) -> int:
    """Tidy every table of an output that nobody works on."""
    output = Output(out)
    check_folders(output.uri)
    store = output.store
    run_id = f"compact-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    with Lease(output.uri, ALL, run_id, lambda text: echo(text, err=True)).held():
        opened = store.opened()
        store.open_for(run_id)
        before = [len(table.file_uris()) for table in store.tables]
        for table in store.tables:
            table.compact()
        for table, count, gone in zip(store.tables, before, store.sweep(opened), strict=True):
            if not table.exists():  # nobody has annotated anything
                continue
            name = table.uri.rsplit("/", 1)[-1]
            echo(f"{name}: {count} → {len(table.file_uris())} files; removed {gone} that no table needs")
            for path in table.lying().foreign:
                echo(f"{printable(path)} was not written by Longcap, so it stays")
        store.close_for(run_id)
    return 0
