"""Run the generators of hostile inputs and print the results.

python -m tests.support.fuzz --kind video --count 2000 --seed 7
"""

from __future__ import annotations

import argparse
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from tests.support import fuzz as package
from tests.support.fuzz.outcome import Outcome


class Fuzz(Protocol):
    def __call__(self, count: int, *, seed: int = 0) -> Outcome: ...


def kinds() -> dict[str, Callable[[], Fuzz]]:
    """Map each kind of input to a function that loads its generator."""
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name not in ("__main__", "outcome"))
    return {name: lambda name=name: import_module(f"{package.__name__}.{name}").fuzz for name in names}


def main() -> int:
    known = kinds()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=[*known, "all"], default="all")
    parser.add_argument("--count", type=int, default=2000, help="number of inputs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    clean = True
    for kind in known if options.kind == "all" else [options.kind]:
        outcome = known[kind]()(options.count, seed=options.seed)
        print(f"{kind}:")
        for what, number in outcome.counts.most_common():
            print(f"{number:6} {what}")
        print(
            f"       slowest {outcome.slowest_s:.1f} s; {outcome.left} processes left over; "
            f"memory grew by {outcome.grown_bytes / 2**20:.0f} MiB"
        )
        for line in [*outcome.late, *outcome.odd]:
            print(f"  {line}")
        clean = clean and outcome.clean
    return 0 if clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
