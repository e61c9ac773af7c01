"""Scoring that is killed again and again ends with the scores of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

from deltalake import DeltaTable

from pipeline.evaluation.scores.evaluate import evaluate
from pipeline.evaluation.scores.references import read_references
from pipeline.evaluation.scores.sources import open_captions
from tests.pipeline.evaluation.scores.test_evaluate import files, predicted
from tests.support.command import ROOT

KILLS = int(os.environ.get("LONGCAP_KILLS", "4"))  # LONGCAP_KILLS=20 for a longer look
COMMIT = 3  # rows

# Loads everything once; then each line "rows kind delay" is one run, in a process of its own that kills itself: before
# it has scored so many rows ("score"), before their commit ("before"), after it ("after"), or so many seconds into it
# ("during"). Nothing has started a thread yet when it forks.
RUNNER = """
import os, signal, sys, threading, time
from operators.store.table import Table
from pipeline.evaluation.scores import evaluate as e
from pipeline.evaluation.scores.references import read_references
from pipeline.evaluation.scores.sources import open_captions
from operators.language.identify import load
from pipeline.evaluation.scores.tokens import stem
import deltalake
load(), stem("runs")

def die():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)

def run(rows, kind, delay):
    e._COMMIT, score, done = int(sys.argv[4]), e.score, [0]
    def counted(*given):
        if kind == "score" and done[0] == rows:
            die()
        done[0] += 1
        return score(*given)
    e.score = counted
    for name in ("append", "upsert"):
        def wrapped(self, *given, own=getattr(Table, name)):
            due = done[0] >= rows
            if due and kind == "before":
                die()
            if due and kind == "during":
                threading.Timer(delay, die).start()
            found = own(self, *given)
            if due and kind in ("after", "during"):
                die()
            return found
        setattr(Table, name, wrapped)
    e.evaluate(open_captions(sys.argv[1]), read_references([sys.argv[2]]), sys.argv[3], workers=1)

print("ready", flush=True)
for line in sys.stdin:
    rows, kind, delay = line.split()
    child = os.fork()
    if not child:
        run(int(rows), kind, float(delay))
        os._exit(0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status := os.waitpid(child, 0)[1]) else 0, flush=True)
"""


def test_killed_at_random_and_gone_on(tmp_path):
    """Each kill falls into work that is under way, and the kills are spread over all of it."""
    videos = 5 * KILLS
    one, refs = files(tmp_path, videos)
    captions, references = open_captions(one), read_references([refs])
    place = str(tmp_path / "killed")
    r = random.Random(2)
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, one, refs, place, str(COMMIT)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    seen = []
    try:
        assert process.stdout.readline() == "ready\n"
        for _ in range(KILLS):
            kind = r.choice(["score", "before", "during", "after"])
            process.stdin.write(f"{r.randint(1, 5)} {kind} {r.uniform(0, 0.02)}\n")
            process.stdin.flush()
            assert int(process.stdout.readline()) == signal.SIGKILL, "a run came to its end"
            ids = _ids(place)
            assert len(set(ids)) == len(ids)
            seen.append(len(ids))
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
    assert seen == sorted(seen) and 0 < seen[-1] < videos
    if KILLS >= 10:
        assert len(set(seen)) > KILLS / 3, seen
        print(f"rows after each kill, of {videos}: {seen}")
    scored = evaluate(captions, references, place)
    assert scored.fresh == videos - seen[-1]
    assert predicted(scored.table) == predicted(evaluate(captions, references, str(tmp_path / "whole")).table)


def _ids(place: str) -> list[str]:
    found = DeltaTable.is_deltatable(f"{place}/scores")
    return DeltaTable(f"{place}/scores").to_pyarrow_table(columns=["video_id"])["video_id"].to_pylist() if found else []
