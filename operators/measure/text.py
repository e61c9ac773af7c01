"""Text in pictures, by RapidOCR (the PP-OCR models of PaddlePaddle on ONNX Runtime; the models come in the package)."""

from __future__ import annotations

from collections.abc import Callable

_SCORE = 0.85  # of the recogniser; below it letters are guessed
_LEAST_LETTERS = 2


def open_reader() -> Callable[[bytes], tuple[str, ...]]:
    """Load the models; the function returned reads the lines of one JPEG, top to bottom.

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

    def read(jpeg: bytes) -> tuple[str, ...]:
        found, _ = engine(jpeg)
        lines = []
        for box, text, score in found or []:
            words = " ".join(str(text).split())
            if float(score) >= _SCORE and sum(c.isalnum() for c in words) >= _LEAST_LETTERS:
                lines.append((min(y for _, y in box), min(x for x, _ in box), words))
        return tuple(words for _, _, words in sorted(lines))

    return read
