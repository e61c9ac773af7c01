"""Which notes enter a prompt, and in which order."""

from __future__ import annotations

from pipeline.retrieval.notes import MOST, Note, best_of


def _note(video: str, start_s: float, text: str) -> Note:
    return Note(video_id=video, uri=f"/{video}.mp4", start_s=start_s, end_s=start_s + 1, text=text)


def test_the_best_of_each_ranking_stay_in_order_of_time() -> None:
    captions = [_note("b" if n % 2 else "a", 1000.0 - n, f"caption {n}") for n in range(90)]
    speech = [_note("c", 500.0 - n, f"speech {n}") for n in range(90)]
    text = [_note("c", 10.0, "text 0")]
    best = best_of([captions, speech, text, []])
    assert len(best) == MOST == 60
    assert {n.text for n in best} == {
        "text 0",
        *(f"caption {n}" for n in range(30)),
        *(f"speech {n}" for n in range(29)),
    }
    assert list(dict.fromkeys(n.video_id for n in best)) == ["a", "c", "b"]
    assert [n.start_s for n in best] == [t for v in "acb" for t in sorted(n.start_s for n in best if n.video_id == v)]


def test_few_notes_all_stay_once() -> None:
    one, two = _note("a", 5.0, "later"), _note("a", 1.0, "earlier")
    assert best_of([[one, one], [two]]) == [two, one] and best_of([[], []]) == []
