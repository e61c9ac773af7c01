from __future__ import annotations

from operators.analysis.columns import Columns, columns_of
from operators.analysis.facts import Camera, Facts, Motion, Piece, Transition

NOTHING = dict.fromkeys(Columns.__annotations__)


def piece(start_s: float, end_s: float, share: float, state: str, frozen: bool) -> Piece:
    camera = Camera(state=state)  # type: ignore[arg-type]
    return Piece(start_s=start_s, end_s=end_s, camera=camera, motion=Motion(level="some", share=share), frozen=frozen)


def test_shares_are_weighted_by_time_and_what_is_unsure_does_not_count() -> None:
    facts = Facts(
        start_s=0.0,
        end_s=20.0,
        transitions=(Transition(kind="cut", start_s=8.0, end_s=8.0),),
        pieces=(
            piece(0.0, 5.0, 0.4, "moves", False),
            piece(5.0, 8.0, 0.0, "still", True),
            piece(8.0, 10.0, 0.1, "unsure", False),
            Piece(start_s=10.0, end_s=20.0),
        ),
    )
    assert columns_of(facts, whole=True) == {
        "motion": 0.22,
        "moving_camera": 0.625,
        "still": 0.3,
        "duplicate": None,
        "text_share": None,
        "shots": 2,
        "longest_shot_s": 12.0,
    }


def test_across_a_missing_segment_shots_are_not_counted() -> None:
    facts = Facts(start_s=0.0, end_s=20.0, transitions=(), pieces=(piece(0.0, 5.0, 0.4, "moves", False),))
    found = columns_of(facts, whole=False)
    assert (found["shots"], found["longest_shot_s"], found["motion"]) == (None, None, 0.4)
    assert columns_of(facts, whole=True)["longest_shot_s"] == 20.0


def test_what_was_not_measured_is_null() -> None:
    assert columns_of(None, whole=True) == NOTHING
    assert columns_of(Facts(start_s=0.0, end_s=9.0), whole=True) == NOTHING


def test_text_is_a_mean_over_the_time_it_was_read_in() -> None:
    pieces = (
        Piece(start_s=0.0, end_s=5.0, text=("A",), text_share=0.2),
        Piece(start_s=5.0, end_s=10.0, text=(), text_share=0.0),
        Piece(start_s=10.0, end_s=15.0),
    )
    assert columns_of(Facts(start_s=0.0, end_s=15.0, pieces=pieces), whole=True)["text_share"] == 0.1
