"""Fit the classifiers of talk, and print their operating curves and what they cost.

    python -m bench.talk [HUMAN_TEXT.jsonl] [--write]

Logistic regression (`operators/cleaning/classifier.py`) on the words and pairs of words of sentences, and on these and
the sentence embeddings of the extra `grounding`. Talk: the lists in `tests/support/talk_lists` and the defects that are
sentences. Captions: the list of true sentences, `tests/support/ordinary`, stories of the exam and, with a file of human
descriptions (lines of JSON with lists `first` and `second` of objects with a `text`), those. Scores of the curves come
from five folds, each scored by weights that were fitted without it; so do the threshold and the floor. The threshold of
words is the lowest that takes at most one of 1,000 human sentences; with embeddings, at most one of 1,000 of all true
ones. The floor is the score by words that 99 of 100 found sentences of talk exceed. `--write` fits on all and stores
the models beside the code. The last lines are about held-out lists, on which nothing is fitted.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from operators.cleaning import talk
from operators.cleaning.classifier import BUCKETS, MEANING, WORDS, Model, buckets, fitted, is_talk, plain, talk_score
from operators.cleaning.context import Embed
from operators.cleaning.medium import about_the_medium
from operators.embedding.sentences import Embedder, embedder, model_files
from operators.language.sentences import split_sentences
from pipeline.evaluation.exam import language
from pipeline.evaluation.exam.story import write_story
from pipeline.evaluation.exam.wording import worded
from tests.support.defects import DEFECTS, FIRST, SECOND
from tests.support.ordinary import ORDINARY
from tests.support.talk_lists import (
    HELD_LATE_TALK,
    HELD_LATE_TRUE,
    HELD_ODD_TALK,
    HELD_ODD_TRUE,
    HELD_TALK,
    HELD_TRUE,
    TALK,
    TRUE,
)

_KINDS = {"note", "talk of the input", "judgement", "closing", "refusal", "no answer", "placeholder", "preamble"}
_FOLDS = 5
_HUMAN_WEIGHT = 3.0  # of a sentence of captions as they are, beside true ones that were written to look like talk
# of squared weights, by cross-validation over 1e-6 to 1e-4: of words; of words and of the embedding
_DECAY = {WORDS: (3e-6, 0.0), MEANING: (1e-5, 1e-5)}
_STORIES, _STORY_S = 20, 60.0
_FALSE = 0.001  # largest share of true sentences that a threshold may reject
_FLOOR_LOSES = 0.01  # largest share of the found talk that the floor may lose
_SENTENCES_A_MINUTE = 60 + 2 * 12  # one frame per second, in one sentence; a window every 5 s, in two

Scores = NDArray[np.float64]


def said_beside() -> list[str]:
    """Return the sentences of talk, without duplicates."""
    parts = [s for d in DEFECTS if d.kind in _KINDS for s in split_sentences(d.answer, "English")]
    found = [s for s in parts if FIRST[:20] not in s and SECOND[:12] not in s]
    held = {*HELD_TALK, *HELD_ODD_TALK, *HELD_LATE_TALK}
    return [s for s in dict.fromkeys([*TALK, *found]) if len(s.split()) >= 3 and s not in held]


def exam_wording() -> list[str]:
    """Return the sentences of the exam's stories, in its own language and in human-like wording, without duplicates."""
    collected: list[str] = []
    for seed in range(_STORIES):
        events = write_story(_STORY_S, seed).events
        collected += [s for text in worded(events, random.Random(seed)) for s in split_sentences(text, "English")]
        collected += split_sentences(language.caption(events), "English")
    return list(dict.fromkeys(collected))


def encoded(sentences: Sequence[str]) -> torch.Tensor:
    """Return the features, float32, sparse, shape (len(sentences), BUCKETS), unit-length rows."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for k, sentence in enumerate(sentences):
        found = buckets(sentence)
        rows += [k] * len(found)
        columns += found
        values += [len(found) ** -0.5] * len(found)
    return torch.sparse_coo_tensor(
        torch.tensor([rows, columns]), torch.tensor(values), (len(sentences), BUCKETS)
    ).coalesce()


def fit(
    file: Path, said: Sequence[str], captions: Sequence[str], embed: Embed, *, usual: Set[str] = frozenset()
) -> Model:
    """Return the model of `file`, without threshold and floor; captions that are in `usual` count more."""
    sentences = [*said, *captions]
    x = encoded(sentences)
    y = torch.tensor([1.0] * len(said) + [0.0] * len(captions))
    importance = torch.tensor([_HUMAN_WEIGHT if s in usual else 1.0 for s in sentences])
    importance /= importance.mean()
    vectors = torch.from_numpy(embed([plain(s) for s in sentences])) if file == MEANING else torch.zeros(len(y), 0)
    weights, bias = torch.zeros(BUCKETS, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    meaning = torch.zeros(vectors.shape[1], 1, requires_grad=True)
    solver = torch.optim.LBFGS([weights, bias, meaning], max_iter=150)
    of_words, of_meaning = _DECAY[file]

    def loss() -> torch.Tensor:
        solver.zero_grad()
        logits = (torch.sparse.mm(x, weights) + vectors @ meaning)[:, 0] + bias
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, weight=importance)
        value = value + of_words * (weights**2).sum() + of_meaning * (meaning**2).sum()
        value.backward()
        return value

    solver.step(loss)
    return Model(
        weights=weights.detach().numpy()[:, 0],
        bias=bias.item(),
        meaning=meaning.detach().numpy()[:, 0] if file == MEANING else None,
    )


def out_of_fold(
    file: Path, said: Sequence[str], captions: Sequence[str], embed: Embed, *, usual: Set[str]
) -> dict[str, float]:
    """Return the score of each sentence by a model that was fitted without its fold."""
    fold = {s: crc32(s.encode()) % _FOLDS for s in [*said, *captions]}
    scores: dict[str, float] = {}
    for k in range(_FOLDS):
        talk_of, true_of = ([s for s in some if fold[s] != k] for some in (said, captions))
        model = fit(file, talk_of, true_of, embed, usual=usual)
        scores.update((s, model.score(s, embed)) for s in fold if fold[s] == k)
    return scores


def curve(scores: dict[str, float], said: list[str], tricky: list[str], human: list[str]) -> None:
    found, true, read = (np.array([scores[s] for s in some]) for some in (said, tricky, human))
    print(f"{'threshold':>10}{'talk found':>12}{'true taken':>12}{'human taken':>13}")
    for threshold in np.arange(0.0, 4.01, 0.25):
        shares = [float((v > threshold).mean()) if len(v) else float("nan") for v in (found, true, read)]
        print(f"{threshold:>10.2f}{shares[0]:>12.3f}{shares[1]:>12.4f}{shares[2]:>13.4f}")


def threshold_of(scores: dict[str, float], true: list[str]) -> float:
    return round(float(np.quantile([scores[s] for s in true], 1 - _FALSE, method="higher")) + 0.01, 2)


def cost(sentences: list[str], by_words: dict[str, float]) -> None:
    """Print the cost of the classifier with embeddings on these captions, on one thread, as if it had not seen them."""
    fit_by_meaning = fitted(MEANING)
    embedded = [s for s in sentences if by_words[s] > fit_by_meaning.floor]
    model = Embedder(*model_files(None))  # without cache
    model(["A first call is slower."])
    began = time.process_time()
    for sentence in embedded:
        fit_by_meaning.score(sentence, model)
    each_ms = 1000 * (time.process_time() - began) / max(1, len(embedded))
    share = len(embedded) / max(1, len(sentences))
    minute_s = share * each_ms / 1000 * _SENTENCES_A_MINUTE
    print(
        f"cost: {each_ms:.1f} ms of CPU for a sentence that is embedded, {100 * share:.1f} % of captions are; with "
        f"{_SENTENCES_A_MINUTE} sentences {minute_s:.3f} s a minute of video, "
        f"{each_ms / 1000 * _SENTENCES_A_MINUTE:.2f} s if all were"
    )


def held_out(name: str, embed: Embed | None) -> None:
    for which, said, true in (
        ("", HELD_TALK, HELD_TRUE),
        ("odd ", HELD_ODD_TALK, HELD_ODD_TRUE),
        ("later ", HELD_LATE_TALK, HELD_LATE_TRUE),
    ):
        rules = [about_the_medium(s) or talk.addresses(s) or talk.refuses(s) for s in said]
        known = [is_talk(s, embed) for s in said]
        both = sum(a or b for a, b in zip(rules, known, strict=True))
        taken = sum(is_talk(s, embed) for s in true)
        all_taken = sum(is_talk(s, embed) or about_the_medium(s) or talk.addresses(s) for s in true)
        print(
            f"held out, {name}: of {len(said)} {which}sentences of talk rules know {sum(rules)}, the classifier "
            f"{sum(known)}, both {both}; of {len(true)} true ones the classifier takes {taken}, both {all_taken}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("human", nargs="?", type=Path)
    parser.add_argument("--write", action="store_true", help="store the models next to the code")
    asked = parser.parse_args()
    torch.manual_seed(0)
    embed = embedder()
    said = said_beside()
    exam = exam_wording()
    tricky = list(dict.fromkeys(s for t in [*TRUE, *ORDINARY] for s in split_sentences(t, "English")))
    human: list[str] = []
    if asked.human:
        rows = [json.loads(line) for line in asked.human.read_text("utf-8").splitlines()]
        texts = [one["text"] for row in rows for key in ("first", "second") for one in row[key]]
        human = list(dict.fromkeys(s for t in texts for s in split_sentences(t, "English")))
    said = [s for s in said if s not in set(tricky) | set(human) | set(exam)]
    captions = list(dict.fromkeys(tricky + human + exam))
    print(
        f"{len(said)} sentences of talk, {len(tricky)} true ones that look like it, {len(human)} of human descriptions"
    )
    usual = {*human, *exam}
    by_words = out_of_fold(WORDS, said, captions, embed, usual=usual)
    by_meaning = out_of_fold(MEANING, said, captions, embed, usual=usual)
    for name, file, scores, true in (
        ("words", WORDS, by_words, human or tricky),
        ("words and embedding", MEANING, by_meaning, captions),
    ):
        threshold = threshold_of(scores, true)
        found = [s for s in said if scores[s] > threshold]
        print(f"\n{name}: threshold {threshold} finds {len(found) / len(said):.3f} of the talk")
        curve(scores, said, tricky, human)
        if asked.write:
            floor = float("-inf") if file == WORDS else float(np.quantile([by_words[s] for s in found], _FLOOR_LOSES))
            model = fit(file, said, captions, embed, usual=usual)
            replace(model, threshold=threshold, floor=round(floor, 2)).write(file)
            print(f"{file.name}: {file.stat().st_size} bytes, floor {floor:.2f}")
    fitted.cache_clear()
    talk_score.cache_clear()
    print()
    cost(human or exam, by_words)
    cost(exam, by_words)
    held_out("words", None)
    held_out("words and embedding", embed)


if __name__ == "__main__":
    main()
