"""What an answer keeps of its source."""

from __future__ import annotations

import pytest

from operators.ask.checks import Check, leaks, problem, texts_in

SHOT = {
    "subjects": [{"name": "an old fisherman", "looks": "grey beard"}],
    "action": "mends a net",
    "camera": "pans left",
}


@pytest.mark.parametrize(
    ("check", "source", "answer", "into", "says"),
    [
        ("sentences", "A dog runs. It barks.", "Ein Hund rennt. Er bellt.", "German", None),
        ("sentences", "A dog runs. It barks.", "Ein Hund rennt und bellt.", "German", "it has 1 sentences"),
        ("numbers", "Car 7 passes 1,200 people.", "Wagen 7 passiert 1.200 Menschen.", "German", None),
        ("numbers", "It lasts 3.5 s and 1,200.25 m.", "Es dauert 3,5 s und 1.200,25 m.", "German", None),
        ("numbers", "1,200 people at 1:05.", "1\u202f200 personnes \u00e0 1:05.", "French", None),
        ("numbers", "It lasts 3.5 seconds.", "Es dauert 35 Sekunden.", "German", "(3.5, 35)"),
        ("numbers", "At 1:05 it ends.", "Bei 105 endet es.", "German", "(1:05, 105)"),
        ("numbers", "Car 7 passes 2 people.", "Wagen 8 passiert 2 Menschen.", "German", "(7, 8)"),
        ("names", "Here Anna meets robot R2-D2.", "Hier trifft Anna R2-D2.", "German", None),
        ("names", "Here Anna meets robot R2-D2.", "Hier trifft Hanna R2-D2.", "German", "names Anna"),
        (
            "names",
            "Here Anna meets robot R2-D2.",
            "Hier trifft sie den Roboter.",
            "German",
            "names Anna, R2-D2",
        ),
        ("words", "an old fisherman mends nets", "The fisherman is mending a net.", "English", None),
        ("words", "an old fisherman mends nets", "The fisherman smokes a pipe.", "English", "smokes, pipe"),
    ],
)
def test_what_is_kept(check: Check, source: str, answer: str, into: str, says: str | None) -> None:
    found = problem([check], source, answer, into=into)
    assert (found is None) if says is None else (found is not None and says in found)


def test_a_prompt_from_a_shot_uses_only_what_the_shot_holds() -> None:
    source = " ".join(texts_in(SHOT))
    assert leaks(source, "An old fisherman with a grey beard mends a net while the camera pans left.") == []
    assert leaks(source, "An old fisherman mends a net at sunset.") == ["sunset"]
