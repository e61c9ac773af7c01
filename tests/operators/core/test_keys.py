from __future__ import annotations

from operators.caption.caption import Caption
from operators.core.fingerprint import chain, digest
from operators.core.keys import caption_key, caption_keys, narrator_key, source_key, video_key, video_keys
from operators.narrate.narrate import Narrate
from operators.video.decode import Decode


def test_everything_that_makes_captions_is_in_their_key() -> None:
    decode, caption = Decode(), Caption()
    keys = [
        caption_key("v", "1", 120.0, [decode, caption]),
        caption_key("w", "1", 120.0, [decode, caption]),
        caption_key("v", "2", 120.0, [decode, caption]),
        caption_key("v", "1", 60.0, [decode, caption]),
        caption_key("v", "1", 120.0, [caption, decode]),
        caption_key("v", "1", 120.0, [decode]),
        caption_key("v", "1", 120.0, [decode, Caption(language="French")]),
        source_key("v", "1"),
    ]
    assert len(set(keys)) == len(keys)
    assert caption_key("v", "1", 120.0, [decode, Caption(concurrency=64)]) == keys[0]


def test_a_long_caption_is_keyed_by_what_it_tells_and_who_tells_it() -> None:
    narrator, other = narrator_key([Narrate()]), narrator_key([Narrate(section_s=30.0)])
    assert narrator != other
    assert video_key("c", [0, 1], narrator) == video_key("c", {1, 0}, narrator)
    keys = {
        video_key("c", [0, 1], narrator),
        video_key("c", [0], narrator),
        video_key("d", [0, 1], narrator),
        video_key("c", [0, 1], other),
    }
    assert len(keys) == 4


def test_keys_of_many_are_the_keys_of_each() -> None:
    operators = [Decode(fps=2.0), Narrate()]
    videos = [('it\'s "é"', "1"), ("b", "é\n2"), ("c", "")]
    for (video_id, version), key in zip(videos, caption_keys(videos, 120.0, operators), strict=True):
        plain = digest([video_id, version, 120.0])
        for operator in operators:
            plain = chain(plain, operator)
        assert key == plain == caption_key(video_id, version, 120.0, operators)
    for count in (1, 2, 61):
        assert list(video_keys([("abc", count, "n")])) == [video_key("abc", range(count), "n")]
