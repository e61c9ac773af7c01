"""Flaws of released scorers: each test fails on what they do."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np
import pytest

from pipeline.evaluation.scores import events, overlap, spans
from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.characters import chrf_stats, words_13a
from pipeline.evaluation.scores.events import denies, without_denial
from pipeline.evaluation.scores.free import free_scores
from pipeline.evaluation.scores.further.meteor import _line
from pipeline.evaluation.scores.metrics import METRICS
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.scoring import hallucination, score
from pipeline.evaluation.scores.texts import read
from pipeline.evaluation.scores.tokens import (
    _GOOGLE,
    _NORMAL,
    _PTB,
    _SPLIT,
    _apart,
    content,
    content_words,
    google_words,
    hashed,
    ngrams,
    own_hashes,
    own_words,
    ptb_hashes,
    ptb_words,
    stem,
)

NONE = spans.as_spans([])
ONE = spans.as_spans([(0.0, 10.0)])
TRUE = Reference("a man runs", ((0.0, 10.0, "a man runs"),), True, 20.0)


def test_recall_of_words_counts_words_of_the_reference():
    # Vript-HAL divides predicted words that match by true words: three predicted words that match one true one give 3
    predicted, true = frozenset({"cat", "kitten", "feline"}), frozenset({"cat"})
    precision, recall = hallucination(predicted, true, lambda a, b: True)
    assert (precision, recall) == (1.0, 1.0)
    assert hallucination(predicted, frozenset({"dog", "cat"}), lambda a, b: b == "cat") == (1.0, 0.5)
    assert hallucination(frozenset(), true) == (0.0, 0.0)


def test_an_empty_list_of_events_is_scored_0_and_counted():
    # densevid_eval goes on with the predictions of the video before; SODA fails on an empty matrix
    row = score(Caption(video_id="v", text="", events=()), [TRUE], None)
    assert all(
        row[name] == 0.0 for name in METRICS if name.startswith(("tiou", "soda", "ranges", "temporal", "mask_f1"))
    )
    assert spans.soda(spans.tiou(NONE, ONE)) == (0.0, 0.0, 0.0)
    assert spans.detection(spans.tiou(ONE, NONE), 0.5) == (0.0, 0.0)


def test_a_video_without_a_caption_counts_0():
    # VidChapters leaves it out, which raises the mean
    row = score(Caption(video_id="v", missing=True), [TRUE], None)
    against = {n: row[n] for n in METRICS if METRICS[n].group != "itself" and row[n] is not None}
    assert len(against) > 30
    assert not any(round(v, 12) for v in against.values())


def test_an_event_that_matches_nothing_is_scored_0_every_time():
    # the released evaluators compare it with a random string
    found = spans.tiou(spans.as_spans([(0, 10), (50, 60)]), ONE)
    assert spans.dense(found, lambda i, j: 0.8, 0.5) == pytest.approx(0.4)


def test_letters_that_are_not_ascii_stay():
    # the released evaluators and rouge-score erase them, so that these texts score 0
    assert ptb_words("Une fille à Zürich") == ["une", "fille", "à", "zürich"]
    assert overlap.rouge_l_coco(ptb_words("女孩跑步"), [ptb_words("女孩跑步")]) == pytest.approx(1.0)
    assert overlap.rouge_l_google(google_words("Девушка бежит"), [google_words("девушка бежит")]) == 1.0


def test_detection_is_strict_and_captions_are_not():
    half = np.array([[0.5]])
    assert spans.detection(half, 0.5) == (0.0, 0.0)
    assert spans.dense(half, lambda i, j: 1.0, 0.5) == 1.0


def test_of_several_references_the_best_counts_and_of_spans_the_first_thousand():
    predicted = Caption(video_id="v", text="a man runs", events=((0.0, 10.0, "a man runs"),), duration_s=20.0)
    far = Reference("a dog", ((15.0, 20.0, "a dog"),), True, 20.0)
    row = score(predicted, [far, TRUE], None)
    assert [row[name] for name in ("soda_d", "soda_c_rouge_l", "event_recall")] == pytest.approx([1.0] * 3)
    assert (row["tiou_precision_0.9"], row["tiou_recall_0.9"]) == (1.0, 1.0)
    assert len(spans.as_spans([(k, k + 1.0) for k in range(1200)])) == len(spans.ordered([(0.0, 1.0)] * 1200)) == 1000


def test_spans_without_a_length_or_beyond_the_end_have_a_score_and_no_error():
    true = Reference("a", ((5.0, 5.0, "a man"), (0.0, 30.0, "a dog")), True, 20.0)
    predicted = Caption(video_id="v", text="a", events=((5.0, 5.0, "a man"), (90.0, 99.0, "a dog")), duration_s=20.0)
    row = score(predicted, [true], None)
    found = {name: row[name] for name in METRICS if row[name] is not None}
    assert all(np.isfinite(v) and 0 <= v <= 100 for v in found.values())
    assert (row["tiou_recall_0.3"], row["soda_d"], row["boundary_recall_1s"]) == (0.0, 0.0, 0.5)


def test_thousands_of_events_are_scored_and_doubled_references_change_nothing():
    many = tuple((float(k), k + 1.5, f"a dog {k}") for k in range(2000))
    text = " ".join(text for _, _, text in many)
    told = Caption(video_id="v", text=text, events=many, duration_s=2000.0)
    row = score(told, [Reference(text, many, True, 2000.0)], None)
    assert [row[name] for name in ("tiou_f1", "soda_d", "event_recall", "bleu_4")] == pytest.approx([1.0] * 4)
    other = Caption(
        video_id="v", text="a man sits", events=((2.0, 9.0, "a man sits"), (1.0, 30.0, "")), duration_s=20.0
    )
    once, twice = (score(other, [TRUE] * n, None) for n in (1, 2))
    assert {n: once[n] for n in METRICS} == {n: twice[n] for n in METRICS}


@pytest.mark.parametrize("text", ["", "x", "😀", "\u202e abc", "a\x00b", "\ud800", "word " * 20_000])
def test_every_score_of_an_odd_text_is_a_number(text):
    row = score(Caption(video_id="v", text=text, events=((0.0, 1.0, text),)), [Reference(text or "x")] * 2, None)
    assert all(np.isfinite(row[name]) for name in METRICS if row[name] is not None)
    assert row["chrf"] == pytest.approx(100.0 if text else 0.0)


def test_denials_are_looked_for_wherever_they_may_stand(monkeypatch):
    """What is asked first spares the long pattern only where it matches nothing."""
    words = [
        "it",
        "is",
        "not",
        "true",
        "that",
        "so",
        "some",
        "It's",
        "false",
        "isn't",
        "the",
        "case",
        "right",
        "ſo",
        "was",
        "\n",
    ]
    random = np.random.default_rng(9)
    texts = [" ".join(random.choice(words, 9)) for _ in range(3000)]
    found = [(denies(text), without_denial(text)) for text in texts]
    monkeypatch.setattr(events, "_may_be_untrue", lambda _: True)
    assert found == [(denies(text), without_denial(text)) for text in texts]
    assert sum(text != kept for text, (_, kept) in zip(texts, found, strict=True)) > 20


def test_ranges_that_overlap_are_merged_and_a_missing_answer_stays_in_precision():
    # VUE-TR adds up ranges that overlap, on the side of the truth, and drops videos without an answer from precision
    twice = spans.as_spans([(0, 10), (0, 10)])
    assert spans.ranges(ONE, twice) == (1.0, 1.0, 1.0)
    assert spans.ranges(twice, ONE) == (1.0, 1.0, 1.0)
    assert spans.ranges(NONE, NONE) == (1.0, 1.0, 1.0)
    assert spans.ranges(NONE, ONE) == (0.0, 0.0, 0.0)
    assert spans.area([1.0, 0.0], strict=False) == pytest.approx(0.5025, abs=0.003)
    assert spans.area([1.0], strict=True) == pytest.approx(0.995)
    assert spans.ranges(spans.as_spans([(0.4, 9.5)]), ONE, whole_seconds=True)[0] == 1.0


def test_one_caption_has_no_cider():
    # every word of the only item is in all items: the released scorer gives 0, aac-metrics an error
    known = overlap.frequencies([[hashed(["a", "man"])]])
    assert score(Caption(video_id="v", text="a man"), [Reference("a man")], known)["cider_d"] is None


@pytest.mark.parametrize("text", ["", "\n", "|||", "a\r\nb ||| c", "  ", "..."])
def test_texts_that_break_other_scorers(text):
    # METEOR's protocol crashes or hangs on line breaks, ||| and empty texts
    known = overlap.frequencies([[hashed(["a", "b"])], [hashed(["c"])]])
    row = score(Caption(video_id="v", text=text, events=((0.0, 1.0, text),)), [TRUE], known)
    assert row["bleu_1"] is not None and 0.0 <= row["chrf"] <= 100.0


def test_frequencies_do_not_depend_on_how_many_are_sorted_at_a_time(monkeypatch):
    items = [[hashed(f"w{k % 7} w{k % 5} w{k % 3} x".split()), hashed(["x", "y"])] for k in range(40)]
    every = [{int(g) for words in item for gram in ngrams(words) for g in gram} for item in items]
    often = Counter(chain.from_iterable(every))
    for most in (overlap._AT_ONCE, 100):
        monkeypatch.setattr(overlap, "_AT_ONCE", most)
        found = overlap.frequencies(items)
        assert found.items == 40
        assert dict(zip(found.grams.tolist(), found.counts.tolist(), strict=True)) == {
            gram: count for gram, count in often.items() if count > 1
        }
        assert found.grams.tolist() == sorted(found.grams.tolist())


def test_what_two_texts_share_is_that_of_counters():
    random = np.random.default_rng(4)
    letters = "abcé女😀"
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 1100)))  # more than a run of six has bits for
    for k in range(60):
        a, b = ("".join(random.choice([*letters], random.integers(0, 40))) for _ in range(2))
        a, b = (a + many, b + many[::-1]) if k % 20 == 0 else (a, b)
        stats = chrf_stats(read(a).letters, [read(b).letters])
        for n in range(1, 7):
            mine, its = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (a, b))
            wanted = [mine.total() if its else 0, its.total(), (mine & its).total()]
            assert stats[3 * (n - 1) : 3 * n] == wanted, (a, b, n)
        words, others = hashed([*a]), hashed([*b])
        assert overlap.shared(words, others) == (Counter(a) & Counter(b)).total()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में एक लड़की दौड़ती है।", ["हिन्दी", "में", "एक", "लड़की", "दौड़ती", "है"]),
        ("தமிழ் பெண் ஓடுகிறாள்", ["தமிழ்", "பெண்", "ஓடுகிறாள்"]),
        ("বাংলা ভাষা", ["বাংলা", "ভাষা"]),
        ("كَتَبَ الوَلَدُ", ["كَتَبَ", "الوَلَدُ"]),
        ("می‌خواهم بروم", ["می‌خواهم", "بروم"]),
        ("วิ่ง", ["วิ่", "ง"]),
        ("re\u0301sume\u0301 it's 3.5", ["résumé", "it", "'s", "3.5"]),
    ],
)
def test_signs_belong_to_their_letter_in_words_of_our_own(text, words):
    """Python's letters are without vowel signs, so that हिन्दी would be three words of one letter."""
    assert own_words(text) == words
    assert own_hashes_are(text, words)
    assert len(content_words("हिन्दी लड़की")) == 2
    # published tokenizers stay as they are
    assert ptb_words("हिन्दी") == ["ह", "न", "द"]


def own_hashes_are(text: str, words: list[str]) -> bool:
    return own_hashes(text).tolist() == hashed(words).tolist()


def test_names_in_hindi_that_differ_in_a_vowel_are_two_words():
    true = Reference("राम", ((0.0, 10.0, "राम दौड़ा"),), True, 20.0)
    for told, same in (("राम दौड़ा", True), ("रीमा दौड़ी", False)):
        row = score(Caption(video_id="v", text=told, events=((0.0, 10.0, told),)), [true], None)
        assert (row["event_recall"] == 1.0) == same
    assert free_scores(Caption(video_id="v", text="कि की का"))["distinct_1"] == 1.0


def test_texts_are_read_as_each_tokenizer_reads_them():
    signs, random = [*"abAΣσ1 .,'’-/&(!\n\t\xa0女é_n't$<>", "skipped", "-\n", "ि", "द"], np.random.default_rng(8)
    for _ in range(300):
        text = "".join(random.choice(signs, random.integers(0, 50)))
        found = read(text)
        assert (found.ptb, found.google, found.content) == (ptb_words(text), google_words(text), content(text))
        assert found.ptb_hashes.tolist() == ptb_hashes(text).tolist() == hashed(ptb_words(text)).tolist()
        assert found.google_hashes.tolist() == hashed(google_words(text)).tolist()
        assert own_hashes(text).tolist() == hashed(own_words(text)).tolist()
        assert found.hashes_13a.tolist() == hashed(words_13a(text)).tolist()


def test_what_meteor_reads_has_no_line_breaks_and_no_bars():
    assert _line("a\r\nb ||| c\x0bd\u2028e|||") == "a b c d e"
    assert _line("|||\n") == _line("") == ""


def test_a_text_is_split_as_its_pieces_between_white_space_are():
    signs, random = [*"ab1 .,'’-/&(!\n\t\xa0\u3000女é_n't$"], np.random.default_rng(1)
    for _ in range(400):
        text = "".join(random.choice(signs, random.integers(0, 60)))
        low = text.lower().replace("’", "'")
        assert google_words(text) == [stem(w) for w in _GOOGLE.findall(low)], text
        if "&" not in text:
            whole = _PTB.findall(_SPLIT.sub(_apart, low))
            assert ptb_words(text) == [_NORMAL.get(w, w) for w in whole], text


def test_the_longest_common_subsequence_is_that_of_the_table():
    random = np.random.default_rng(3)
    for _ in range(60):
        a, b = (random.integers(0, 6, random.integers(0, 90)).tolist() for _ in range(2))
        table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
        assert overlap.common(a, b) == table[-1, -1]
