"""Protocols with the rule judge over stories: perfect captions reach 1, and formulas have their golden values."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict

import pytest

from pipeline.evaluation.judging.agreement import between, with_itself
from pipeline.evaluation.judging.asking import Ask, label, number
from pipeline.evaluation.judging.case import Case
from pipeline.evaluation.judging.negatives import edited
from pipeline.evaluation.judging.protocols import METRICS, PROTOCOLS
from pipeline.evaluation.judging.protocols.keypoints import consistency
from pipeline.evaluation.scores.captions import Caption, Event
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.truth import KeyPoint, Question, Truth, truth_of
from tests.pipeline.evaluation.judging.stories import SECONDS, by_rules, case, judged, story

NONE = Case(Caption(video_id="v", missing=True), case(1).references)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "quality"])
def test_perfect_captions_reach_the_best_value(protocol, seed):
    found = judged(case(seed), protocol)
    best = {name: {1: 1.0, -1: 0.0, 0: 0.0}[METRICS[name].better] for name in found.metrics}
    best |= {"vdc_score": 5.0, "answers_given": 6 / 7} if protocol in ("vdc", "questions") else {}
    assert {n: v for n, v in found.metrics.items() if v is not None} == pytest.approx(
        {n: v for n, v in best.items() if n in found.metrics}
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_video_without_a_caption_has_the_worst_value_and_asks_nothing(protocol):
    def ask(_):
        raise AssertionError("asked without a caption")

    if protocol == "events":  # the truth is split into events, whatever the caption says
        found = judged(NONE, protocol)
        assert found.metrics["event_miss_rate"] == 1.0 and found.metrics["judged_event_f1"] == 0.0
    else:
        found = PROTOCOLS[protocol].judge(NONE, ask)
        # nothing was answered, so nothing was answered wrongly
        values = {n: v for n, v in found.metrics.items() if n != "answers_wrong"}
        assert set(values.values()) == {0.0}
    assert {u.label for u in found.units} == {"missing"}


def invent(events: Sequence[Event]) -> list[Event]:
    made = [(s + 1, s + 2, "Somebody rides an elephant through heavy snow.") for s, _, _ in events[::4]]
    return sorted([*events, *made])


def drop(events: Sequence[Event]) -> list[Event]:
    return [e for k, e in enumerate(events) if k % 5]


def test_inventing_costs_precision_and_dropping_recall():
    whole, more, less = (judged(case(2, spoil), "events").metrics for spoil in (list, invent, drop))
    assert more["judged_event_recall"] == whole["judged_event_recall"] == 1.0
    assert more["judged_event_precision"] < 0.9 and more["event_hallucination_rate"] > 0.2
    assert less["judged_event_recall"] < 0.95 and less["event_miss_rate"] + less["event_hallucination_rate"] > 0
    assert less["event_error_rate"] == pytest.approx(less["event_miss_rate"] + less["event_hallucination_rate"])
    f1 = judged(case(2, invent), "keypoint_f1").metrics
    assert f1["keypoint_recall"] == 1.0 and f1["keypoint_precision"] < 0.9


def test_events_have_no_cap_and_are_looked_for_near_their_time():
    """DREAM-1K's script takes ten events of a caption."""
    found = judged(case(1), "events")
    assert sum(u.metric == "judged_event_recall" for u in found.units) == len(story(1)) > 20
    far = judged(case(1, lambda events: [(s + 400, e + 400, t) for s, e, t in events if s < 60]), "events")
    early = [u for u in far.units if u.metric == "judged_event_recall" and (u.position or 1) < 0.2]
    assert early and all(u.value == 0.0 for u in early)


def test_judges_that_split_sentences_in_another_order_agree():
    split = {
        "A dog runs and a cat sleeps.": ["A dog runs.", "a cat sleeps"],
        "Birds sing and rain falls.": ["birds sing", "rain falls"],
        "A dog runs and a cow eats.": ["a dog runs", "a cow eats", "a cow eats"],
    }

    def judge(order: int, entailed: Sequence[str]) -> dict:
        def ask(asks: Sequence[Ask]) -> dict:
            found = {}
            for one in asks:
                for name, text in one.items.items():
                    verdict = "entailed" if text.strip(".").lower() in entailed else "neutral"
                    found[name] = {"events": split[text][::order]} if one.prompt == "atoms" else {"verdict": verdict}
            return found

        caption = Caption(video_id="v", duration_s=60.0, text="A dog runs and a cat sleeps. Birds sing and rain falls.")
        found = PROTOCOLS["events"].judge(Case(caption, (Reference("A dog runs and a cow eats."),)), ask)
        assert len({u.id for u in found.units}) == len(found.units) == 7
        return {"judge": f"{order}", "video_id": "v", "units": [asdict(u) for u in found.units]}

    one, other = (judge(order, ["a dog runs", "birds sing"]) for order in (1, -1))
    assert between([one, other]) == {
        "judged_event_precision": {"things": 4, "alpha": 1.0}, "judged_event_recall": {"things": 3, "alpha": 1.0}
    }  # fmt: skip
    third = judge(-1, ["a cat sleeps", "rain falls"])
    assert between([one, third])["judged_event_precision"]["alpha"] < 0


def test_groups_agree_whatever_their_numbers():
    def row(key: str, *groups: int) -> dict:
        answer = json.dumps({f"p{k}": {"group": group} for k, group in enumerate(groups, 1)})
        return {"key": key, "repeat_of": None if key == "a" else "a", "prompt": "clusters", "answer": answer}

    assert with_itself([row("a", 1, 1, 2), row("b", 3, 3, 1)])["agreement"] == 1.0
    assert with_itself([row("a", 1, 1, 2), row("b", 2, 1, 1)])["agreement"] < 1.0


@pytest.mark.parametrize(
    ("key_points", "clusters", "value"),
    [(5, [3, 1], 0.3), (5, [5], 1.0), (5, [2, 2, 1], 0.2), (5, [1], 0.0), (5, [], 0.0)],
)
def test_referential_consistency_is_that_of_capricorn(key_points, clusters, value):
    assert consistency(key_points, clusters) == pytest.approx(value)


def _with(truth: Truth, text: str = "A dog runs. A cat sleeps.") -> Case:
    return Case(Caption(video_id="v", text=text), (Reference("", truth=truth),))


def test_a_subject_that_the_judge_fails_on_counts_0():
    """CapRiCorn-1K's script leaves such subjects out, which raises the mean."""
    truth = Truth(tuple(KeyPoint(text, ("dog",)) for text in ("A dog runs.", "A dog sleeps.", "A dog eats.")))

    def ask(asks):
        if asks[0].prompt == "clusters":
            return dict.fromkeys(asks[0].items)
        return {name: {"verdict": "correct", "sentence": "s1"} for one in asks for name in one.items}

    found = PROTOCOLS["keypoints"].judge(_with(truth), ask)
    assert found.metrics["referential_consistency"] == 0.0
    assert [u.label for u in found.units if u.id == "subject dog"] == ["failed"]


def test_a_key_point_without_an_answer_stays_in_the_denominator():
    truth = Truth(tuple(KeyPoint(f"Event {k}.") for k in range(4)))

    def ask(asks):
        names = [name for one in asks for name in one.items]
        return {n: {"verdict": "correct", "sentence": "none"} if n != "k2" else None for n in names}

    metrics = PROTOCOLS["keypoints"].judge(_with(truth), ask).metrics
    assert metrics["keypoint_accuracy"] == metrics["keypoint_coverage"] == 0.75


@pytest.mark.parametrize("protocol", ["events", "keypoint_f1"])
def test_what_a_judge_of_entailment_fails_on_stays_in_the_denominator(protocol):
    """DREAM-1K's script leaves captions that fail out of its means, AutoCaption's skips answers that do not parse."""
    truth = case(1)
    whole = judged(truth, protocol)

    def ask(asks):
        found = by_rules(asks)
        entailment = [name for one in asks if one.prompt == "events" for name in one.items]
        return found | dict.fromkeys(entailment[::4])

    some = PROTOCOLS[protocol].judge(truth, ask)
    assert len(some.units) == len(whole.units)
    recall, precision = (next(n for n in some.metrics if n.endswith(end)) for end in ("recall", "precision"))
    assert 0.0 < some.metrics[recall] < whole.metrics[recall] == 1.0
    assert 0.0 < some.metrics[precision] < whole.metrics[precision] == 1.0
    failed = [unit for unit in some.units if unit.label == "failed"]
    assert failed and not any(unit.value for unit in failed)


def test_yes_no_and_unanswerable_have_the_ratios_of_vcapsbench():
    """Its script drops what does not parse from every denominator, and keeps the answer to the question before."""
    truth = Truth(questions=tuple(Question(f"{k}?", "yes") for k in range(5)))
    said = dict(zip(["q1", "q2", "q3", "q4", "q5"], ["yes", "yes", "no", "unanswerable", None], strict=True))

    def ask(asks):
        return {n: {"answer": said[n]} if said[n] else None for one in asks for n in one.items}

    metrics = PROTOCOLS["questions"].judge(_with(truth), ask).metrics
    assert metrics == pytest.approx({"answers_right": 2 / 5, "answers_wrong": 1 / 4, "answers_given": 3 / 5})


@pytest.mark.parametrize(
    ("field", "said", "value"),
    [
        (label("yes", "no"), "Yes.", "yes"),
        (label("yes", "no"), "I do not know, yes", None),  # NarrLV finds a "no" in it
        (label("0", "1", "2"), "2 of 3", None),  # VidCapBench finds a 2
        (label("yes", "no", "unanswerable"), None, None),  # VCapsBench goes on with the answer to the question before
        (number(0, 5), "4", 4),
        (number(0, 5), 4.8, None),  # what the example of VDCscore's prompt shows
        (number(0, 5), 7, None),
        (number(0, 5), "five", None),
        (number(0, 5), "9" * 400, None),
        (number(0, 5), int("9" * 400), None),
        (number(0, 5), float("inf"), None),
        (number(0, 5), float("-inf"), None),
        (number(0, 5), float("nan"), None),
    ],
)
def test_an_answer_is_one_of_those_asked_for_or_none(field, said, value):
    one = Ask(prompt="grades", items={"q1": "?"}, fields={"value": field})
    text = json.dumps({"answers": [{"id": "q1", "value": said}]})
    if value is None:
        with pytest.raises(ValueError, match="value is"):
            one.read(text)
    else:
        assert one.read(text) == {"q1": {"value": value}}


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ('{"k1": "yes", "k1": "no", "k2": "no"}', "k1"),
        ("{'k1': 'yes', 'k1': 'no', 'k2': 'no'}", "k1"),
        ('{"answers": [{"id": "k1", "value": "no", "value": "yes"}, {"id": "k2", "value": "no"},]}', "value"),
        ('{"answers": {"k1": "yes", "k2": "no"}, "answers": {"k2": "no"}}', "answers"),
        ('{"k1": {"value": "yes"}, "k2": {"value": "yes", "value": "no"}}', "value"),
        ('[{"id": "k1", "value": "yes"}, {"id": "k1", "value": "no"}, {"id": "k2", "value": "no"}]', "k1"),
        ('{"k1": "no", "k1": "yes"} is wrong: {"k1": "yes", "k2": "no", "k2": "no"}', None),
    ],
)
def test_an_answer_says_one_thing_of_each_item(text, twice):
    one = Ask(prompt="grades", items={"k1": "?", "k2": "?"}, fields={"value": label("yes", "no")})
    if twice is None:
        assert one.read(text) == {"k1": {"value": "yes"}, "k2": {"value": "no"}}
    else:
        with pytest.raises(ValueError, match=f"the answer has {twice} twice with different values"):
            one.read(text)


def test_zeros_and_failures_of_vdc_are_part_of_the_mean():
    """The released script leaves out videos of accuracy or score 0."""
    truth = Truth(questions=tuple(Question(f"{k}?", "a dog") for k in range(4)))

    def ask(asks):
        if asks[0].prompt == "answers":
            return {n: {"answer": "a dog"} if n != "q4" else None for n in asks[0].items}
        grades = {"q1": ("yes", 5), "q2": ("no", 0)}
        return {
            n: {"verdict": grades[n][0], "score": grades[n][1]} if n in grades else None for n in asks[0].items
        }  # fmt: skip

    metrics = PROTOCOLS["vdc"].judge(_with(truth), ask).metrics
    assert metrics == {"vdc_accuracy": 0.25, "vdc_score": 1.25}


def test_a_failed_answer_of_a_reader_is_not_the_first_choice():
    """StoryTeller's script counts it as A."""
    truth = Truth(questions=tuple(Question(f"{k}?", "a", ("a", "b", "c")) for k in range(3)))
    said = {"q1": "A", "q2": "unknown", "q3": None}

    def ask(asks):
        return {n: {"choice": said[n]} if said[n] else None for n in asks[0].items}

    metrics = PROTOCOLS["memory"].judge(_with(truth), ask).metrics
    assert metrics == pytest.approx({"memory_accuracy": 1 / 3, "memory_unknown": 1 / 3})


def test_multiple_binary_accuracy_needs_all_pairs_of_a_video():
    """TemporalBench: videos with 5/5, 4/5 and 5/5 right have 0.667, all pairs together 0.933."""
    truth = Truth(questions=tuple(Question(f"{k}?", "a", ("a", "b")) for k in range(5)))
    found = []
    for right in (5, 4, 5):

        def ask(asks, right=right):
            return {n: {"choice": "A" if int(n[1:]) <= right else "B"} for n in asks[0].items}

        found.append(PROTOCOLS["binary"].judge(_with(truth), ask).metrics)
    assert sum(m["multiple_binary_accuracy"] for m in found) / 3 == pytest.approx(2 / 3)
    assert sum(m["binary_accuracy"] for m in found) / 3 == pytest.approx(0.9333, abs=1e-4)


def test_an_axis_without_an_answer_counts_0():
    """LongWriter's script takes 3 of 5 for it, and drops captions whose ratings do not parse."""

    def ask(asks):
        return {n: {"score": 5} if n != "clarity" else None for n in asks[0].items}

    metrics = PROTOCOLS["quality"].judge(_with(Truth()), ask).metrics
    assert metrics == pytest.approx({"quality_score": 500 / 6, "relevance_score": 100.0})


def test_a_minimal_edit_changes_one_thing_and_makes_the_sentence_false():
    for text in (t for _, _, t, _ in story(1)):
        for _, edit in edited(text):
            assert edit != text and edit.split()[0][0].isupper() == text[0].isupper()
    assert dict(edited("The man turns left before he sits down slowly, twice."))["direction"].startswith(
        "The man turns right"
    )
    assert {kind for kind, _ in edited("Two red cars go left before noon, slowly.")} == {
        "order", "direction", "frequency", "magnitude", "colour"
    }  # fmt: skip
    assert edited("It rains.") == []


def test_position_and_scope_of_what_is_judged():
    one = case(1)
    spans = [(s, e) for s, e, _, _ in story(1)]
    assert one.position(spans[:1]) == pytest.approx(sum(spans[0]) / 2 / SECONDS)
    assert one.scope(spans[3:4]) == "within-event"
    assert one.scope(spans[3:5]) == "between-event"
    assert one.scope([spans[3], spans[12]]) == "long-term"
    assert one.scope([]) is None


def test_forms_of_key_points_and_questions():
    truth = truth_of(
        {
            "events": {
                "main_sbj_evts": ["<man1> sits down."],
                "main_sbj_ints": ["<man1> greets <dog>."],
                "bg_desc": ["It rains."],
            },
            "questions": [
                {"question": "Which?", "options": {"A": "a cat", "B": "a dog"}, "answer": "B"},
                {"question": "Which?\nA. a cat\nB. a dog", "GT": "A", "category": "order"},
                {"question": "Is it?", "answer": True},
                {"question": "Who?", "choices": ["x", "y"], "answer": 1},
            ],
        }
    )  # fmt: skip
    assert [(p.text, p.subjects) for p in truth.key_points] == [
        ("<man1> sits down.", ("man1",)), ("<man1> greets <dog>.", ("man1", "dog")), ("It rains.", ())
    ]  # fmt: skip
    assert [q.answer for q in truth.questions] == ["a dog", "a cat", "yes", "y"]
    assert truth.questions[1].text == "Which?" and truth.questions[1].group == "order"
    with pytest.raises(ValueError, match="not among its choices"):
        truth_of({"question": "Which?", "choices": ["a", "b"], "answer": "z"})


def test_shuffled_requests_find_the_same_answers():
    one = case(3, lambda events: random.Random(1).sample(list(events), len(events)))
    assert judged(one, "keypoints") == judged(one, "keypoints")
