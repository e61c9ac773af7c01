"""A text as all metrics read it, tokenized once.

Six ways of tokenizing a caption of a thousand words take longer than the metrics themselves. Here a text is split at
whitespace, and the tokens of each distinct piece are cached for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from pipeline.evaluation.scores.characters import Letters, hashes_13a, letters_of, piece_13a, piece_chrf
from pipeline.evaluation.scores.tokens import (
    Words,
    hashed,
    piece_content,
    piece_google,
    piece_ptb,
    ptb_hashes,
    ptb_words,
    with_stops,
)

_TEXTS = 64  # cached texts
_PIECES = 200_000

_Forms = tuple[tuple[str, ...], bytes, tuple[str, ...], bytes, tuple[str, ...], bytes, bytes]


@dataclass(frozen=True)
class Text:
    """The words of a text; the lists must not be changed.

    Attributes:
        ptb, ptb_hashes: `tokens.ptb_words` and their hashes.
        google, google_hashes: `tokens.google_words` and their hashes.
        content: `tokens.content` of the text.
        hashes_13a: hashes of `characters.words_13a`.
        letters: `characters.letters_of` the text.
    """

    ptb: list[str]
    ptb_hashes: Words
    google: list[str]
    google_hashes: Words
    content: frozenset[str]
    hashes_13a: Words
    letters: Letters


@lru_cache(maxsize=_TEXTS)
def read(text: str) -> Text:
    pieces = text.split()
    if not pieces:
        return Text([], _NONE, [], _NONE, frozenset(), _NONE, letters_of((), _NONE))
    ptb, ptb_bytes, google, google_bytes, content, of_13a, of_chrf = zip(*map(_forms, pieces), strict=True)
    as_ptb = with_stops(text) == text
    joined = "-\n" in text or "<skipped>" in text  # 13a removes these before it splits
    return Text(
        ptb=list(chain.from_iterable(ptb)) if as_ptb else ptb_words(text),
        ptb_hashes=_hashes(ptb_bytes) if as_ptb else ptb_hashes(text),
        google=list(chain.from_iterable(google)),
        google_hashes=_hashes(google_bytes),
        content=frozenset(chain.from_iterable(content)),
        hashes_13a=hashes_13a(text) if joined else _hashes(of_13a),
        letters=letters_of(pieces, _hashes(of_chrf)),
    )


def read_events(texts: Sequence[str]) -> tuple[list[list[str]], list[frozenset[str]]]:
    """Return `ptb` and `content` of short texts."""
    forms = [list(map(_forms, text.split())) for text in texts]
    ptb = [
        [word for form in some for word in form[0]] if with_stops(text) == text else ptb_words(text)
        for text, some in zip(texts, forms, strict=True)
    ]
    return ptb, [frozenset([word for form in some for word in form[4]]) for some in forms]


@lru_cache(maxsize=_PIECES)
def _forms(piece: str) -> _Forms:
    """Tokenize a piece without whitespace, in the order of `read`. Case matters only for 13a and chrF."""
    low = piece.lower()
    ptb, google = piece_ptb(low.replace("’", "'")), piece_google(low)
    return (
        *(ptb, _bytes(ptb), google, _bytes(google), piece_content(low)),
        *(_bytes(piece_13a(piece)), _bytes(piece_chrf(piece))),
    )


def _bytes(words: Sequence[str]) -> bytes:
    return hashed(words).tobytes()


def _hashes(found: Iterable[bytes]) -> Words:
    return np.frombuffer(b"".join(found), dtype=np.uint64)


_NONE = np.zeros(0, dtype=np.uint64)
