from __future__ import annotations

import pytest

from operators.core.grid import Span
from operators.narrate.grounding.ground import Sentence
from operators.narrate.seams import in_order, lead, without_seam


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("In this part of the video, a man lifts a box. He smiles.", "A man lifts a box. He smiles."),
        ("In this section, we see a man lifting a box.", "A man is lifting a box."),
        ("Throughout this segment: the boy runs.", "The boy runs."),
        ("As the video continues, the boy runs.", "The boy runs."),
        ("At this point in the clip, the boy runs.", "The boy runs."),
        ("This section shows a tall man lifting a box.", "A tall man is lifting a box."),
        ("This part of the video describes how two men play.", "Two men play."),
        ("The next segment begins with three children playing chess.", "Three children are playing chess."),
        ("The video continues to show a dog that is asleep.", "There is a dog that is asleep."),
        ("The scene opens with a red car.", "There is a red car."),
        ("In the kitchen, a man lifts a box.", "In the kitchen, a man lifts a box."),
        ("A video game plays on a screen, and a boy watches.", "A video game plays on a screen, and a boy watches."),
        ("The scene shifts to a kitchen.", "The scene shifts to a kitchen."),
        ("Part of the wall falls, a man runs.", "Part of the wall falls, a man runs."),
        ("", ""),
    ],
)
def test_openings_that_name_the_part_are_cut(text: str, left: str) -> None:
    assert without_seam(text) == left


def test_a_joining_word_opens_one_section_only() -> None:
    assert lead("Next, a man walks.") == "next" and lead("In the hall, a man walks.") is None
    assert without_seam("Next, a man walks.") == "Next, a man walks."
    assert without_seam("Next, a man walks.", {"next"}) == "A man walks."


SPANS = {k: Span(5.0 * k, 5.0 * k + 10) for k in range(10)}


def told(*said: tuple[str, int]) -> list[Sentence]:
    return [Sentence(text, (window,)) for text, window in said]


def test_cited_times_do_not_run_backwards() -> None:
    a, b, late, c = told(("A man walks.", 1), ("A dog barks.", 3), ("A cat sleeps.", 2), ("A door opens.", 5))
    assert in_order([a, b, late, c], SPANS) == ([a, late, b, c], [])
    leaning = Sentence("Then he sits.", (0,))
    assert in_order([a, b, leaning, c], SPANS) == ([a, b, c], [leaning])
    assert in_order([a, b, c], SPANS) == ([a, b, c], [])
    assert in_order([], SPANS) == ([], [])


def test_windows_that_support_a_sentence_nearly_as_well_keep_it_in_its_place() -> None:
    whole = Sentence("Two women dance.", (3, 4), also=(0, 1, 2))
    first, later = told(("A man walks.", 1), ("A door opens.", 2))
    made, gone = in_order([whole, first, later], SPANS)
    assert ([s.text for s in made], gone) == (["Two women dance.", "A man walks.", "A door opens."], [])
    assert made[0].windows == (0, 3, 4)
    made, _ = in_order([first, later, whole], SPANS)
    assert made[-1].windows == (3, 4)
    cited = Sentence("A cat sleeps.", (0, 2, 5))
    assert in_order([later, cited], SPANS)[0][-1].windows == (2, 5)
