from __future__ import annotations

import pytest

from operators.narrate.grounding.conflict import conflict

TRUE = "Two men in red shirts carry a long ladder into the house."


@pytest.mark.parametrize(
    ("text", "other", "why"),
    [
        ("Three men in red shirts carry a long ladder into the house.", TRUE, "number"),
        ("A man lifts a barbell.", "Two men lift a barbell.", "number"),
        ("Four women dance on a stage.", "A woman dances on a stage.", "number"),
        ("He takes the third cup from the shelf.", "He takes the first cup from the shelf.", "number"),
        ("3 dogs run on a beach.", "Two dogs run on a beach.", "number"),
        ("Two men in blue shirts carry a long ladder into the house.", TRUE, "colour"),
        ("A woman paints the wall green.", "A woman paints the wall yellow.", "colour"),
        ("Two men in red shirts do not carry a long ladder.", TRUE, "negation"),
        ("Two men in red shirts don't carry a long ladder.", TRUE, "negation"),
        ("He rides without a helmet.", "He rides with a helmet.", "negation"),
        ("Nobody lifts the heavy box.", "A man lifts the heavy box.", "negation"),
        ("She turns left at the corner.", "She turns right at the corner.", "opposite"),
        ("A boy opens the wooden door.", "A boy closes the wooden door.", "opposite"),
        ("The dog chases the cat around a tree.", "The cat chases the dog around a tree.", "roles"),
        ("A barbell lifts a man.", "A man lifts a barbell.", "roles"),
        ("Three ladies dance on the stage.", "Two women dance on the stage.", "number"),
    ],
)
def test_what_excludes_each_other(text: str, other: str, why: str) -> None:
    assert conflict(text, other) == why


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (TRUE, TRUE),
        ("The men carry the ladder into the house.", TRUE),
        ("A long ladder is carried into the house by two men in red shirts.", TRUE),
        ("In a gym, a man lifts a barbell.", "A man lifts a barbell in a gym."),
        ("Two men play chess.", "A man plays chess with another man."),
        ("A pair of dogs run on a beach.", "Two dogs run on a beach."),
        ("A woman in a grey coat waits.", "A woman in a gray coat waits."),
        ("He does not wear a helmet.", "The man isn't wearing a helmet."),
        ("A man is no longer young and lifts a box.", "A man who is no longer young lifts a box."),
        (
            "A child on the horse swings a stick.",
            "A sign says never to use a whip, and a child on the horse swings a stick.",
        ),
        ("A red car stops.", "A man in a blue coat walks."),
        ("", ""),
    ],
)
def test_what_does_not(text: str, other: str) -> None:
    assert conflict(text, other) is None
