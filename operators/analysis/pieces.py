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
    """How one shot gives way to the next, or a black stretch between shots.

    Attributes:
        kind: "cut" (both times are the first picture of the new shot), "dissolve", "fade out" (to black), "fade in"
            (from black), "black" (the picture is black throughout).
        start_s, end_s: when it begins and ends.
    """

    kind: TransitionKind
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How the whole picture moves.

    Attributes:
        state: "still"; "moves"; "shakes" (unsteady, without a direction); "unsure" (too little texture to tell, or
            measurements that contradict each other: never spoken of).
        moves: the directions that hold for the piece; empty where it moves without one.
        speed: net drift, frame widths a second.
        zoom: natural logarithm of the growth of the picture a second; above 0 is closer.
        shake: root mean square of the fast part of the movement, frame widths.
    """

    state: CameraState
    moves: tuple[MoveName, ...] = ()
    speed: float = 0.0
    zoom: float = 0.0
    shake: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What moves besides the camera.

    Attributes:
        level: in words.
        share: mean share of the picture's area that moves against the background, 0 to 1.
        where: the part that holds most of it ("left", "upper right", "centre", …); None where it is spread.
        direction: "left", "right", "up" or "down"; None where there is not one.
    """

    level: MotionLevel
    share: float
    where: str | None = None
    direction: Literal["left", "right", "up", "down"] | None = None


@dataclass(frozen=True, kw_only=True)
class Light:
    """How light the picture is.

    Attributes:
        level: in words.
        mean: mean luma, 0 (black) to 1 (white).
        contrast: standard deviation of luma, 0 to 0.5.
        change: whether it grows lighter or darker within the piece.
    """

    level: LightLevel
    mean: float
    contrast: float
    change: LightChange = "steady"


@dataclass(frozen=True, kw_only=True)
class Colour:
    """A colour by its plain name and the share of the picture that it fills, 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a classifier takes the picture for, and its score, 0 to 1."""

    name: str
    score: float


@dataclass(frozen=True, kw_only=True)
class PerceptualHash:
    """What the picture of one second is known again by: `operators.analysis.perceptual_hash`.

    Attributes:
        time_s: the whole second that it stands for.
        bits: 256 bits as 64 hexadecimal digits.
        held: nothing at all has changed since the print before; None where that one was not seen.
    """

    time_s: float
    bits: str
    held: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A subtitle line and when it stands."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stride cell, or the part of it that lies in one shot. None: not measured.

    Attributes:
        start_s, end_s: its span.
        camera, motion: from dense thumbnails.
        frozen: the thumbnails do not change at all.
        light: from frames, or from thumbnails where there are no frames.
        colours: largest share first.
        grey: the picture is black and white.
        text: lines read in the picture (OCR), in reading order.
        text_share: share of the picture's area that those lines take, 0 to 1.
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
        """Whether anything at all is known of it."""
        return any(getattr(self, name) is not None for name in _MEASURED)


_MEASURED = ("camera", "motion", "frozen", "light", "colours", "grey", "text", "labels")
