"""Fits the weights and thresholds of `operators/narrate/grounding/fitted.json`, and prints operating curves."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.grounding import chosen_toolkit, places
from bench.human_text import Video
from bench.rewordings import reworded
from operators.language.sentences import split_sentences
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.clauses import clauses
from operators.narrate.grounding.fitted import FILE, fitted
from operators.narrate.grounding.toolkit import Toolkit

ANOTHER_LONG, SPLICED = 0.08, 0.015  # of false texts that may pass on the half that is fitted on
ANOTHER_SHORT = {"lexical": 0.025, "embedding": 0.035}
TOLD_TWICE = 0.095  # of events in other words


def samples(videos: Sequence[Video], name: str, level: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (scores, ln sentences), labels (1 true in other words, 2 true and independent, 0 false), long or not."""
    toolkit = chosen_toolkit(name)
    features, labels, long = [], [], []
    everything = [s.text for v in videos for s in (*v.first, *v.second)]
    of_video = {v.video: {s.text for s in (*v.first, *v.second)} for v in videos}
    for layout in ("short", "mixed"):
        rng = random.Random(11)
        for place in places(videos, toolkit, layout, seed=13):
            known = set().union(*(of_video[v] for v in place.videos))
            texts = [(reworded(s.text, rng), 1) for s in place.section.own] + [(s.text, 2) for s in place.section.other]
            texts += [(t, 0) for t in rng.sample(everything, 4 * len(texts)) if t not in known]
            sentences = list(
                dict.fromkeys(s for ts in place.section.captions.values() for t in ts for s in split_sentences(t))
            )
            scorers = toolkit.scorers(sentences)
            for text, label in texts:
                parts = [text] if level == "sentence" else [p for _, p in clauses(text)]
                if level == "clause" and len(parts) == 1:
                    continue
                scores = [s.scores(parts) for s in scorers]
                for k in range(len(parts)):
                    best = int(np.argmax(sum(s[k] for s in scores)))
                    features.append([*(float(s[k, best]) for s in scores), float(np.log(len(sentences)))])
                    labels.append(label)
                    long.append(layout == "mixed")
    return np.array(features), np.array(labels), np.array(long)


def logistic(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of a balanced logistic regression, by Newton's method with a small ridge."""
    z = np.c_[x, np.ones(len(x))]
    balance = np.where(y == 1, (1 - y.mean()), y.mean())
    w = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-z @ w))
        gradient = z.T @ ((p - y) * balance) + 1e-3 * w
        hessian = (z * (p * (1 - p) * balance)[:, None]).T @ z + 1e-3 * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-9:
            break
    return w[:-1], float(w[-1])


def fit(videos: Sequence[Video], name: str) -> None:
    stored: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    scorers = [s.name for s in chosen_toolkit(name).scorers(["A dog barks."])]
    for level in ("sentence", "clause"):
        x, labels, long = samples(videos, name, level)
        weights, bias = logistic(x, (labels > 0).astype(float))
        support = 1 / (1 + np.exp(-(x @ weights + bias)))
        false = labels == 0
        if level == "sentence":
            least = max(
                np.quantile(support[false & ~long], 1 - ANOTHER_SHORT[name]),
                np.quantile(support[false & long], 1 - ANOTHER_LONG),
            )
        else:
            least = np.quantile(support[false & ~long], 1 - SPLICED)
        stored[name][level] = {
            "weights": {n: round(float(w), 3) for n, w in zip([*scorers, "sentences"], weights, strict=True)},
            "bias": round(bias, 3),
            "least": round(float(least), 3),
        }
        for kind, label in (("in other words", 1), ("independent", 2)):
            for among in (False, True):
                share = 100 * (support[(labels == label) & (long == among)] >= least).mean()
                print(f"fitted {name} {level}: {kind}, {'long' if among else 'short'}: {share:.1f} % kept")
    if name == "embedding":
        stored[name]["same"] = _same(videos)
        print(f"fitted {name}: the same event from a cosine of {stored[name]['same']}")
    FILE.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    fitted.cache_clear()


def _same(videos: Sequence[Video]) -> float:
    """The highest cosine at which few enough events in other words are told twice: the fewest others are merged."""
    toolkit, rng = chosen_toolkit("embedding"), random.Random(17)
    pairs = [(s.text, reworded(s.text, rng)) for v in videos for s in v.first]
    for same in np.round(np.arange(0.95, 0.6, -0.01), 2):
        alike = Alike(replace_same(toolkit, float(same)))
        if sum(not alike.same(a, b) for a, b in pairs) <= TOLD_TWICE * len(pairs):
            return float(same)
    return 0.6


def replace_same(toolkit: Toolkit, same: float) -> Toolkit:
    made = Toolkit(embed=toolkit.embed)
    object.__setattr__(made, "fitted", replace(made.fitted, same=same))
    return made


def curve(videos: Sequence[Video], name: str) -> None:
    """Support that is asked for -> shares that pass, whole sentences alone."""
    x, labels, long = samples(videos, name, "sentence")
    level = fitted(name).sentence
    weights = np.array([*(level.weights[n] for n in level.weights if n != "sentences"), level.weights["sentences"]])
    support = 1 / (1 + np.exp(-(x @ weights + level.bias)))
    print(f"\n| support ≥ ({name}) | reworded | independent | another's | long: reworded | independent | another's |")
    print("|---|---|---|---|---|---|---|")
    for least in sorted({*np.round(np.arange(0.3, 0.96, 0.1), 2), level.least}):
        cells = [
            f"{100 * (support[(labels == k) & (long == among)] >= least).mean():.1f} %"
            for among in (False, True)
            for k in (1, 2, 0)
        ]
        print(f"| {least:.3f}{' (fitted)' if least == level.least else ''} | {' | '.join(cells)} |")
