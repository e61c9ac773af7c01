"""`longcap doctor`: check everything that can make a run fail, and print one line per check with a remedy.

Each check takes the facts of the machines and yields lines. No check boots an engine or decodes a video.
`run --preflight` makes only the quick checks and prints only warnings and failures.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial

from cluster.connect import connected
from cluster.nodes import Answer, NodeFacts, facts_here, on_every_node, this_machine
from operators.core.addresses import redacted_text, redacted_value
from operators.core.storage import environment
from operators.core.uris import scheme_of
from pipeline.config.load import load_config
from pipeline.config.tables import schemas_of
from pipeline.config.types import Config
from pipeline.output import ownership
from pipeline.preflight import machines, models
from pipeline.preflight.finding import Line, merged
from pipeline.preflight.storage import StorageFacts, probe_storage
from pipeline.sources.files import normalise
from pipeline.sources.location import output_uri
from pipeline.terminal.errors import RunFailed, UsageError
from pipeline.terminal.printing import echo, echo_json

_LOCAL_STORE_BYTES = 2 * 2**30  # as `cluster.connect` starts a local Ray


def doctor_command(
    *,
    config: str | None,
    inputs: Sequence[str],
    out: str | None,
    overrides: Sequence[str],
    address: str | None,
    as_json: bool,
) -> int:
    """Print every line; return exit code 1 if a line is `fail`."""
    settings = load_config(config, overrides)
    with cluster_of(address) as there:
        lines = merged(examine(settings, inputs=inputs, out=out, there=there, whole=True))
    if as_json:
        echo_json(redacted_value([asdict(line) for line in lines]))
    else:
        echo(redacted_text("\n".join(map(str, lines))))
        count = {level: sum(line.level == level for line in lines) for level in ("ok", "warn", "fail")}
        echo(f"{count['ok']} ok, {count['warn']} warn, {count['fail']} fail")
    return int(any(line.level == "fail" for line in lines))


def look_first(config: Config, out: str, *, there: bool) -> None:
    """`run --preflight`: the quick checks; warnings go to stderr.

    Args:
        there: see `examine`.

    Raises:
        UsageError: one line for each problem that would make the run fail.
    """
    found = merged(examine(config, inputs=(), out=out, there=there, whole=False))
    lines = [line for line in found if line.level != "ok"]
    for line in lines:
        if line.level == "warn":
            echo(redacted_text(f"preflight: {line.plain}"), err=True)
    if failed := [line.plain for line in lines if line.level == "fail"]:
        raise UsageError("\n".join(f"preflight: {text}" for text in failed))


@contextmanager
def cluster_of(address: str | None) -> Iterator[bool]:
    """Connect to the Ray of `address` or RAY_ADDRESS for the block, if one is given; yield whether one is."""
    if not (address or os.environ.get("RAY_ADDRESS")):
        yield False
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(connected(address))
        except ConnectionError as error:
            raise RunFailed(str(error)) from error
        yield True


def examine(config: Config, *, inputs: Sequence[str], out: str | None, there: bool, whole: bool) -> Iterator[Line]:
    """Run all checks, in order.

    Args:
        there: check the nodes of the connected Ray; otherwise check this machine.
        whole: also run the slower checks: storage from every node, model hubs, INPUT.
    """
    of_engines = list(models.engine_lines(config, elsewhere=there))
    yield from of_engines
    models_reported = not there and any(line.level == "fail" for line in of_engines)
    folders = models.model_folders(config)
    ask = partial(facts_here, machines.packages(config), folders)
    answers = on_every_node(ask) if there else [_here(ask, config)]
    yield from machines.reached(answers)
    found = [answer for answer in answers if answer.value is not None]
    for check in (machines.versions, machines.decoders, models.gpus):
        yield from check(config, found)
    if not models_reported:
        yield from models.models(config, found)
        if whole or there:  # on this machine `engine_lines` has already checked them
            yield from models.hubs(config, found)
    yield from _storage(config, out, inputs, there=there, whole=whole)
    yield from machines.clocks(answers)
    for of_machines in (machines.open_files, machines.shared_memory, machines.disks):
        yield from of_machines(found)
    yield from machines.object_store(config, found)


def _here(ask: Callable[[], NodeFacts], config: Config) -> Answer[NodeFacts]:
    return Answer(node=this_machine(config.resources.object_store_bytes or _LOCAL_STORE_BYTES), value=ask())


def _storage(config: Config, out: str | None, inputs: Sequence[str], *, there: bool, whole: bool) -> Iterator[Line]:
    if out is None:
        yield Line("warn", "output", "not checked", "give -o OUT")
    elif (refused := _refused(out, config)) is not None:
        yield Line("fail", "output", refused, "")
    else:
        ask = partial(probe_storage, output_uri(out), environment())
        if there and whole:
            answers = on_every_node(ask)
            yield from machines.storage(out, {a.node.host: a.value or StorageFacts(error=a.error) for a in answers})
        else:
            yield from machines.storage(out, {"here": ask()})
    if whole:
        yield from _inputs(config, inputs, there)


def _refused(out: str, config: Config) -> str | None:
    """Return why a run would refuse to write to `out`, if that is known without writing; else None."""
    try:
        ownership.check(normalise(out), (), (), recursive=False, tables=schemas_of(config))
    except UsageError as error:
        return str(error)
    except Exception:  # `out` cannot be reached: the storage probe reports it
        return None
    return None


def _inputs(config: Config, inputs: Sequence[str], there: bool) -> Iterator[Line]:
    if not inputs:
        yield Line("warn", "input", "not checked", "name INPUT after CONFIG")
        return
    yield from machines.sources(config, [normalise(text) for text in inputs])
    if there and (local := [text for text in inputs if not scheme_of(text)]):
        yield Line("warn", "input", f"{local[0]} is a path", "it must be the same on every node, as on a shared disk")
