"""Entailment: whether the nearest caption sentences imply or contradict a clause, by a model that the user provides.

The model is a folder with `model.onnx`, `tokenizer.json` and `config.json` of a natural-language-inference
cross-encoder, for example an export of a DeBERTa-v3 model. Longcap does not include such a model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from operators.embedding.sentences import load_tokenizer, session
from operators.narrate.grounding.scorers import Scores

_TOKENS = 192
_FILES = ("model.onnx", "tokenizer.json", "config.json")


def check_folder(folder: str) -> Path:
    """Raise `ValueError` if a file is missing or `config.json` has no label for entailment or contradiction."""
    path = Path(folder).expanduser()
    missing = [name for name in _FILES if not (path / name).is_file()]
    if missing:
        raise ValueError(f"narrate.entailment: the folder {folder} has no {' and no '.join(missing)}")
    _labels(path)
    return path


def _labels(path: Path) -> tuple[int, int]:
    named = json.loads((path / "config.json").read_text(encoding="utf-8")).get("id2label", {})
    places = {str(label).lower(): int(k) for k, label in named.items()}
    if not {"entailment", "contradiction"} <= places.keys():
        raise ValueError(f"narrate.entailment: id2label of {path / 'config.json'} has no entailment and contradiction")
    return places["entailment"], places["contradiction"]


@lru_cache(maxsize=2)
def entailer(folder: str) -> Entailer:
    """The model of a process, loaded at the first call."""
    return Entailer(check_folder(folder))


class Entailer:
    """Callable: (premise, hypothesis) pairs -> n x 2 float32, the probabilities of entailment and contradiction."""

    def __init__(self, folder: Path) -> None:
        self._labels = _labels(folder)
        self._session = session(folder / "model.onnx")
        inputs = self._session.get_inputs()
        self._inputs = {node.name for node in inputs}
        length = inputs[0].shape[1]  # some exports have one length only
        fixed = length if isinstance(length, int) else None
        self._tokenizer = load_tokenizer(folder / "tokenizer.json", fixed or _TOKENS)
        if fixed:
            self._tokenizer.enable_padding(length=fixed)

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> Scores:
        made = np.zeros((len(pairs), 2), np.float32)
        for row, pair in zip(made, pairs, strict=True):  # one at a time: see `Embedder`
            tokens = self._tokenizer.encode(*pair)
            ids = np.array([tokens.ids], np.int64)
            mask = np.array([tokens.attention_mask], np.int64)
            types = np.array([tokens.type_ids], np.int64)
            values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            (logits, *_) = self._session.run(None, {k: v for k, v in values.items() if k in self._inputs})
            odds = np.exp(logits[0] - logits[0].max())
            row[:] = (odds / odds.sum())[list(self._labels)]
        return made
