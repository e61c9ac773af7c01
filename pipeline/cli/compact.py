"""`longcap compact`: merge small files and remove unneeded ones."""

from __future__ import annotations

import secrets
import time
from typing import Any

from operators.core.text import printable
from pipeline.output.lease import ALL, Lease
from pipeline.output.output import Output
from pipeline.output.ownership import check_folders
from pipeline.terminal.look import columns
from pipeline.terminal.printing import echo, echo_json


def compact_command(*, out: str, as_json: bool = False) -> int:
    """Compact every table of an output on which no run is active."""
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
        removed = store.sweep(opened)
        tables: list[dict[str, Any]] = [
            {
                "table": table.uri.rsplit("/", 1)[-1],
                "files_before": count,
                "files": len(table.file_uris()),
                "removed": gone,
                "foreign": table.lying().foreign,
            }
            for table, count, gone in zip(store.tables, before, removed, strict=True)
            if table.exists()  # nobody may have annotated anything
        ]
        store.close_for(run_id)
    if as_json:
        echo_json(tables)
        return 0
    names = ("table", "files_before", "files", "removed")
    echo(columns(("table", "files before", "files", "removed"), ([table[name] for name in names] for table in tables)))
    for path in (path for table in tables for path in table["foreign"]):
        echo(f"{printable(path)} was not written by Longcap, so it stays")
    return 0
