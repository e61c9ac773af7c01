from __future__ import annotations

import numpy as np

from operators.engines.decoded import Decoded
from operators.video.images import to_jpeg


def jpeg(level: int) -> bytes:
    return to_jpeg(np.full((10, 20, 3), level, np.uint8), 90)


def test_a_frame_is_decoded_once_and_equal_bytes_are_one_image() -> None:
    decoded = Decoded()
    first = decoded.image(jpeg(30))
    assert (first.mode, first.size) == ("RGB", (20, 10))
    assert decoded.image(bytes(bytearray(jpeg(30)))) is first
    assert decoded.image(jpeg(90)) is not first


def test_what_was_not_used_for_longest_goes_first() -> None:
    decoded = Decoded(kept_bytes=2 * 20 * 10 * 3)
    first, second = decoded.image(jpeg(10)), decoded.image(jpeg(20))
    assert decoded.image(jpeg(10)) is first
    decoded.image(jpeg(30))
    assert decoded.image(jpeg(10)) is first
    assert decoded.image(jpeg(20)) is not second


def test_an_image_larger_than_all_room_is_given_all_the_same() -> None:
    decoded = Decoded(kept_bytes=1)
    assert decoded.image(jpeg(10)).size == (20, 10)
    assert decoded.image(jpeg(20)).getpixel((0, 0)) == (20, 20, 20)
