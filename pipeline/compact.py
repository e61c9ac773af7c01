"""`longcap compact`: few files of many, and nothing beside them."""

from __future__ import annotations

import secrets
import time

from pipeline.lease import ALL, Lease
from pipeline.output import Output
from pipeline.printing import echo


def compact_command(*, out: str) -> int:
    """Tidy every table of an output that nobody works on."""
    output = Output(out)
    run_id = f"compact-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    with Lease(output.uri, ALL, run_id, lambda text: echo(text, err=True)).held():
        for table in output.store.tables:
            before = len(table.file_uris())
            gone = table.tidy()
            name = table.uri.rsplit("/", 1)[-1]
            echo(f"{name}: {before} → {len(table.file_uris())} files; removed {gone} that no table needs")
    return 0
