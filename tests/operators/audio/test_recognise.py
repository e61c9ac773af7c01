"""Lines that cannot have been said where a recogniser puts them are left out."""

from __future__ import annotations

import pytest

from operators.audio.recognise import placed
from operators.audio.recognisers.base import Utterance
from operators.audio.voice import CHUNK_S, VoiceRules, spans_of

VOICE = (10.0, 14.0)


def test_a_line_is_put_on_the_videos_clock_and_cut_to_the_voice() -> None:
    said = Utterance(0.1, 4.2, "hello there", ((0.1, 0.9, "hello", 0.5), (3.6, 4.2, "there", None)), 0.5, "en")
    line = placed(said, 9.85, VOICE, "x")
    assert line is not None and (line.start_s, line.end_s, line.origin) == (10.0, 14.0, "x")
    assert line.words is not None and [w.text for w in line.words] == ["hello", "there"]
    assert line.words[0].start_s == 10.0 and line.words[1].end_s == 14.0


@pytest.mark.parametrize(
    "said",
    [
        Utterance(4.4, 30.0, "Thanks for watching!"),  # behind the voice: silence
        Utterance(0.0, 0.2, "Subtitles by the community"),  # before it
        Utterance(4.0, 4.09, "a whole sentence that nobody can say so fast"),
        Utterance(3.0, 30.0, "a line of which most lies in silence"),
    ],
)
def test_what_is_said_in_silence_or_too_fast_is_left_out(said: Utterance) -> None:
    assert placed(said, 9.95, VOICE, "x") is None


def test_spans_join_short_pauses_leave_out_clicks_and_are_cut_where_the_voice_is_weakest() -> None:
    rules = VoiceRules(threshold=0.5, min_speech_s=0.25, min_silence_s=0.4, max_line_s=3.2)
    quiet, loud = [0.0] * 40, [0.9] * 50
    joined = [*quiet, *loud, *([0.1] * 5), *loud, *quiet, *([0.9] * 3), *quiet]
    assert spans_of(joined, VoiceRules(threshold=0.5, min_speech_s=0.25, min_silence_s=0.4, max_line_s=30)) == [
        pytest.approx((40 * CHUNK_S, 145 * CHUNK_S))
    ]
    weak = [*([0.9] * 80), 0.6, *([0.9] * 80)]
    assert spans_of(weak, rules) == [pytest.approx((0, 80 * CHUNK_S)), pytest.approx((80 * CHUNK_S, 161 * CHUNK_S))]
    assert spans_of([], rules) == []
