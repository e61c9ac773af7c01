"""Long captions of videos that are odd, long, quoted or in another language."""

from __future__ import annotations

import pyarrow as pa
import pytest

from operators.core import rows
from operators.core.base import Row
from operators.narrate.narrate import Narrate
from tests.operators.narrate.films import check_citations, facts, film, loaded, model, run
from tests.support.rows import captioned, usage


@pytest.mark.parametrize(
    "text", ["An empty street in the rain.", "雨中空无一人的街道。", "बारिश में एक खाली सड़क।", "Hm."]
)
def test_a_video_in_which_nothing_changes_still_gets_a_row(text: str) -> None:
    row = film(text=lambda k: text, frame=text)
    made, _ = model(f"static {text}", row, words_per_minute=120.0, language="any")
    assert len(made["sections"]) == 10
    # what is too short for a model's answer stands as a quotation, with its time
    assert {s["text"].split(": ")[-1] for s in made["sections"]} == {text}
    check_citations(made, range(119))


def test_a_film_in_another_language_reaches_every_prompt() -> None:
    def french(k: int) -> str:
        return f"Un homme portant un chapeau numéro {k} marche lentement dans la rue vers la gare de la ville."

    row = film(text=french, frame="Une lampe éclaire le mur de la rue.")
    made, requests = model("french film", row, context=600, words_per_minute=60.0, language="French")
    assert {r.kind for r in requests} == {"outline", "digest", "section", "video"}
    assert all("in French" in r.prompt for r in requests)
    assert made["integrity"] is True


def test_equal_films_give_equal_rows() -> None:
    first, _ = model("film one", film(), context=800, words_per_minute=60.0)
    second, _ = model("film two", film(), context=800, words_per_minute=60.0)
    assert first == second
    kept = {n: first.get(n) for n in rows.LONG_CAPTION.names}
    assert pa.Table.from_pylist([kept], schema=rows.LONG_CAPTION).to_pylist() == [kept]


def test_usage_is_summed_over_all_requests_and_what_came_before() -> None:
    row = {**film(), "usage": usage()}
    made, requests = model("usage", row, context=800, words_per_minute=60.0)
    answered = made["usage"]["output_tokens"] - 5
    assert 12 <= answered <= len(requests)
    assert made["usage"]["prompt_tokens"] == 10


def quoting(row: Row) -> Row:
    with Narrate(section_s=50.0).open() as tell:
        return tell(row)


def test_measure_quotes_the_captions_of_another_engine() -> None:
    made = quoting(loaded())
    assert made["sections"][0]["text"].startswith("From 0:00 to 0:10: Window 0 is told. From 0:05 to 0:15: Window 1 is")
    said = [s for section in made["sections"] for s in section["sentences"]]
    assert [s["windows"] for s in said] == [[k] for k in range(19)]
    assert made["caption"].startswith(
        "Window 0 is told. Window 10 is told.\n\n"
    )  # nothing was measured: it quotes, too


def test_what_both_sides_of_a_section_say_is_quoted_once() -> None:
    segments = [captioned("v", k) for k in range(2)]
    for window in (w for s in segments for w in s["windows"]):
        window["text"] = "A dog barks. A cat sleeps." if window["window_index"] in (9, 10) else "It rains."
    text = quoting(loaded(segments))["caption"]
    assert text.count("A dog barks. A cat sleeps.") == 1


def test_where_it_measured_itself_it_tells_from_what_was_measured() -> None:
    provenance = {"engine": "measure", "model": "m", "revision": "1", "prompts": "{}", "sampling": "{}"}
    segments = [
        captioned("v", 0, facts=facts(0.0, 60.0), provenance=provenance),
        captioned("v", 1, facts=facts(60.0, 100.0), provenance=provenance),
    ]
    assert "is told" not in quoting(loaded(segments))["caption"]


def test_captions_come_to_a_model_with_their_times() -> None:
    _, requests = run("times", loaded())
    assert "[2] 0:05 to 0:15: Window 1 is told." in requests[0].prompt.splitlines()
