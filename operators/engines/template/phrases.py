"""Clauses, without capital letter or full stop, each from one kind of measurement. An empty string says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from operators.analysis.facts import Camera, Colour, Light, Motion
from operators.engines.template.words import Voice, listing

_PLACES = {
    "left": "on the left",
    "right": "on the right",
    "centre": "in the centre",
    "middle": "across the middle",
    "top": "at the top",
    "bottom": "at the bottom",
    "upper left": "in the upper left",
    "upper right": "in the upper right",
    "lower left": "in the lower left",
    "lower right": "in the lower right",
}
_WAYS = {"left": "to the left", "right": "to the right", "up": "upwards", "down": "downwards"}
_TURNS = {"pan left": "pans left", "pan right": "pans right", "tilt up": "tilts up", "tilt down": "tilts down"}


def camera(seen: Camera | None, voice: Voice) -> str:
    """What the camera does: "the camera pans left and tilts up while the view closes in"."""
    if seen is None or seen.state == "unsure":
        return ""
    if seen.state == "still":
        return voice.pick("the camera stands still", "the camera does not move", "the camera is still")
    if seen.state == "shakes":
        return voice.pick("the camera is unsteady", "the camera shakes", "the camera wavers")
    turns = [_TURNS[m] for m in seen.moves if m in _TURNS]
    zoom = ""
    if "zoom in" in seen.moves:
        zoom = voice.pick("zooms in or moves closer", "closes in")
    elif "zoom out" in seen.moves:
        zoom = voice.pick("zooms out or moves back", "draws back")
    pace = ""
    if turns and seen.speed > 0.25:
        pace = "quickly "
    elif turns and seen.speed < 0.06:
        pace = "slowly "
    moves = [*turns, zoom] if zoom else turns
    if not moves:
        return voice.pick("the camera keeps moving", "the camera moves without one direction")
    return f"the camera {pace}{listing(moves)}"


def motion(seen: Motion | None, voice: Voice) -> str:
    """What moves besides: "something moves to the right in the lower half"."""
    if seen is None:
        return ""
    place = f" {_PLACES[seen.where]}" if seen.where else ""
    way = f" {_WAYS[seen.direction]}" if seen.direction else ""
    if seen.level == "none":
        return voice.pick("hardly anything moves", "next to nothing moves")
    if way:
        much = (
            voice.pick("a large part of the picture moves", "there is a lot of movement")
            if seen.level == "much"
            else ""
        )
        what = much or voice.pick("something moves", "there is movement")
        return f"{what}{place}, going{way}" if place else f"{what}{way}"
    if seen.level == "little":
        return voice.pick("there is a little movement", "there is slight movement") + place
    if seen.level == "some":
        return voice.pick("there is movement", "something moves") + place
    return voice.pick("there is a lot of movement", "much of the picture moves") + place


def light(seen: Light | None) -> str:
    """An adjective for the light, empty where it is neither."""
    if seen is None or seen.level == "medium":
        return ""
    return seen.level


def light_change(seen: Light | None, voice: Voice) -> str:
    if seen is None or seen.change == "steady":
        return ""
    if seen.change == "brightens":
        return voice.pick("the picture grows lighter", "the picture brightens")
    return voice.pick("the picture grows darker", "the picture darkens")


def colours(seen: Sequence[Colour] | None) -> str:
    """The main colours: "brown", "brown and light blue"; empty where none stands out."""
    if not seen:
        return ""
    main = [c.name for c in seen if c.share >= max(0.15, seen[0].share / 3)]
    return listing(main[:3])


def colour_amount(seen: Sequence[Colour]) -> str:
    """How much of the frame the first colour fills, in words."""
    share = seen[0].share
    for least, words in ((0.85, "nearly all"), (0.6, "most"), (0.45, "about half"), (0.28, "about a third")):
        if share >= least:
            return words
    return ""


def look(light_seen: Light | None, colours_seen: Sequence[Colour] | None, grey: bool | None, voice: Voice) -> str:
    """What the frame looks like: "the picture is dark, mostly brown and black"."""
    if light_seen is not None and light_seen.level == "black":
        return "the picture is black"
    parts = []
    if light(light_seen):
        parts.append(light(light_seen))
    hues = colours(colours_seen)
    if sorted(hues.split(" and ")) == ["black", "white"]:
        hues = hues.replace(" and ", " with ")  # "black and white" would say that there is no colour
    mostly = bool(colours_seen) and colours_seen is not None and colours_seen[0].share >= 0.3
    if grey:
        parts.append("without colour")
    elif hues and mostly:
        parts.append(f"mostly {hues}")
    if light_seen is not None and light_seen.contrast < 0.05:
        parts.append("low in contrast")
    subject = voice.pick("the picture", "the image")
    said = f"{subject} is {listing(parts)}" if parts else ""
    if hues and not grey and not mostly:
        shows = f"{voice.pick('shows', 'holds')} {hues}"
        said = (
            f"{said} and {shows}"
            if said and " and " not in said
            else f"{said}; it {shows}"
            if said
            else f"{subject} {shows}"
        )
    return said


def plain_look(light_seen: Light | None, colours_seen: Sequence[Colour] | None) -> str:
    """What can be said where `look` has nothing: that nothing stands out."""
    if light_seen is None or light_seen.level != "medium":
        return ""
    return f"the picture is neither dark nor bright{'' if colours_seen is None else ', and no colour leads'}"
