"""What every operator and every engine has to keep."""

from __future__ import annotations

from io import BytesIO

from longcap_example.headline import Headline
from longcap_example.sharpness import Sharpness
from longcap_example.shout import Shout
from PIL import Image

from longcap.testing import check_engine, check_operator
from operators.engines.base import Request


def test_sharpness_keeps_the_contract() -> None:
    file = BytesIO()
    Image.effect_noise((320, 180), 80).save(file, "JPEG")
    frame = {"time_s": 0.0, "pts_s": 0.0, "until_s": None, "jpeg": file.getvalue()}
    (made,) = check_operator(Sharpness(), [{"images": [frame]}], other={"width_px": 320})
    assert made["sharpness"][0]["value"] > 0


def test_headline_keeps_the_contract() -> None:
    row = {"caption": "A red car turns left.", "duration_s": 5.0}
    (made,) = check_operator(Headline(), [row], other={"engine": Shout(words=2)})
    assert made["headline"] == "A RED CAR TURNS LEFT."


def test_shout_keeps_the_contract() -> None:
    request = Request(kind="headline", start_s=0.0, end_s=5.0, prompt="Title:\nA red car turns left.")
    (answer,) = check_engine(Shout(), [request], other={"words": 3})
    assert answer.text == "A RED CAR TURNS LEFT."
