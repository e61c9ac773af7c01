"""The parts that facts are made of: plain data, frozen, JSON-able. None means "not measured", never "nothing there"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TransitionKind = Literal["cut", "dissolve", "fade out", "fade in", "black"]
MoveName = Literal["pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out"]
CameraState = Literal["still", "moves", "shakes", "unsure"]
MotionLevel = Literal["none", "little", "some", "much"]
LightLevel = Literal["black", "very dark", "dark", "medium", "bright", "very bright"]
LightChange = Literal["steady", "brightens", "darkens"]


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A transition between shots, or a black span between shots.

    Attributes:
        kind: "cut" (both times are the first frame of the new shot), "dissolve", "fade out" (to black), "fade in"
            (from black), "black" (the frame is black throughout).
        start_s, end_s: start and end.
    """

    kind: TransitionKind
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The movement of the whole frame.

    Attributes:
        state: "still"; "moves"; "shakes" (unsteady, without a direction); "unsure" (too little texture, or
                contradicting measurements: never mentioned).
        moves: the directions that hold for the piece; empty if it moves without one.
        speed: net drift, frame widths per second.
        zoom: natural logarithm of the growth of the frame per second; above 0 is closer.
        shake: root mean square of the fast part of the movement, frame widths.
    """

    state: CameraState
    moves: tuple[MoveName, ...] = ()
    speed: float = 0.0
    zoom: float = 0.0
    shake: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Motion relative to the camera.

    Attributes:
        level: a word.
        share: mean share of the frame's area that moves against the background, 0 to 1.
        where: the part with most of it ("left", "upper right", "centre", …); None if it is spread.
        direction: "left", "right", "up" or "down"; None if there is no single direction.
    """

    level: MotionLevel
    share: float
    where: str | None = None
    direction: Literal["left", "right", "up", "down"] | None = None


@dataclass(frozen=True, kw_only=True)
class Light:
    """The brightness of the frame.

    Attributes:
        level: a word.
        mean: mean luma, 0 (black) to 1 (white).
        contrast: standard deviation of luma, 0 to 0.5.
        change: whether it gets lighter or darker within the piece.
    """

    level: LightLevel
    mean: float
    contrast: float
    change: LightChange = "steady"


@dataclass(frozen=True, kw_only=True)
class Colour:
    """A colour by its plain name and the share of the frame that it covers, 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Label:
    """A class of the frame with its score, 0 to 1."""

    name: str
    score: float


@dataclass(frozen=True, kw_only=True)
class PerceptualHash:
    """The hash of the frame of one second: see `operators.analysis.perceptual_hash`.

    Attributes:
        time_s: the whole second.
        bits: 256 bits as 64 hexadecimal digits.
        held: whether nothing has changed since the previous hash; None if that is unknown.
    """

    time_s: float
    bits: str
    held: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A subtitle line with its span."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stride cell, or the part of it within one shot. None means not measured.

    Attributes:
        start_s, end_s: its span.
        camera, motion: from dense thumbnails.
        frozen: whether the thumbnails do not change at all.
        light: from frames, or from thumbnails if there are no frames.
        colours: largest share first.
        grey: whether the frame is black and white.
        text: lines read in the frame (OCR), in reading order.
        text_share: share of the frame's area that those lines cover, 0 to 1.
        labels: best score first.
    """

    start_s: float
    end_s: float
    camera: Camera | None = None
    motion: Motion | None = None
    frozen: bool | None = None
    light: Light | None = None
    colours: tuple[Colour, ...] | None = None
    grey: bool | None = None
    text: tuple[str, ...] | None = None
    text_share: float | None = None
    labels: tuple[Label, ...] | None = None

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s

    @property
    def measured(self) -> bool:
        """Return whether anything was measured."""
        return any(getattr(self, name) is not None for name in _MEASURED)


_MEASURED = ("camera", "motion", "frozen", "light", "colours", "grey", "text", "labels")
