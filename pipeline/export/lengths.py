"""Lengths of the texts of an export in tokens, compared with what the target's text encoder reads of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.terminal.errors import UsageError

ESTIMATE = "estimate"
_PIECES = re.compile(r"[^\W_]+|[^\s]", re.UNICODE)
_LETTERS = 5.0  # letters of a Latin word per token, on average: English text has 1.3 tokens per word
_WIDTH = 16  # tokens per bin of the histogram, which keeps the counts of millions of rows small


def counter(tokenizer: str | None) -> Callable[[str], int]:
    """Return a function that counts tokens.

    Args:
        tokenizer: a `tokenizer.json`, or a folder with one; None: estimate without a model.

    Raises:
        UsageError: the tokenizer does not exist, or the package `tokenizers` is not installed.
    """
    if tokenizer is None:
        return estimate
    path = Path(tokenizer).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise UsageError(f"--tokenizer {tokenizer}: there is no tokenizer.json")
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise UsageError("--tokenizer needs the package tokenizers: pip install tokenizers") from None
    found = Tokenizer.from_file(str(path))
    found.no_truncation()
    return lambda text: len(found.encode(text).ids)


def estimate(text: str) -> int:
    """Estimate the tokens of a text: one per word of up to 5 letters and per 5 further letters, one per mark, and one
    per character of scripts without spaces."""
    count = 0
    for piece in _PIECES.findall(text):
        wide = sum(1 for c in piece if "\u2e80" <= c <= "\U0003ffff")
        count += wide + (max(1, round((len(piece) - wide) / _LETTERS)) if len(piece) > wide else 0)
    return count


class Lengths:
    """A histogram of token counts of rows.

    Args:
        limit: tokens that the target reads; 0: no limit.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rows = self.over = self.most = 0
        self._bins: dict[int, int] = {}

    def add(self, tokens: int) -> None:
        self.rows += 1
        self.most = max(self.most, tokens)
        self.over += bool(self.limit) and tokens > self.limit
        self._bins[tokens // _WIDTH] = self._bins.get(tokens // _WIDTH, 0) + 1

    def merge(self, said: Mapping[str, Any]) -> None:
        """Add the counts that `dump` of another histogram returned."""
        self.rows += said["rows"]
        self.over += said["over"]
        self.most = max(self.most, said["most"])
        for at, count in said["bins"].items():
            self._bins[int(at)] = self._bins.get(int(at), 0) + count

    def dump(self) -> dict[str, Any]:
        bins = {str(at): self._bins[at] for at in sorted(self._bins)}
        return {"rows": self.rows, "over": self.over, "most": self.most, "bins": bins}

    def quantile(self, share: float) -> int:
        """Return the tokens that `share` of the rows do not exceed, to the precision of a bin."""
        left = share * self.rows
        for at in sorted(self._bins):
            left -= self._bins[at]
            if left <= 0:
                return min((at + 1) * _WIDTH, self.most)
        return self.most

    def summary(self, how: str) -> dict[str, Any]:
        """Return the report: median, 95th percentile, maximum, and how many rows exceed the limit."""
        ends: Sequence[float] = (0.5, 0.95)
        median, p95 = (self.quantile(share) for share in ends)
        return {
            "rows": self.rows,
            "tokens_median": median,
            "tokens_p95": p95,
            "tokens_most": self.most,
            "limit": self.limit or None,
            "over_limit": self.over,
            "counted_by": how,
        }
