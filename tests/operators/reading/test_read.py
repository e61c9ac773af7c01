"""Text that was painted into frames at known times, read by the real reader."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from longcap.testing import check_operator
from operators.analysis.text import LineReader
from operators.reading.lines import joined
from operators.reading.read import Read
from tests.support.painted import FONT, Painted, segment

pytest.importorskip("rapidocr_onnxruntime", reason="the extra ocr is not installed")
pytestmark = pytest.mark.skipif(not Path(FONT).is_file(), reason="the typeface DejaVu is not installed")

LINES = [
    Painted("Chapter 3: Energy and water", 1, 4, (60, 90)),
    Painted("Platform 9 departs 12:45", 2.5, 7, (500, 200), size=24),
    Painted("We never talk about the price.", 1, 3, (None, 470)),
    Painted("The harbour opens at seven.", 3, 6, (None, 470)),
    Painted("Directed by Maria Jensen", 3, 9.8, (300, 500), (0, -60)),
    Painted("BREAKING: the market fell by nine points today", 0, 8, (900, 15), (-170, 0), 24),
]
ROLES = ["painted", "painted", "subtitle", "subtitle", "scrolling", "scrolling"]
STEP_S = 1.0


def test_each_line_is_one_item_with_its_text_its_span_and_its_role() -> None:
    row = segment(LINES, 8.0)
    cut = {**row, "decode_end_s": 5.0}, {**row, "decode_start_s": 4.0}  # two segments, the first decoded beyond its end
    with Read().open() as apply:
        halves = [apply(part)["screen_text"] for part in cut]
    assert all(0 <= i["start_s"] < i["end_s"] <= 5 for i in halves[0])
    assert all(4 <= i["start_s"] < i["end_s"] <= 8 for i in halves[1])
    whole = joined([*halves[0], *halves[1]])
    found = {item["text"]: item for item in whole}
    for line, role in zip(LINES[:5], ROLES, strict=False):
        item = found[line.text]
        assert abs(item["start_s"] - line.start_s) <= STEP_S, line
        assert abs(item["end_s"] - min(8.0, line.end_s)) <= STEP_S, line
        assert item["role"] == role or line in LINES[2:4]  # one subtitle alone in its segment
        assert item["confidence"] > 0.9
        assert item["top"] <= line.at[1] / 540 + 0.02 <= item["bottom"]


def test_a_ticker_is_one_line_of_all_that_ran_by() -> None:
    ticker = LINES[-1]
    (made,) = check_operator(Read(), [segment([ticker], 8.0)], other={"min_confidence": 0.5})
    (item,) = made["screen_text"]
    assert (item["text"], item["role"]) == (ticker.text, "scrolling")
    assert (item["start_s"], item["end_s"]) == (0.0, 8.0)


def test_lines_of_24_pixels_and_more_are_read_to_the_letter() -> None:
    rng = random.Random(3)
    words = "quick brown jumps over lazy dog while seven wizards make toxic brew station price total 2024 45%".split()
    words += "street Chapter figure results method energy water $12.99 km/h Minister spoke about budget 3.5".split()
    folder = Path(FONT).parents[1]
    faces = [
        folder / "dejavu" / "DejaVuSans.ttf",
        folder / "dejavu" / "DejaVuSerif.ttf",
        folder / "liberation" / "LiberationSans-Regular.ttf",
        folder / "liberation" / "LiberationSerif-Bold.ttf",
        folder / "liberation" / "LiberationSerif-Italic.ttf",
    ]
    reader = LineReader()
    wrong, count = [], 0
    for k, face in enumerate(f for f in faces if f.is_file()):
        size = (24, 32)[k % 2]
        image = Image.new("RGB", (960, 480), ("navy", "white")[k % 2])
        draw, font = ImageDraw.Draw(image), ImageFont.truetype(str(face), size)
        painted = [" ".join(rng.sample(words, rng.randint(2, 5))) for _ in range(6)]
        for n, text in enumerate(painted):
            draw.text((rng.randint(20, 120), 20 + 75 * n), text, font=font, fill=("white", "black")[k % 2])
        _, data = cv2.imencode(".jpg", np.asarray(image)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        read = [line.text for line in reader.lines(cv2.imdecode(data, cv2.IMREAD_COLOR))]
        wrong += [text for text in painted if text not in read]
        count += len(painted)
    assert count >= 12 and len(wrong) <= 0.05 * count, wrong


@pytest.mark.parametrize("text", ["and spoke", "Anderson quick Berlin", "at $12.99 we talk about lazy figures"])
def test_a_space_stands_where_it_was_painted_and_not_one_letter_later_as_well(text: str) -> None:
    face = Path(FONT).parents[1] / "liberation" / "LiberationSerif-Italic.ttf"
    if not face.is_file():
        pytest.skip("the typeface Liberation is not installed")
    image = Image.new("RGB", (600, 38), (30, 40, 60))
    ImageDraw.Draw(image).text((6, 4), text, font=ImageFont.truetype(str(face), 24), fill="white")
    width = int(ImageFont.truetype(str(face), 24).getlength(text)) + 12
    assert LineReader()._read(np.asarray(image.crop((0, 0, width, 38)))[..., ::-1])[0] == text


def test_frames_without_text_have_none_and_nothing_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = LineReader.lines
    monkeypatch.setattr(LineReader, "lines", lambda self, image, **more: read.append(1) or real(self, image, **more))
    with Read().open() as apply:
        assert apply(segment([], 5.0))["screen_text"] == [] and len(read) == 1, "five equal frames are read once"
        assert apply({"images": [], "decode_start_s": 0.0, "decode_end_s": 5.0})["screen_text"] == []
