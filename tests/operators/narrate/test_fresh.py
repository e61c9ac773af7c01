from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from operators.core.grid import Span
from operators.narrate import fresh as module
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Sentence

SPANS = {k: Span(5.0 * k, 5.0 * k + 10) for k in range(30)}
fresh = partial(module.fresh, alike=Alike(), spans=SPANS)


def test_what_is_told_already_is_left_out() -> None:
    a, b, part = (Sentence(t, (1,)) for t in ("A dog runs home.", "A cat sleeps.", "A dog runs."))
    assert fresh([a, b, a, part], [], []) == [a, b]
    assert fresh([part, a], [], []) == [part, a]  # the second says more
    assert fresh([a, b], [Sentence("A dog runs, a brown one, home.", ())], []) == [b]
    assert fresh([a, b], [], [Sentence("a dog runs home.", (1,))]) == [b]
    assert fresh([], [a], [b]) == []
    hit = Sentence("The man hits the car.", (1,))
    assert fresh([hit], [Sentence("The car hits the man.", ())], []) == [hit]
    no = Sentence("A dog does not run home.", (1,))
    assert fresh([no], [a], []) == [no]


def test_other_articles_and_pronouns_tell_nothing_new() -> None:
    told = [Sentence("A man throws a ball.", (1,))]
    assert fresh([Sentence("The man throws the ball.", (1,)), Sentence("He throws the ball.", (2,))], told, []) == []


def test_what_happens_again_in_other_windows_is_told_again() -> None:
    first, again = Sentence("A dog barks.", (2,)), Sentence("A dog barks.", (12,))
    assert fresh([first, again, again], [], []) == [first, again]
    assert fresh([again], [first], []) == [again]
    assert fresh([again], [], [first]) == [again], "also where the section before ends with the same words"
    assert fresh([Sentence("A dog barks.", (3,))], [first], []) == []  # windows 2 and 3 have five seconds in common


def test_repeated_sentences_are_counted() -> None:
    told = [
        Sentence(t, w)
        for t, w in (("A dog barks.", (2,)), ("A cat sleeps.", (2,)), ("The dog barks.", (3,)), ("A dog barks.", (20,)))
    ]
    assert module.duplicates(told, Alike(), SPANS) == 1


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([Sentence(t, (1,)) for t in ("A man walks.", "Walks a man!", "A red door opens.", "It rains.")])
    )
)
def test_nothing_fresh_is_there_twice(sentences: list[Sentence]) -> None:
    kept = fresh(sentences, [], [])
    assert len({s.text for s in kept}) == len(kept)
    assert fresh(kept, [], []) == kept
    assert [s for s in sentences if s in kept][:1] == kept[:1]
    assert bool(kept) is bool(sentences)
