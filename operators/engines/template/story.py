"""Window and section captions: what is seen, in order of time.

Both are one walk over stretches. A window tells each; a section first says how many shots there are, joins runs of
short shots into one sentence, and leaves the least telling stretches out where the wanted words are fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operators.analysis.facts import Facts, Transition
from operators.core.text import clock
from operators.engines.base import Request
from operators.engines.template import phrases
from operators.engines.template.stretches import Stretch, stretches
from operators.engines.template.words import Voice, listing, named, number, plural, quote, sentence

_SHORT_SHOT_S = 3.0  # below it a shot in a run of such gets no statement of its own
_LEAST_S = 1.0  # shorter stretches are edges of the grid, not events
_RUN = 4  # this many short shots in a row become one statement


@dataclass(frozen=True)
class Said:
    """One sentence, how much would be lost without it (0 nothing, 1 all), and where it stands in time."""

    text: str
    weight: float
    at_s: float


def tell_window(request: Request, voice: Voice) -> str:
    facts = _sliced(request)
    return _best(list(_walk(facts, voice, run=10**6)), request.words or 90) or _plain(facts) if facts else ""


def tell_section(request: Request, voice: Voice) -> str:
    facts = _sliced(request)
    if facts is None:
        return ""
    walk = list(_walk(facts, voice, run=_RUN))
    statements = [*(_count(facts, voice) if len(walk) > 1 else ()), *walk]
    return _best(statements, request.words or 200) or _plain(facts)


def _sliced(request: Request) -> Facts | None:
    facts = None if request.facts is None else request.facts.slice(request.start_s, request.end_s)
    return facts if facts is not None and facts.measured else None


def _plain(facts: Facts) -> str:
    """For a stretch that was measured and in which nothing stands out."""
    return next((sentence(s) for s in (phrases.plain_look(p.light, p.colours) for p in facts.pieces) if s), "")


def _best(statements: Sequence[Said], words: int) -> str:
    """The weightiest sentences that fit, in order of time; the first always."""
    chosen: set[int] = set()
    left = 1.2 * words
    texts: set[str] = set()
    for k in sorted(range(len(statements)), key=lambda k: (-statements[k].weight, statements[k].at_s, k)):
        text = sentence(statements[k].text)
        size = len(text.split())
        if text and text not in texts and (size <= left or not chosen):
            chosen.add(k)
            texts.add(text)
            left -= size
    return " ".join(sentence(statements[k].text) for k in sorted(chosen, key=lambda k: (statements[k].at_s, k)))


def _count(facts: Facts, voice: Voice) -> Iterator[Said]:
    shots = facts.shots()
    if len(shots) > 2:
        span = f"between {clock(facts.start_s)} and {clock(facts.end_s)}"
        verb = voice.pick("there are", "one sees")
        mean = sum(b - a for a, b in shots) / len(shots)
        yield Said(
            f"{span} {verb} {plural(len(shots), 'shot')}, {mean_length(mean)} long on average", 0.9, facts.start_s
        )


def mean_length(seconds: float) -> str:
    return f"{seconds:.1f} seconds" if seconds < 9.5 else f"{seconds:.0f} seconds"


def _walk(facts: Facts, voice: Voice, run: int) -> Iterator[Said]:
    parts = stretches(facts)
    changes = {round(_moment(t), 3): t for t in facts.transitions or ()}
    skip = _short_runs(parts, facts.shots(), run)
    last: Stretch | None = None
    for k, part in enumerate(parts):
        if k in skip:
            if skip[k]:
                yield Said(skip[k], 0.7, part.start_s)
            last = None
            continue
        if last is None or last.shot != part.shot:
            shot = [p for p in parts[k:] if p.shot == part.shot]
            yield from _opening(part, _look(shot, voice), changes.get(round(part.start_s, 3)), facts, voice)
        else:
            yield from _new_colours(part, last)
        said = _doing(part, last, facts, voice)
        if said:
            yield Said(said, 0.5 + min(0.3, part.seconds / 100), part.start_s)
        last = part
    yield from _fades(facts)
    yield from _texts(facts, voice)


def _new_colours(part: Stretch, last: Stretch) -> Iterator[Said]:
    """Within a shot: a colour that now fills much of the frame, and did not before."""
    if not part.colours or not last.colours or part.grey or part.seconds < _LEAST_S:
        return
    first = part.colours[0]
    before = {c.name: c.share for c in last.colours}
    if first.share >= 0.4 and before.get(first.name, 0.0) < 0.15:
        yield Said(f"from {clock(part.start_s)} on the picture is mostly {first.name}", 0.45, part.start_s)


def _look(shot: Sequence[Stretch], voice: Voice) -> str:
    """What a shot looks like where it first shows its own light and colours: not in a fade."""
    return next((s for s in (phrases.look(p.light, p.colours, p.grey, voice) for p in shot[:2]) if s), "")


def _opening(part: Stretch, seen: str, change: Transition | None, facts: Facts, voice: Voice) -> Iterator[Said]:
    """How the shot begins and what it looks like."""
    black = part.light is not None and part.light.level == "black"
    if part.start_s <= facts.start_s + 1e-6:
        if seen:
            yield Said(f"{seen} at first" if black and part.end_s < facts.end_s - 1e-6 else seen, 1.0, part.start_s)
        return
    at = f"at {clock(part.start_s)}"
    if black:
        if not any(t.kind == "fade out" and abs(t.end_s - part.start_s) < 0.5 for t in facts.transitions or ()):
            yield Said(f"{at} the picture {voice.pick('goes', 'turns')} black", 0.9, part.start_s)
        return
    fade = next(
        (t for t in facts.transitions or () if t.kind == "fade in" and abs(t.start_s - part.start_s) < 0.5), None
    )
    if fade is not None:  # the fade has a sentence of its own; the look is what it ends in
        if seen and fade.end_s < facts.end_s:
            yield Said(f"from {clock(fade.end_s)} on {seen}", 0.8, fade.end_s)
        return
    after_black = any(t.kind == "black" and abs(t.end_s - part.start_s) < 1e-3 for t in facts.transitions or ())
    if change is not None and change.kind == "dissolve":
        how = voice.pick("the picture dissolves into another shot", "one shot dissolves into the next")
    elif change is not None and change.kind == "cut":
        how = voice.pick("the shot changes", "a new shot begins", "there is a cut")
    elif after_black:
        how = "a picture comes out of the black"
    else:
        how = ""
    if how:
        yield Said(f"{at} {how}{f': {seen}' if seen else ''}", 0.8, part.start_s)
    elif seen:
        yield Said(f"from {clock(part.start_s)} on {seen}", 0.6, part.start_s)


def _doing(part: Stretch, last: Stretch | None, facts: Facts, voice: Voice) -> str:
    """Camera, movement and change of light of a stretch, with its time."""
    if part.seconds < _LEAST_S:
        return ""
    if part.frozen:
        clauses = [voice.pick("the picture does not change", "the picture stays as it is")]
    else:
        moving = phrases.motion(part.motion, voice)
        known = last is not None and last.shot == part.shot and _stands(last) and _stands(part)
        clauses = ["" if known else phrases.camera(part.camera, voice), moving]
    fading = any(t.kind != "cut" and t.start_s < part.end_s and t.end_s > part.start_s for t in facts.transitions or ())
    clauses = [c for c in [*clauses, "" if fading else phrases.light_change(part.light, voice)] if c]
    if not clauses:
        return ""
    return f"{_when(part, facts, voice)} {listing(clauses)}"


def _stands(part: Stretch) -> bool:
    return part.camera is not None and part.camera.state == "still" and not part.frozen


def _when(part: Stretch, facts: Facts, voice: Voice) -> str:
    start, end = part.start_s <= facts.start_s + 1e-6, part.end_s >= facts.end_s - 1e-6
    a, b = clock(part.start_s), clock(part.end_s)
    if start and end:
        return voice.pick("throughout,", "all along,", f"from {a} to {b}")
    if start:
        return voice.pick(f"until {b}", f"up to {b}", f"from {a} to {b}")
    if a == b:
        return f"at {a}"
    return voice.pick(f"from {a} to {b}", f"between {a} and {b}")


def _short_runs(parts: Sequence[Stretch], shots: Sequence[tuple[float, float]], run: int) -> dict[int, str]:
    """Places of stretches that belong to a run of short shots; the first holds the sentence for all.

    Black between two shots is a stretch, and no shot.
    """
    lengths: dict[int, float] = {}
    for part in parts:
        lengths[part.shot] = lengths.get(part.shot, 0.0) + part.seconds
    skip: dict[int, str] = {}
    k = 0
    while k < len(parts):
        m = k
        while m < len(parts) and lengths[parts[m].shot] < _SHORT_SHOT_S:
            m += 1
        a, b = parts[k].start_s, parts[m - 1 if m > k else k].end_s
        count = sum(a <= (start + end) / 2 < b for start, end in shots) if m > k else 0
        if count >= run:
            skip.update(dict.fromkeys(range(k, m), ""))
            skip[k] = (
                f"from {clock(a)} to {clock(b)} {number(count)} short shots follow one another, "
                f"{mean_length((b - a) / count)} each on average"
            )
        k = max(m, k + 1)
    return skip


def _fades(facts: Facts) -> Iterator[Said]:
    for change in facts.transitions or ():
        a, b = clock(change.start_s), clock(change.end_s)
        when = f"from {a} to {b}" if a != b else f"at {a}"
        if change.kind == "fade out":
            yield Said(f"{when} the picture fades to black", 0.75, change.start_s)
        elif change.kind == "fade in":
            yield Said(f"{when} the picture fades in from black", 0.75, change.start_s)


def _texts(facts: Facts, voice: Voice) -> Iterator[Said]:
    read: set[str] = set()
    for piece in facts.pieces:
        new = [line for line in piece.text or () if line.strip() and line not in read]
        read.update(new)
        if new:
            verb = voice.pick("text in the picture reads", "one reads on screen")
            yield Said(f"around {clock(piece.start_s)} {verb}: {quote(' / '.join(new))}", 0.85, piece.start_s)
    for piece in facts.pieces:
        if piece.labels:
            best = piece.labels[0]
            yield Said(
                f"around {clock(piece.start_s)} the picture shows perhaps {named(best.name)} (score {best.score:.2f})",
                0.55,
                piece.start_s,
            )
    if facts.subtitles:
        said = quote(" ".join(x.text for x in facts.subtitles))
        yield Said(f"{'one hears' if facts.heard else 'subtitles read'}: {said}", 0.85, facts.end_s)


def _moment(change: Transition) -> float:
    return (change.start_s + change.end_s) / 2 if change.kind == "dissolve" else change.start_s
