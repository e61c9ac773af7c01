"""Who is who in a video, and what they are called."""

from __future__ import annotations

import copy
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.core import rows
from operators.core.base import ItemError
from operators.coreference.candidates import Candidate
from operators.coreference.names import Names, name_all, parse_same, same_schema
from tests.operators.coreference.people import Seen, run, video, windows
from tests.support.rows import usage

RED = "red jacket, grey beard"

MR_VIDEO: Seen = {
    1: [("a man in a red jacket", RED)],
    5: [("an older man", RED), ("a dog", "brown, small")],
    9: [("a bearded man", RED)],
}


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
