"""A text as all metrics read it, split once.

Six ways of splitting a caption of a thousand words cost more than the metrics themselves. Here a text is cut at white
space, and each different piece is remembered with what all of them make of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from pipeline.evaluation.scores.characters import Letters, hashes_13a, letters_of, piece_13a, piece_chrf
from pipeline.evaluation.scores.tokens import Words, hashed, piece_content, piece_google, piece_ptb

_TEXTS = 64  # that are remembered
_PIECES = 200_000

_Forms = tuple[tuple[str, ...], bytes, tuple[str, ...], bytes, tuple[str, ...], bytes, bytes]


@dataclass(frozen=True)
class Text:
    """The words of a text; lists are not to be changed.

    Attributes:
        ptb, ptb_hashes: `tokens.ptb_words`, and hashed.
        google, google_hashes: `tokens.google_words`, and hashed.
        content: `tokens.content`.
        hashes_13a: `characters.words_13a`, hashed.
        letters: `characters.letters`.
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
    joined = "-\n" in text or "<skipped>" in text  # 13a takes these out before it splits
    return Text(
        ptb=list(chain.from_iterable(ptb)),
        ptb_hashes=_hashes(ptb_bytes),
        google=list(chain.from_iterable(google)),
        google_hashes=_hashes(google_bytes),
        content=frozenset(chain.from_iterable(content)),
        hashes_13a=hashes_13a(text) if joined else _hashes(of_13a),
        letters=letters_of(pieces, _hashes(of_chrf)),
    )


def read_events(texts: Sequence[str]) -> tuple[list[list[str]], list[frozenset[str]]]:
    """`ptb` and `content` of short texts."""
    forms = [list(map(_forms, text.split())) for text in texts]
    ptb = [[word for form in some for word in form[0]] for some in forms]
    return ptb, [frozenset([word for form in some for word in form[4]]) for some in forms]


@lru_cache(maxsize=_PIECES)
def _forms(piece: str) -> _Forms:
    """Of a piece without white space; in the order of `read`. Capital letters count for 13a and chrF alone."""
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
