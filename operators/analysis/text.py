"""Read text in frames with RapidOCR (PaddlePaddle's PP-OCR models on ONNX Runtime; the package has the models)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

INSTALL = "pip install 'longcap[ocr]'"
PACKAGE = "rapidocr_onnxruntime"
_SCORE = 0.85  # confidence of the recogniser; below it letters are guessed
_LEAST_LETTERS = 2
_SPACE = 0.01  # least probability of a space between two letters
_MOST_SIDE_PX = 2000  # longest side of a frame; larger ones are downscaled, as the package does


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of text in one frame.

    Attributes:
        confidence: mean probability of its letters, 0 to 1.
        corners: four (x, y) in pixels, clockwise from the upper left.
        left, top, right, bottom: its bounding box, as shares of the frame's width and height.
    """

    text: str
    confidence: float
    corners: tuple[tuple[float, float], ...]
    left: float
    top: float
    right: float
    bottom: float


class Text(NamedTuple):
    """The text in one frame.

    Attributes:
        lines: top to bottom.
        share: share of the frame's area that the lines' boxes cover, 0 to 1, overlaps counted once. Data-Juicer's
                `video_ocr_area_ratio_filter` averages the same ratio; here only readable lines count, since
                a detector also finds letters in leaves and fences.
    """

    lines: tuple[str, ...]
    share: float


class LineReader:
    """Finds and reads the lines of frames, on one core. Lines are read one by one and do not affect each other.

    Raises:
        ModuleNotFoundError: the extra `ocr` is not installed.
    """

    def __init__(self) -> None:
        from rapidocr_onnxruntime import RapidOCR

        self._engine: Any = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
        self._letters: list[str] = self._engine.text_rec.postprocess_op.character

    def lines(self, frame: Any, *, min_confidence: float = _SCORE) -> list[ReadLine]:
        """Return the lines of a frame, top to bottom, then left to right.

        Args:
            frame: BGR, uint8, shape (height, width, 3).
            min_confidence: lines below it are dropped, as are lines with fewer than two letters or digits.
        """
        import cv2

        height, width = frame.shape[:2]
        scale = min(1.0, _MOST_SIDE_PX / max(height, width))
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
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
        """Return text and confidence of one line.

        The model rarely gives a space the highest probability; within a word, its probability is almost zero.
        On 162 spaces in four typefaces of 24 pixels, upright and italic, it was at least 7.8 %, and between letters
        of a word below 0.9 %.
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
            # after the previous letter: its own position still contains the space before it, "s poke" for "spoke"
            if text and float(odds[last + 1 : k + 1, space].max()) >= _SPACE:
                text += " "
            text += self._letters[letter]
            scores.append(float(odds[k, letter]))
            last = k
        return " ".join(text.split()), float(np.mean(scores)) if scores else 0.0


def open_reader() -> Callable[[bytes], Text]:
    """Load the models and return a function that reads one JPEG.

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
        frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if frame is None:
            return Text((), 0.0)
        lines = reader.lines(frame)
        return Text(tuple(line.text for line in lines), _covered([line.corners for line in lines], frame.shape[:2]))

    return read


def _covered(boxes: Sequence[Any], shape: tuple[int, int]) -> float:
    import cv2

    if not boxes:
        return 0.0
    mask = np.zeros(shape, np.uint8)
    for box in boxes:
        cv2.fillPoly(mask, [np.rint(np.asarray(box, np.float64)).astype(np.int32)], 1)
    return float(mask.mean())
