"""The camera and what moves besides, on rendered film of known movement."""

from __future__ import annotations

import pytest

from tests.operators.analysis.reel import filmed, measure, piece
from tests.support.scenes import Scene, Thing, plain, texture


@pytest.mark.parametrize("name", ["pan right", "pan left", "tilt up", "tilt down", "zoom in", "zoom out"])
def test_a_movement_of_the_camera_is_named_and_no_other(name: str) -> None:
    camera = piece(name).camera
    assert camera is not None
    assert (camera.state, camera.moves) == ("moves", (name,))


def test_a_fast_pan_is_a_pan_and_its_speed_is_right() -> None:
    camera = piece("fast pan").camera
    assert camera is not None
    assert camera.moves == ("pan right",)
    assert camera.speed == pytest.approx(0.4, rel=0.1)


def test_a_hand_held_camera_shakes_and_goes_nowhere() -> None:
    camera = piece("shakes").camera
    assert camera is not None
    assert (camera.state, camera.moves) == ("shakes", ())


@pytest.mark.parametrize("name", ["still", "ball", "big box", "flashes", "brightens"])
def test_a_standing_camera_stands_whatever_crosses_the_frame(name: str) -> None:
    camera = piece(name).camera
    assert camera is not None
    assert camera.state == "still"


def test_without_texture_nothing_is_said_of_the_camera() -> None:
    camera = piece("plain").camera
    assert camera is not None
    assert camera.state == "unsure"


def test_what_moves_is_measured_with_its_way() -> None:
    for name in ("ball", "big box"):
        motion = piece(name).motion
        assert motion is not None
        assert motion.level in ("little", "some")
        assert motion.direction == "right"


def test_noise_flashes_and_light_are_no_movement() -> None:
    for name in ("still", "flashes", "brightens"):
        motion = piece(name).motion
        assert motion is not None
        assert motion.level == "none"


def test_noise_is_no_movement() -> None:
    row, _ = filmed(Scene(seconds=5, canvas=texture("teal", "white")), noise=12.0)
    only = measure(row).pieces[0]
    assert only.camera is not None
    assert only.camera.state == "still"
    assert only.motion is not None
    assert only.motion.level == "none"


def test_before_a_moving_camera_nothing_is_said_of_other_movement() -> None:
    assert piece("pan right").motion is None
    assert piece("shakes").motion is None


def test_where_it_moves() -> None:
    thing = Thing(colour="red", size=0.12, at=(0.82, 0.12), speed=(0.0, 0.07))
    row, _ = filmed(Scene(seconds=5, canvas=texture("teal", "white"), things=(thing,)))
    motion = measure(row).pieces[0].motion
    assert motion is not None
    assert motion.where in ("right", "upper right")


def test_what_creeps_moves_a_little() -> None:
    thing = Thing(colour="red", size=0.12, at=(0.8, 0.3), speed=(0.0, 0.02))
    row, _ = filmed(Scene(seconds=5, canvas=texture("teal", "white"), things=(thing,)))
    motion = measure(row).pieces[0].motion
    assert motion is not None
    assert motion.level == "little"


def test_a_subject_before_a_plain_ground_is_no_pan() -> None:
    thing = Thing(colour="white", shape="box", size=0.3, at=(0.1, 0.3), speed=(0.15, 0.0))
    row, _ = filmed(Scene(seconds=5, canvas=plain("blue"), things=(thing,)))
    camera = measure(row).pieces[0].camera
    assert camera is not None
    assert camera.state in ("still", "unsure")
    assert camera.moves == ()
