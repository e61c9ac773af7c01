"""Run many seeds in sequence, and print a table of the results; see `tests.support.chaos`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import s3
from tests.support.chaos import REMOTE_VICTIMS, Chaos, Outcome, disaster


@contextmanager
def warm_ray() -> Iterator[str]:
    """Start a Ray for many jobs; yield its address."""
    import ray

    os.environ.update({"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"})
    os.environ["RAY_worker_maximum_startup_concurrency"] = "8"  # noqa: SIM112
    with tempfile.TemporaryDirectory(prefix="lc-", dir="/tmp") as folder:
        ray.init(
            num_cpus=4,
            object_store_memory=400 * 2**20,
            include_dashboard=False,
            _temp_dir=folder,
            log_to_driver=False,
            configure_logging=False,
        )
        try:
            yield ray.get_runtime_context().gcs_address
        finally:
            ray.shutdown()


def main() -> int:
    """Run seeds; return 0 if every output was right, 1 if one was wrong, 3 if some did not end in time."""
    parser = argparse.ArgumentParser(description="Kill processes of small jobs and compare what comes out.")
    parser.add_argument("--seeds", type=int, default=200, help="number of seeds, half of them on each store")
    parser.add_argument("--seed", type=int, help="run only this seed")
    parser.add_argument("--store", choices=["local", "s3"], help="only on this store")
    parser.add_argument("--recipe", choices=["main", "tables"], default="main", help="recipe of the jobs")
    parser.add_argument("--report", type=Path, help="write a table in Markdown")
    parser.add_argument("--record", type=Path, help="a line of JSON per seed; checked seeds are not run again")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no further seed after this time")
    asked = parser.parse_args()
    stores = [asked.store] if asked.store else ["local", "s3"]
    seeds = [asked.seed] if asked.seed is not None else list(range(asked.seeds // len(stores)))
    began = time.monotonic()
    outcomes = _recorded(asked.record)
    ran = {(store, outcome.disaster.seed) for store, outcome in outcomes}
    with ExitStack() as stack:
        address = stack.enter_context(warm_ray())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        server = None
        if "s3" in stores:
            (folder / "s3").mkdir()
            server = stack.enter_context(s3.serve(folder / "s3"))
            os.environ.update(server.environment)
        chaos = Chaos(folder, address, asked.recipe)
        for seed in seeds:
            for store in stores:
                if time.monotonic() - began > 60 * asked.minutes or (store, seed) in ran:
                    continue
                on = server if store == "s3" else None
                out = (
                    f"{server.uri}/{uuid.uuid4().hex}" if on is not None and server else str(folder / uuid.uuid4().hex)
                )
                try:
                    outcome = chaos.run(seed, out, on)
                except Exception:
                    outcome = Outcome(disaster(seed, remote=on is not None), problems=[traceback.format_exc()])
                outcomes.append((store, outcome))
                _record(asked.record, store, outcome)
                print(_line(store, outcome), flush=True)
                if outcome.problems or outcome.unfinished:
                    print(outcome.unfinished, *outcome.problems, chaos.log(out), sep="\n", flush=True)
                if asked.report:
                    asked.report.write_text(report(outcomes), "utf-8")
    verdicts = {o.verdict for _, o in outcomes}
    for store, o in outcomes:
        if o.verdict != "right":
            again = f"--recipe {asked.recipe} --seed {o.disaster.seed} --store {store}"
            print(f"{o.verdict}: python -m tests.support.chaos {again}")
    return 1 if "WRONG" in verdicts else 0 if verdicts <= {"right"} else 3


def _record(path: Path | None, store: str, outcome: Outcome) -> None:
    if path is not None:
        line = {"store": store, "seed": outcome.disaster.seed, "hit": outcome.hit, "codes": outcome.codes}
        line |= {"problems": outcome.problems, "seconds": outcome.seconds, "unfinished": outcome.unfinished}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _recorded(path: Path | None) -> list[tuple[str, Outcome]]:
    """Return the results of earlier calls, so that the work can be divided into several calls."""
    if path is None or not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    outcomes = []
    for line in lines:
        if line.get("unfinished"):
            continue
        store, seed = line.pop("store"), line.pop("seed")
        outcomes.append((store, Outcome(disaster(seed, remote=store == "s3"), **line)))
    return outcomes


def _line(store: str, outcome: Outcome) -> str:
    what = outcome.disaster
    hit = f"killed after {what.after_s:.1f} s" if outcome.hit else "was not there to be killed"
    ends = ", ".join(map(str, outcome.codes))
    seconds = f"({outcome.seconds:.0f} s)"
    return f"seed {what.seed} {store}: {what.victim} {hit}; exit codes {ends}; {outcome.verdict} {seconds}"


def report(outcomes: list[tuple[str, Outcome]]) -> str:
    """Return the results by victim and store."""
    lines = [
        "| store | killed | runs | hit | same command again | not finished in time | lost, doubled or different |",
        "|" + "---|" * 7,
    ]
    for store in ("local", "s3"):
        for victim in REMOTE_VICTIMS:
            some = [o for s, o in outcomes if s == store and o.disaster.victim == victim]
            if some:
                hit, again = sum(o.hit for o in some), sum(len(o.codes) > 1 for o in some)
                late, wrong = (sum(o.verdict == v for o in some) for v in ("not finished in time", "WRONG"))
                lines.append(f"| {store} | {victim} | {len(some)} | {hit} | {again} | {late} | {wrong} |")
    runs, wrong = len(outcomes), sum(o.verdict == "WRONG" for _, o in outcomes)
    host = f"{os.cpu_count()} cores of a shared {platform.machine()} machine"
    return "\n".join(
        [
            "# What killing processes did",
            "",
            f"Of {runs} seeded runs, {wrong} were wrong. A run is wrong if rows are lost, duplicated or different from",
            "those of an undisturbed run, or if `longcap verify` reports a problem. Each row names the process that",
            "was killed, in how many runs it was running at that moment (hit), and in how many runs the driver had to",
            "be started again.",
            "`python -m tests.support.chaos --seed N --store local` (or `s3`) replays a seed.",
            "",
            f"Written by `python -m tests.support.chaos {shlex.join(sys.argv[1:])}`"
            f" on {time.strftime('%Y-%m-%d', time.gmtime())}, {host}.",
            "",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
