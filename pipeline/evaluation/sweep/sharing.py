"""Reuse rows of an earlier output of the sweep that another entry would compute identically."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from operators.core.fingerprint import digest, identity
from operators.store.store import Store
from operators.store.table import Table
from pipeline.config.tables import lineage, schemas_of, tables_of
from pipeline.config.types import Config

_VIDEOS = "videos"


@dataclass(frozen=True)
class Made:
    """An output of the sweep and its tables."""

    name: str
    uri: str
    config: Config


def fingerprints(config: Config) -> dict[str, str]:
    """Return table -> fingerprint of everything that determines its rows besides the videos."""
    specs = tables_of(config)
    found = {name: digest([identity(config.plan), lineage(config, specs, name)]) for name in specs}
    return {_VIDEOS: digest(identity(config.probe)), **found}


def seeding(made: Sequence[Made], config: Config, shared: dict[str, str]) -> Callable[[Store], None]:
    """Return a hook that runs before the plan: it fills empty tables with the rows of an output that makes equal ones.

    Args:
        shared: receives table -> name of that output.
    """
    wanted = fingerprints(config)

    def seed(store: Store) -> None:
        for name, fingerprint in wanted.items():
            source = next((one for one in made if fingerprints(one.config).get(name) == fingerprint), None)
            own = _table(store, name)
            if source is None or _rows(own):
                continue
            other = Store(source.uri, tables=schemas_of(config))
            own.fence()
            for batch in _table(other, name).batches(own.schema.names):
                own.append(pa.Table.from_batches([batch]))
                shared[name] = source.name

    return seed


def _rows(table: Table) -> bool:
    return bool(table.exists() and table.read(table.schema.names[:1]).num_rows)


def _table(store: Store, name: str) -> Table:
    return store.videos if name == _VIDEOS else store.table(name)
