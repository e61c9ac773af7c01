from __future__ import annotations

import copy
import json
import random
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.core import rows
from operators.core.base import ItemError, Row
from operators.coreference.candidates import Candidate
from operators.coreference.names import Names, name_all, parse_same, same_schema
from operators.coreference.rewriting import redone, rewritten, undone
from operators.engines.base import Request
from tests.operators.coreference.people import Seen, video, windows
from tests.support.engines import Model, asked
from tests.support.rows import captioned, usage

RED = "red jacket, grey beard"
MR_VIDEO: Seen = {
    1: [("a man in a red jacket", RED)],
    5: [("an older man", RED), ("a dog", "brown, small")],
    9: [("a bearded man", RED)],
}


def run(log: str, row: Row, *, script: list[dict[str, Any]] | None = None, **options: Any) -> tuple[Row, list[Request]]:
    threads = options.pop("threads", 0)
    engine = Model(script=json.dumps(script or []), log=f"names {log}", threads=threads)
    with Names(engine=engine, **options).open() as apply:
        return apply(row), asked(f"names {log}")


# -- the MR. Video case ------------------------------------------------------------------------------------------------


def test_one_actor_under_three_descriptions_is_one_person_with_one_name() -> None:
    made, requests = run("mr", video(MR_VIDEO))
    man, dog = made["names"]
    assert (man["name_id"], man["windows"], dog["name_id"], dog["windows"]) == ("n0", [1, 5, 9], "n1", [5])
    assert man["name"] == "a man in a red jacket"
    assert man["aliases"] == ["a man in a red jacket", "an older man", "a bearded man"]
    told = windows(made)
    assert told[1] == "A man in a red jacket walks by."
    assert told[5] == "A man in a red jacket walks by. A dog walks by."
    assert told[9] == "A man in a red jacket walks by."
    for text in told.values():
        assert "older man" not in text and "bearded man" not in text
    assert {r.kind for r in requests} == {"names"}
    assert {r.schema for r in requests} == {same_schema()}
    assert all("red jacket" in r.prompt and "in English" in r.prompt for r in requests)


def test_what_else_a_row_holds_stays() -> None:
    row = video(MR_VIDEO)
    before = copy.deepcopy(row)
    made, _ = run("stays", row)
    assert row == before  # the row that came in is left as it was: the store keeps what was said
    assert set(made) == set(row) | Names.writes
    assert {k: v for k, v in made.items() if k not in Names.writes} == {
        k: v for k, v in before.items() if k not in Names.writes
    }
    for segment, original in zip(made["captioned"], before["captioned"], strict=True):
        assert [{**w, "text": ""} for w in segment["windows"]] == [{**w, "text": ""} for w in original["windows"]]
        assert {**segment, "windows": 0, "frames": 0} == {**original, "windows": 0, "frames": 0}
    kept = {n: made.get(n) for n in rows.LONG_CAPTION.names}
    assert pa.Table.from_pylist([kept], schema=rows.LONG_CAPTION).to_pylist() == [kept]


def test_the_order_of_the_input_does_not_matter() -> None:
    wanted, _ = run("order", video(MR_VIDEO))
    for seed in range(4):
        row = video(MR_VIDEO)
        shuffle = random.Random(seed).shuffle
        for segment in row["captioned"]:
            shuffle(segment["windows"])
        shuffle(row["captioned"])
        made, _ = run(f"order {seed}", row, threads=3)
        assert made["names"] == wanted["names"]
        assert windows(made) == windows(wanted)


def test_two_whom_one_window_names_side_by_side_are_never_merged() -> None:
    seen: Seen = {
        0: [("a man", RED)],
        3: [("a tall man", RED), ("a short man", RED)],
        7: [("a smiling man", RED)],
    }
    always = [{"kind": "names", "do": "say", "text": '{"same": true, "name": "the man"}'}]
    made, requests = run("twins", video(seen), script=always, nearest=10)
    assert all({"a tall man, " + RED, "a short man, " + RED} != set(r.texts) for r in requests)
    (both,) = [[n for n in made["names"] if 3 in n["windows"]]]
    assert len(both) == 2
    for name in made["names"]:
        assert not {"a tall man", "a short man"} <= set(name["aliases"])


# -- what the model says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "[]",
        "{}",
        '{"same": "perhaps", "name": "x"}',
        '{"same": null, "name": "x"}',
        '{"name": "x"}',
        '{"same": true',
    ],
)
def test_anything_else_is_no_decision(text: str) -> None:
    with pytest.raises(ValueError):
        parse_same(text)


@pytest.mark.parametrize(
    "rule",
    [
        {"do": "empty"},
        {"do": "truncate"},
        {"do": "say", "text": "They are the same."},
        {"do": "say", "text": '{"same": false, "name": "a man in a red jacket"}'},
    ],
)
def test_a_pair_without_a_good_answer_stays_two(rule: dict[str, Any]) -> None:
    row = video(MR_VIDEO)
    made, requests = run(f"stays {rule}", row, script=[{"kind": "names", **rule}], tries=2)
    assert [n["windows"] for n in made["names"]] == [[1], [5], [5], [9]]
    assert windows(made) == windows(row)
    assert len(requests) == 3 * (1 if "false" in rule.get("text", "") else 2)


@pytest.mark.parametrize("do", ["engine", "internal"])
def test_an_engine_that_fails_is_another_times_work(do: str) -> None:
    with pytest.raises(ItemError, match="names could not be asked for") as error:
        run(f"fails {do}", video(MR_VIDEO), script=[{"kind": "names", "do": do}], tries=2)
    assert (error.value.failure_class, error.value.attempts) == (do, 2)


def test_a_malformed_answer_is_asked_again_and_counted() -> None:
    script = [{"kind": "names", "do": "say", "text": "Yes!", "times": 1}]
    made, requests = run("again", video(MR_VIDEO, usage=usage()), script=script)
    assert made["names"][0]["windows"] == [1, 5, 9]
    assert made["usage"]["rejected"] == ["malformed"] * 3
    # three pairs, each asked twice; an answer that breaks a script's rule counts no token
    assert (len(requests), made["usage"]["output_tokens"]) == (6, 5 + 3)
    assert (made["usage"]["prompt_tokens"], made["usage"]["engine_s"]) == (10, 0.5)


def test_where_no_window_has_fields_nothing_is_asked_and_nothing_changes() -> None:
    row = video({})
    for segment in row["captioned"]:
        for window in segment["windows"]:
            window["fields"] = None
    made, requests = run("bare", row)
    assert (made["names"], requests, windows(made)) == ([], [], windows(row))
    assert made["captioned"] == row["captioned"]


def test_the_language_reaches_the_prompt_and_seeds_differ() -> None:
    _, requests = run("french", video(MR_VIDEO), language="French")
    assert all("in French" in r.prompt for r in requests)
    assert len({r.seed for r in requests}) == len(requests)


def test_the_prompt_is_part_of_the_identity(tmp_path: Any) -> None:
    mine = tmp_path / "mine.j2"
    mine.write_text("{# version: 9 #}\nSame? {{ first.name }} {{ second.name }}\n")
    assert Names(prompt=str(mine)).identity_extra() != Names().identity_extra()
    _, requests = run("mine", video(MR_VIDEO), prompt=str(mine))
    assert requests[0].prompt.startswith("Same? ")


# -- names -------------------------------------------------------------------------------------------------------------


def person(name: str, looks: str, *seen: int) -> Candidate:
    return Candidate(name=name, looks=looks, start_s=5.0 * seen[0], windows=list(seen))


def test_names_are_unique_by_their_looks_or_a_number() -> None:
    found = [person("a man", looks, k) for k, looks in enumerate(["tall", "short", "short", "", "tall"])]
    assert [n["name"] for n in name_all(found, [])] == [
        "a man",
        "a man (short)",
        "a man 2",
        "a man 3",
        "a man (tall)",
    ]
    assert [n["name_id"] for n in name_all(found, [])] == ["n0", "n1", "n2", "n3", "n4"]


def test_a_name_is_what_the_surest_pair_proposes() -> None:
    found = [person("a man", "tall", 0), person("a guy", "tall", 3), person("a fellow", "tall", 6)]
    assert [n["name"] for n in name_all(found, [(0, 1, " Anna. "), (1, 2, "Bert")])] == ["Anna"]
    assert [n["name"] for n in name_all(found, [(0, 1, "  . ")])] == ["a man", "a fellow"]


def test_a_chain_of_pairs_does_not_join_who_is_seen_together() -> None:
    found = [person("a man", "", 0, 4), person("a guy", "", 2), person("a fellow", "", 4)]
    named = name_all(found, [(0, 1, "he"), (1, 2, "he")])
    assert [n["windows"] for n in named] == [[0, 2, 4], [4]]


PEOPLE = st.lists(
    st.builds(
        lambda name, looks, seen: Candidate(name=name, looks=looks, start_s=0.0, windows=sorted(seen)),
        st.sampled_from(["a man", "the man", "A woman", "Anna", "a dog"]),
        st.sampled_from(["", "tall", "red hat"]),
        st.sets(st.integers(0, 6), min_size=1, max_size=3),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(PEOPLE, st.data())
def test_everybody_is_named_once(found: list[Candidate], data: st.DataObject) -> None:
    index = st.integers(0, max(0, len(found) - 1))
    pairs = st.tuples(index, index, st.sampled_from(["", "Anna", "a man", "the dog"]))
    same = data.draw(st.lists(pairs, max_size=6)) if found else []
    named = name_all(found, same)
    assert len({n["name"].casefold() for n in named}) == len(named)
    assert all(n["name"] for n in named)
    assert [n["name_id"] for n in named] == [f"n{k}" for k in range(len(named))]
    assert {w for n in named for w in n["windows"]} == {w for c in found for w in c.windows}
    # who is seen side by side is not joined: a window counts once for each who was joined
    assert sum(len(n["windows"]) for n in named) == sum(len(c.windows) for c in found)
    assert {a for n in named for a in n["aliases"]} == {c.name for c in found}


# -- rewriting ---------------------------------------------------------------------------------------------------------


def called(
    name: str, *aliases: str, seen: tuple[int, ...] = (0,), name_id: str = "n0", looks: tuple[str, ...] = ()
) -> Row:
    return {
        "name_id": name_id,
        "name": name,
        "aliases": list(aliases),
        "windows": list(seen),
        "looks": list(looks),
        "renames": [],
    }


def told_of(text: str, *names: Row) -> str:
    segment = captioned("v", 0)
    segment["windows"][0]["text"] = text
    made, renames = rewritten(segment, names)
    kept = [{**n, "renames": [r for r in renames if r["name_id"] == n["name_id"]]} for n in names]
    assert undone(made, kept) == segment, "each rename can be undone"
    assert redone(segment, kept) == made, "and done again"
    return str(made["windows"][0]["text"])


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        # case and articles stay as they read
        ("A man walks.", [called("a tall man", "a man")], "A tall man walks."),
        ("The man walks; then the man sits.", [called("a chef", "a man")], "The chef walks; then the chef sits."),
        ("Then a man and another man wave.", [called("a chef", "man")], "Then a chef and another man wave."),
        ("He sees a man.", [called("an old chef", "a man")], "He sees an old chef."),
        ("An old chef eats.", [called("a man", "an old chef")], "A man eats."),
        ("The young man eats.", [called("the chef", "man")], "The young man eats."),
        ("The young man eats.", [called("the chef", "man", looks=("young, in white",))], "The young chef eats."),
        ("A MAN walks. the MAN sits.", [called("a chef", "a man")], "A chef walks. the chef sits."),
        ('He says: "A man walks."', [called("a chef", "a man")], 'He says: "A man walks."'),
        # proper names have no article
        ("The woman waves. Then a woman sits.", [called("Anna", "a woman")], "Anna waves. Then a woman sits."),
        ("Anna waves, and Anna sits.", [called("the chef", "Anna")], "The chef waves, and the chef sits."),
        # the longest first, and a name that stands there already stays
        (
            "A man in red and a man walk.",
            [called("Bert", "a man in red"), called("Carl", "a man", name_id="n1")],
            "Bert and Carl walk.",
        ),
        ("A man in red walks.", [called("a man in red", "a man in red", "a man")], "A man in red walks."),
        ("The man in red walks.", [called("a man in red", "a man in red", "a man")], "The man in red walks."),
        (
            "The old man sees the man.",
            [called("old man", "old man"), called("the chef", "man", name_id="n1")],
            "The old man sees the chef.",
        ),
        # one pass: no name is taken for an alias of another
        (
            "A cat sees a dog.",
            [called("the dog of the house", "cat"), called("the fox", "dog", name_id="n1")],
            "A dog of the house sees a fox.",
        ),
        # the same person under two articles, or in two cases
        ("The man walks.", [called("the chef", "a man", "the man", "A man")], "The chef walks."),
        # one alias of two who are both here names neither
        (
            "A man waves.",
            [called("Bert", "a man"), called("Carl", "the man", name_id="n1")],
            "A man waves.",
        ),
        # whole words
        ("A mansion of a woman.", [called("Bert", "man")], "A mansion of a woman."),
        ("Women and men.", [called("Bert", "men")], "Women and Bert."),
        ("The man's hat, the man-child.", [called("the chef", "man")], "The chef's hat, the man-child."),
        # signs, other scripts
        ("A man (tall) walks.", [called("Bert", "a man (tall)")], "Bert walks."),
        ("A c++ sign.", [called("the sign", "c++ sign")], "A sign."),
        ("İKİ KADIN geçer, iki kadın.", [called("Ayşe", "iki kadin")], "İKİ KADIN geçer, iki kadın."),
        ("穿红夹克的男人 走了。", [called("王先生", "穿红夹克的男人")], "王先生 走了。"),
        ("Nobody is here.", [], "Nobody is here."),
    ],
)
def test_how_captions_read_then(text: str, names: list[Row], wanted: str) -> None:
    assert told_of(text, *names) == wanted


CHEF = called("the chef", "a man", looks=("red jacket, grey beard",))
ANNA = called("Anna", "a woman", looks=("green dress",))
BOTH = [CHEF, {**ANNA, "name_id": "n1"}]


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        # somebody else
        ("A man and another man wave.", [CHEF], "A chef and another man wave."),
        ("One woman laughs, the other woman nods.", [ANNA], None),
        ("The first man waves, the second man sits.", [CHEF], None),
        (
            "Each man waves, and every man sits. No man stands.",
            [CHEF],
            "Each man waves, and every man sits. No man stands.",
        ),
        ("A man sits. A man stands behind him.", [CHEF], "A chef sits. A man stands behind him."),
        ("The man greets another man. The man leaves.", [CHEF], "The chef greets another man. The man leaves."),
        ("Some other woman and a different woman wave.", [ANNA], None),
        # compounds
        ("A man-made pond and a man cave.", [CHEF], None),
        ("A snow-man and a man's hat.", [CHEF], "A snow-man and a chef's hat."),
        (
            "The car door opens, and the car stops.",
            [called("the taxi", "car")],
            "The car door opens, and the car stops.",
        ),
        ("The car stops next to the car park.", [called("the taxi", "car")], "The taxi stops next to the car park."),
        (
            "The dog leash and the dog toys are red.",
            [called("Rex", "a dog")],
            "The dog leash and the dog toys are red.",
        ),
        ("A woman doctor waves.", [ANNA], None),
        # looks that differ, and looks that do not
        ("The man in a blue shirt waves.", [CHEF], None),
        ("The man wearing a helmet waves.", [CHEF], None),
        ("The man in a red jacket waves.", [CHEF], "The chef in a red jacket waves."),
        ("The man with a grey beard waves.", [CHEF], "The chef with a grey beard waves."),
        ("The man in the kitchen waves.", [CHEF], "The chef in the kitchen waves."),
        ("The tall man waves, and an old man sits.", [CHEF], None),
        ("The bearded man waves.", [CHEF], "The bearded chef waves."),
        ("The woman in a red dress waves.", [ANNA], None),
        # and what is meant
        (
            "Then the man walks and the woman ran.",
            BOTH,
            "Then the chef walks and Anna ran.",
        ),
        (
            "The man, who smiles, gives the woman a cup.",
            BOTH,
            "The chef, who smiles, gives Anna a cup.",
        ),
    ],
)
def test_only_mentions_of_that_very_thing_are_renamed(text: str, names: list[Row], wanted: str | None) -> None:
    assert told_of(text, *names) == (wanted or text)


def test_in_other_languages_less_is_known_and_other_is_still_another() -> None:
    segment = captioned("v", 0)
    segment["windows"][0]["text"] = "Die Straße ist leer. Eine andere Straße nicht."
    made, _ = rewritten(segment, [called("Gasse", "Straße")], "German")
    assert made["windows"][0]["text"] == "Die Gasse ist leer. Eine andere Straße nicht."


def test_captions_are_rewritten_only_where_somebody_was_seen() -> None:
    segment = captioned("v", 0)
    for window in segment["windows"]:
        window["text"] = "A man walks."
    for frame in segment["frames"]:
        frame["text"] = "A man stands."
    made, _ = rewritten(
        segment, [called("Bert", "a man", seen=(2, 3)), called("Carl", "a man", seen=(7,), name_id="n1")]
    )
    texts = {w["window_index"]: w["text"] for w in made["windows"]}
    assert {k for k, t in texts.items() if t == "Bert walks."} == {2, 3}
    assert {k for k, t in texts.items() if t == "Carl walks."} == {7}
    frames = {f["time_s"]: f["text"] for f in made["frames"]}
    assert {t for t, text in frames.items() if text == "Bert stands."} == {float(t) for t in range(10, 25)}
    assert {t for t, text in frames.items() if text == "Carl stands."} == {float(t) for t in range(35, 45)}
    assert {t for t, text in frames.items() if text == "A man stands."} == {
        float(t) for t in range(60) if not 10 <= t < 25 and not 35 <= t < 45
    }


CALLED = st.lists(
    st.tuples(
        st.sampled_from(["Anna", "the chef", "a man in red", "an old man", "a man", "the dog", "a red car"]),
        st.lists(
            st.sampled_from(["a man", "the man", "A man", "a man in red", "dog", "an old man", "car", "Bert"]),
            min_size=1,
            max_size=4,
        ),
    ),
    max_size=4,
    unique_by=lambda t: t[0],
)
SAID = st.lists(
    st.sampled_from(["A man", "the man in red", "an old man", "Bert", "A dog", "the car", "a chef", "Anna"]),
    min_size=1,
    max_size=8,
).map(lambda parts: ", ".join(parts) + " wave.")


@settings(deadline=None, max_examples=300)
@given(SAID, CALLED)
def test_rewriting_twice_changes_nothing_more(text: str, people: list[tuple[str, list[str]]]) -> None:
    names = [called(name, *aliases, name_id=f"n{k}") for k, (name, aliases) in enumerate(people)]
    once = told_of(text, *names)
    assert told_of(once, *names) == once


@settings(deadline=None, max_examples=30)
@given(
    st.dictionaries(
        st.integers(0, 18),
        st.lists(
            st.tuples(
                st.sampled_from(["a man", "an older man", "Bert", "the man in red", "a dog"]),
                st.sampled_from(["red jacket", "red jacket, tall", "brown"]),
            ),
            max_size=3,
            unique=True,
        ),
        max_size=8,
    )
)
def test_a_name_stands_only_in_windows_of_the_video(seen: Seen) -> None:
    row = video(seen)
    made, _ = run("property", row)
    assert {w for n in made["names"] for w in n["windows"]} == {k for k, people in seen.items() if people}
    assert all(a < b for n in made["names"] for a, b in pairwise(n["windows"]))
    untouched = {k for k in windows(row) if not seen.get(k)}
    assert {k: windows(made)[k] for k in untouched} == {k: windows(row)[k] for k in untouched}
    again = [rewritten(segment, made["names"])[0] for segment in made["captioned"]]
    assert again == made["captioned"]
