"""Text in pictures, by RapidOCR (the PP-OCR models of PaddlePaddle on ONNX Runtime; the models come in the package)."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

_SCORE = 0.85  # of the recogniser; below it letters are guessed
_LEAST_LETTERS = 2


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


def open_reader() -> Callable[[bytes], Text]:
    """Load the models; the function returned reads one JPEG.

    Raises:
        ModuleNotFoundError: the extra `ocr` is not installed; the message says how to install it.
    """
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            "measure.ocr is true, but the extra is not installed: pip install 'longcap[ocr]' "
            "(or set measure.ocr: false)"
        ) from problem
    engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def read(jpeg: bytes) -> Text:
        found, _ = engine(jpeg)
        lines = []
        boxes = []
        for box, text, score in found or []:
            words = " ".join(str(text).split())
            if float(score) >= _SCORE and sum(c.isalnum() for c in words) >= _LEAST_LETTERS:
                lines.append((min(y for _, y in box), min(x for x, _ in box), words))
                boxes.append(box)
        return Text(tuple(words for _, _, words in sorted(lines)), _covered(boxes, jpeg) if boxes else 0.0)

    return read


def _covered(boxes: Sequence[Any], jpeg: bytes) -> float:
    import cv2
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as picture:  # reads the header alone
        width, height = picture.size
    mask = np.zeros((height, width), np.uint8)
    for box in boxes:
        cv2.fillPoly(mask, [np.rint(np.asarray(box, np.float64)).astype(np.int32)], 1)
    return float(mask.mean())
