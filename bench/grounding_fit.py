"""Fit the weights and thresholds of `operators/narrate/grounding/fitted.json`, and print operating curves."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.grounding import chosen_toolkit, places
from bench.human_text import Video
from bench.rewordings import reworded, spliced
from operators.embedding.sentences import embedder
from operators.language.sentences import split_sentences
from operators.narrate.grounding.alike import Alike, lengths_differ
from operators.narrate.grounding.clauses import clauses
from operators.narrate.grounding.fitted import CENTRE_FILE, FALSE_PASS_RATES, FILE, centre, fitted, nearest
from operators.narrate.grounding.toolkit import Toolkit

EVEN_AT, MIXED = 0.03, 2.5  # share of false texts that may pass, and its factor in filled-up sections
ADDED = 1.3  # factor of the pass rate of clauses that are added to a true sentence
SPARE = {"lexical": 0.85, "embedding": 0.8}  # margin of each rate, since more passes on other videos
NEAR = 0.6  # below this cosine two sentences are never the same event
TOLD_TWICE = 0.1  # share of events in other words


Array = np.ndarray
LAYOUTS = ("short", "mixed")


@dataclass(frozen=True)
class Samples:
    """Texts compared with the captions of sections.

    Attributes:
        features: n x (scorers, for clauses by meaning the last at the whole sentence's caption, nearest, ln sentences).
        labels: 1 true in other words, 2 true and independent, 0 another video's, -1 another video's within a true one.
        mixed: n bool, whether the section is filled up.
        of_text: n ints, index of the text of each clause; words: n ints, its number of words.
    """

    features: Array
    labels: Array
    mixed: Array
    of_text: Array
    words: Array


def samples(videos: Sequence[Video], toolkit: Toolkit, level: str) -> Samples:
    """Return whole sentences or their clauses, for all sections in both layouts."""
    features, labels, mixed, of_text, words = [], [], [], [], []
    count = 0
    everything = [s.text for v in videos for s in (*v.first, *v.second)]
    of_video = {v.video: {s.text for s in (*v.first, *v.second)} for v in videos}
    for layout in LAYOUTS:
        rng = random.Random(11)
        for place in places(videos, toolkit, layout, seed=13):
            known = set().union(*(of_video[v] for v in place.videos))
            texts = [(reworded(s.text, rng), "", 1) for s in place.section.own]
            texts += [(s.text, "", 2) for s in place.section.other]
            strange = [t for t in rng.sample(everything, 6 * len(texts)) if t not in known]
            if level == "clause":
                texts += [(s.text, strange.pop(), 1) for s in place.section.own]
            texts += [(t, "", 0) for t in strange[: 4 * len(texts)]]
            sentences = list(
                dict.fromkeys(s for ts in place.section.captions.values() for t in ts for s in split_sentences(t))
            )
            scorers = toolkit.scorers(sentences)
            for true, added, label in texts:
                text = spliced(true, added, rng) if added else true
                parts, ends = _parts(text) if level == "clause" else ([text], [len(text)])
                if level == "clause" and len(parts) == 1:
                    continue
                count += 1
                whole = int(np.argmax(sum(s.scores([text])[0] for s in scorers)))
                scores = [s.scores(parts) for s in scorers]
                around = nearest(scores[-1])
                for k, (part, end) in enumerate(zip(parts, ends, strict=True)):
                    if added and end - len(part) < len(true) - 1 and end > len(true):
                        continue  # partly true
                    best = int(np.argmax(sum(s[k] for s in scores)))
                    at_whole = [float(scores[-1][k, whole])] if level == "clause" and len(scores) > 1 else []
                    features.append(
                        [*(float(s[k, best]) for s in scores), *at_whole, around[k], np.log(len(sentences))]
                    )
                    labels.append(-1 if added and end > len(true) else label)
                    mixed.append(layout == "mixed")
                    of_text.append(count)
                    words.append(len(part.split()))
    return Samples(*(np.array(one) for one in (features, labels, mixed, of_text, words)))


def _parts(text: str) -> tuple[list[str], list[int]]:
    """Return the clauses of a text, and the end of each."""
    found = clauses(text)
    return [p for _, p in found], list(itertools.accumulate(len(joint) + len(p) for joint, p in found))


def logistic(x: Array, y: Array, weights: Array) -> tuple[Array, float]:
    """Return weights and bias of a logistic regression, by Newton's method with a small ridge."""
    z = np.c_[x, np.ones(len(x))]
    w = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-z @ w))
        gradient = z.T @ ((p - y) * weights) + 1e-3 * w
        hessian = (z * (p * (1 - p) * weights)[:, None]).T @ z + 1e-3 * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-9:
            break
    return w[:-1], float(w[-1])


def model(data: Samples) -> tuple[Array, float]:
    """Return weights and bias. Each kind of text in each layout has equal weight; independent texts have more.

    The weight of the number of sentences is then set so that `MIXED` times as many false texts pass in filled-up
    sections: requiring as few as elsewhere would reject too many true texts.
    """
    importance = {0: 1.2, -1: 0.8, 1: 0.3, 2: 1.7} if (data.labels < 0).any() else {0: 2.0, 1: 0.3, 2: 1.7}
    weights = np.zeros(len(data.labels))
    for mixed in (False, True):
        for label, share in importance.items():
            chosen = (data.labels == label) & (data.mixed == mixed)
            weights[chosen] = 1000 * share / chosen.sum()
    w, bias = logistic(data.features, (data.labels > 0).astype(float), weights)
    false, count = data.labels == 0, data.features[:, -1]
    total = data.features[:, :-1] @ w[:-1]
    highest = [
        np.quantile(total[false & (data.mixed == m)], 1 - rate)
        for m, rate in ((False, EVEN_AT), (True, MIXED * EVEN_AT))
    ]
    many = [count[false & (data.mixed == m)].mean() for m in (False, True)]
    w[-1] = (highest[0] - highest[1]) / (many[1] - many[0])
    return w, bias


def supports(data: Samples, w: Array, bias: float) -> Array:
    made: Array = 1 / (1 + np.exp(-(data.features @ w + bias)))
    return made


def fit(videos: Sequence[Video], name: str) -> None:
    if name == "embedding":
        _fit_centre(videos)
    stored: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    toolkit = chosen_toolkit(name)
    scorers = [s.name for s in toolkit.scorers(["A dog barks."])]
    for level in ("sentence", "clause"):
        data = samples(videos, toolkit, level)
        names = [*scorers, *(["whole"] if level == "clause" and len(scorers) > 1 else []), "nearest", "sentences"]
        w, bias = model(data)
        support = supports(data, w, bias)
        least = [_least(data, support, SPARE[name] * rate) for rate in FALSE_PASS_RATES]
        stored[name][level] = {
            "weights": {n: round(float(v), 3) for n, v in zip(names, w, strict=True)},
            "bias": round(bias, 3),
            "least": [round(v, 4) for v in least],
        }
        for kind, label in (("in other words", 1), ("independent", 2)):
            kept = [f"{100 * (support[data.labels == label] >= v).mean():.1f}" for v in least]
            print(f"fitted {name} {level}: {kind}, kept at {FALSE_PASS_RATES}: {' '.join(kept)} %")
    if name == "embedding":
        stored[name] |= _same(videos, toolkit)
    FILE.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    fitted.cache_clear()


def _least(data: Samples, support: Array, rate: float) -> float:
    """Return the support at which the given share of false texts pass by half of their words, and few added clauses."""
    false, added = (data.labels == 0) & ~data.mixed, (data.labels < 0) & ~data.mixed
    median = []  # for each text, the support above which half of its words are rejected
    for text in np.unique(data.of_text[false]):
        mine = np.flatnonzero(data.of_text == text)
        order = mine[np.argsort(-support[mine], kind="stable")]
        standing = 2 * np.cumsum(data.words[order]) >= data.words[mine].sum()
        median.append(support[order[np.argmax(standing)]])
    least = float(np.quantile(median, 1 - rate))
    return max(least, float(np.quantile(support[added], 1 - ADDED * rate))) if added.any() else least


def _fit_centre(videos: Sequence[Video]) -> None:
    texts = [s for v in videos for said in (*v.first, *v.second) for s in split_sentences(said.text)]
    mean = embedder()(texts).mean(axis=0)
    CENTRE_FILE.write_text(json.dumps([round(float(v), 5) for v in mean]) + "\n", encoding="utf-8")
    centre.cache_clear()


def _same(videos: Sequence[Video], toolkit: Toolkit) -> dict[str, float]:
    """Return the weight of lengths, and the highest similarity that keeps few events in other words twice."""
    alike, rng = Alike(replace_same(toolkit, 1.0)), random.Random(17)
    pairs, labels, excluded = [], [], []
    for video in videos:
        texts = list(dict.fromkeys(s.text for s in video.first if len(split_sentences(s.text)) == 1))
        for k, text in enumerate(texts):
            for one, other, label in ((text, reworded(text, rng), 1), *((text, before, 0) for before in texts[:k])):
                pairs.append((alike.nearness(one, other), lengths_differ(one, other)))
                labels.append(label)
                excluded.append(alike.excluded(one, other))
    x, y, out = np.array(pairs), np.array(labels), np.array(excluded)
    near = ~out & (x[:, 0] > NEAR)
    weights = np.where(y == 1, 500 / (near & (y == 1)).sum(), 500 / (near & (y == 0)).sum())
    (cosine, length), _ = logistic(x[near], y[near].astype(float), weights[near])
    lengths = round(float(-length / cosine), 3)
    nearness = np.where(out, -1.0, x[:, 0] - lengths * x[:, 1])
    same = math.floor(1000 * np.quantile(nearness[y == 1], TOLD_TWICE)) / 1000
    print(f"fitted embedding: {100 * (nearness[y == 0] >= same).mean():.2f} % of different events merged")
    return {"same": same, "lengths": lengths}


def replace_same(toolkit: Toolkit, same: float) -> Toolkit:
    made = Toolkit(embed=toolkit.embed)
    object.__setattr__(made, "fitted", replace(made.fitted, same=same, lengths=0.0))
    return made


def curve(videos: Sequence[Video], name: str) -> None:
    """Print for shares of false text the shares that pass, for whole sentences, without the conflict rule."""
    toolkit = chosen_toolkit(name)
    data = samples(videos, toolkit, "sentence")
    level = toolkit.fitted.sentence
    support = supports(data, np.array([*level.weights.values()]), level.bias)
    shares = "reworded | independent | another's"
    print(f"\n| `false_pass_rate` ({name}) | {shares} | long: {shares} |")
    print("|---|---|---|---|---|---|---|")
    for rate in FALSE_PASS_RATES:
        least = fitted(name, rate).sentence.least
        cells = [
            f"{100 * (support[(data.labels == k) & (data.mixed == mixed)] >= least).mean():.1f} %"
            for mixed in (False, True)
            for k in (1, 2, 0)
        ]
        print(f"| {rate} | {' | '.join(cells)} |")
