"""The opening paragraph of a whole video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from operators.analysis.facts import Facts, Piece
from operators.core.text import clock
from operators.engines.base import Request
from operators.engines.template import phrases
from operators.engines.template.stretches import Stretch, mean_colours, mean_light, stretches
from operators.engines.template.words import Voice, duration, listing, paragraph, plural, sentence


def tell_video(request: Request, voice: Voice) -> str:
    """Length, shots, how camera and light behave over the whole, colours, busiest and quietest stretch."""
    if request.facts is None:
        return ""
    facts = request.facts.slice(request.start_s, request.end_s)
    if not facts.measured:
        return ""
    remarks = [_length(facts, voice), _look(facts), _camera(facts), *_activity(facts, voice)]
    return paragraph((sentence(s) for s in remarks), request.words)


def _length(facts: Facts, voice: Voice) -> str:
    subject = voice.pick("the video", "this video")
    text = f"{subject} lasts {duration(facts.end_s - facts.start_s)}"
    shots = facts.shots()
    if facts.transitions is None or not shots:
        return text
    if len(shots) == 1:
        return f"{text} and is a single shot" if not facts.boundaries_s() else f"{text} and holds one shot"
    return f"{text} and has {plural(len(shots), 'shot')}"


def _look(facts: Facts) -> str:
    pieces = facts.pieces
    light = mean_light([(p.seconds, p.light) for p in pieces if p.light is not None])
    colours = mean_colours([(p.seconds, p.colours) for p in pieces if p.colours is not None])
    greys = [p.grey for p in pieces if p.grey is not None]
    said = []
    names = phrases.colours(colours)
    if greys and all(greys):
        said.append("it is without colour")
    elif names:
        said.append(f"its main colours are {names}" if " and " in names else f"its main colour is {names}")
    if light is not None and light.level != "medium":
        said.append(f"most of it is {light.level}")
    lightest, darkest = _extremes(pieces)
    if lightest is not None and darkest is not None:
        said.append(f"it is lightest around {_middle(lightest)} and darkest around {_middle(darkest)}")
    return listing(said)


def _extremes(pieces: Sequence[Piece]) -> tuple[Piece | None, Piece | None]:
    lit = [p for p in pieces if p.light is not None and p.light.level != "black"]
    if not lit:
        return None, None
    high = max(lit, key=lambda p: p.light.mean if p.light else 0.0)
    low = min(lit, key=lambda p: p.light.mean if p.light else 0.0)
    assert high.light is not None and low.light is not None
    return (high, low) if high.light.mean - low.light.mean > 0.25 else (None, None)


def _middle(piece: Piece) -> str:
    return clock((piece.start_s + piece.end_s) / 2)


_STATES = (("still", "stands still"), ("moves", "moves"), ("shakes", "is unsteady"))


def _camera(facts: Facts) -> str:
    known = [p for p in facts.pieces if p.camera is not None and p.camera.state != "unsure"]
    total = sum(p.seconds for p in known)
    if total < 0.5 * sum(p.seconds for p in facts.pieces) or not total:
        return ""
    said = []
    for state, words in _STATES:
        seconds = sum(p.seconds for p in known if p.camera is not None and p.camera.state == state)
        share = seconds / total
        if share > 0.95:
            return f"the camera {words} nearly all the time that it could be judged"
        if share >= 0.1:
            said.append(f"{words} for {duration(seconds)}")
    return f"the camera {listing(said)}" if said else ""


def _activity(facts: Facts, voice: Voice) -> Iterator[str]:
    parts = [s for s in stretches(facts) if s.motion is not None and s.seconds >= 3]
    if len(parts) < 3:
        return
    busy = max(parts, key=_share)
    quiet = min(parts, key=lambda s: (_share(s), -s.seconds))
    if _share(busy) > 0.02 and _share(busy) > 3 * _share(quiet):
        most = voice.pick("most movement is seen", "the liveliest stretch is")
        yield f"{most} between {clock(busy.start_s)} and {clock(busy.end_s)}"
        least = voice.pick("the least movement is seen", "the calmest stretch is")
        yield f"{least} between {clock(quiet.start_s)} and {clock(quiet.end_s)}"


def _share(part: Stretch) -> float:
    return part.motion.share if part.motion is not None else 0.0
