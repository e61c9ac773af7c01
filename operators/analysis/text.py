"""Text in pictures, by RapidOCR (the PP-OCR models of PaddlePaddle on ONNX Runtime; the models come in the package)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

INSTALL = "pip install 'longcap[ocr]'"
PACKAGE = "rapidocr_onnxruntime"
_SCORE = 0.85  # of the recogniser; below it letters are guessed
_LEAST_LETTERS = 2
_SPACE = 0.01  # probability of a space between two letters from which on there is one
_MOST_SIDE_PX = 2000  # of a picture; larger ones are made smaller, as the package does


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of text in one picture.

    Attributes:
        confidence: mean probability of its letters, 0 to 1.
        corners: four (x, y) in pixels, clockwise from the upper left.
        left, top, right, bottom: of the box around it, as shares of the picture's width and height.
    """

    text: str
    confidence: float
    corners: tuple[tuple[float, float], ...]
    left: float
    top: float
    right: float
    bottom: float


class Text(NamedTuple):
    """What is written in one picture.

    Attributes:
        lines: top to bottom.
        share: of the picture's area that the lines' boxes cover, 0 to 1; where two overlap it counts once. The ratio
            that Data-Juicer's `video_ocr_area_ratio_filter` takes the mean of, but of lines that could be read alone:
            a detector finds letters in leaves and fences, too.
    """

    lines: tuple[str, ...]
    share: float


class LineReader:
    """Finds and reads the lines of pictures, on one core. Lines are read one by one, so that none changes another.

    Raises:
        ModuleNotFoundError: the extra `ocr` is not installed.
    """

    def __init__(self) -> None:
        from rapidocr_onnxruntime import RapidOCR

        self._engine: Any = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
        self._letters: list[str] = self._engine.text_rec.postprocess_op.character

    def lines(self, picture: Any, *, min_confidence: float = _SCORE) -> list[ReadLine]:
        """The lines of a picture, top to bottom, then left to right.

        Args:
            picture: BGR, uint8, height x width x 3.
            min_confidence: lines below it are left out, as are those with fewer than two letters or digits.
        """
        import cv2

        height, width = picture.shape[:2]
        scale = min(1.0, _MOST_SIDE_PX / max(height, width))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        boxes, _ = self._engine.auto_text_det(small)
        if boxes is None or not len(boxes):
            return []
        found = []
        for box, crop in zip(boxes, self._engine.get_crop_img_list(small, boxes), strict=True):
            text, confidence = self._read(crop)
            if confidence < min_confidence or sum(c.isalnum() for c in text) < _LEAST_LETTERS:
                continue
            corners = tuple((float(x) / scale, float(y) / scale) for x, y in box)
            xs, ys = [x / width for x, _ in corners], [y / height for _, y in corners]
            found.append(ReadLine(text, confidence, corners, min(xs), min(ys), max(xs), max(ys)))
        return sorted(found, key=lambda line: (line.corners[0][1], line.corners[0][0], line.text))

    def _read(self, crop: Any) -> tuple[str, float]:
        """Text and confidence of one line.

        The model seldom gives a space the highest probability; between the letters of one word it gives it almost none.
        On 162 spaces in four typefaces of 24 pixels, upright and italic, every one had 7.8 % or more, and the pairs
        within words less than 0.9 %.
        """
        recogniser = self._engine.text_rec
        rows, columns = crop.shape[:2]
        _, tall, wide = recogniser.rec_image_shape
        tensor = recogniser.resize_norm_img(crop, max(wide / tall, columns / rows))
        odds = recogniser.session(tensor[None].astype(np.float32))[0][0]
        space = len(self._letters) - 1
        best = odds.argmax(1)
        text, scores, last = "", [], 0
        for k, letter in enumerate(best.tolist()):
            if letter in (0, space) or (k and letter == best[k - 1]):
                continue
            # behind the letter before: its own place still holds the space before that one, "s poke" for "spoke"
            if text and float(odds[last + 1 : k + 1, space].max()) >= _SPACE:
                text += " "
            text += self._letters[letter]
            scores.append(float(odds[k, letter]))
            last = k
        return " ".join(text.split()), float(np.mean(scores)) if scores else 0.0


def open_reader() -> Callable[[bytes], Text]:
    """Load the models; the function returned reads one JPEG.

    Raises:
        ModuleNotFoundError: the extra `ocr` is not installed; the message says how to install it.
    """
    import cv2

    try:
        reader = LineReader()
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            f"measure.ocr is true, but the extra is not installed: {INSTALL} (or set measure.ocr: false)"
        ) from problem

    def read(jpeg: bytes) -> Text:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            return Text((), 0.0)
        lines = reader.lines(picture)
        return Text(tuple(line.text for line in lines), _covered([line.corners for line in lines], picture.shape[:2]))

    return read


def _covered(boxes: Sequence[Any], shape: tuple[int, int]) -> float:
    import cv2

    if not boxes:
        return 0.0
    mask = np.zeros(shape, np.uint8)
    for box in boxes:
        cv2.fillPoly(mask, [np.rint(np.asarray(box, np.float64)).astype(np.int32)], 1)
    return float(mask.mean())
