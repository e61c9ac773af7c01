"""A frame caption: one or two sentences of static detail, measured from the frame itself."""

from __future__ import annotations

from operators.analysis.appearance import Look, colours_of, decode, light_of, look
from operators.analysis.facts import Piece
from operators.engines.base import Request
from operators.engines.template import phrases
from operators.engines.template.words import Voice, listing, named, paragraph, quote, sentence

_ROWS = ("upper", "", "lower")
_COLUMNS = ("left", "", "right")
_STANDS_OUT = 0.18  # luma above or below the frame's mean, 0 to 1, before a part is called bright or dark
_COLOURFUL = 15.0  # Lab chroma above the mean


def tell_frame(request: Request, voice: Voice) -> str:
    """Speaks of colours, light, where the bright, dark and colourful parts are, and text; never of movement."""
    facts = request.facts.slice(request.start_s, request.end_s) if request.facts is not None else None
    piece = facts.pieces[0] if facts is not None and facts.pieces else None
    seen = look(decode(request.images[0].jpeg)) if request.images else None
    sentences = [_look(seen, piece, voice), _parts(seen), *_read(piece)]
    answer = paragraph((sentence(s) for s in sentences), request.words)
    if answer or seen is None:
        return answer
    return sentence(phrases.plain_look(light_of([seen.mean], [seen.contrast], [seen.high]), colours_of([seen])))


def _look(seen: Look | None, piece: Piece | None, voice: Voice) -> str:
    if seen is not None:
        return phrases.look(light_of([seen.mean], [seen.contrast], [seen.high]), colours_of([seen]), seen.grey, voice)
    return phrases.look(piece.light, piece.colours, piece.grey, voice) if piece is not None else ""


def _parts(seen: Look | None) -> str:
    if seen is None:
        return ""
    luma, chroma = seen.ninths
    said = []
    for plane, sign, least, words in (
        (luma, 1, _STANDS_OUT, "the brightest part"),
        (luma, -1, _STANDS_OUT, "the darkest part"),
        (chroma, 1, _COLOURFUL, "the strongest colour"),
    ):
        values = (plane - plane.mean()) * sign
        row, column = divmod(int(values.argmax()), 3)
        second = sorted(values.ravel())[-2]
        if values.max() > least and values.max() - second > least / 4:
            where = " ".join(w for w in (_ROWS[row], _COLUMNS[column]) if w)
            said.append(f"{words} is {_place(where)}")
    return listing(said)


def _place(where: str) -> str:
    return {
        "": "in the centre",
        "left": "on the left",
        "right": "on the right",
        "upper": "at the top",
        "lower": "at the bottom",
    }.get(where, f"in the {where}")


def _read(piece: Piece | None) -> list[str]:
    """Text and labels belong to one frame of the piece, which may be another than this one: they are said so."""
    if piece is None:
        return []
    said = []
    if piece.labels:
        best = piece.labels[0]
        said.append(f"around this moment, a classifier sees perhaps {named(best.name)} (score {best.score:.2f})")
    if piece.text:
        said.append(f"text read around this moment: {quote(' / '.join(piece.text))}")
    return said
