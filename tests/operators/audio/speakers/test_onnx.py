"""Speakers end to end: rendered voices, a real ONNX file, ids that hold over the whole video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.audio.speakers.base import REGISTRY
from operators.audio.speakers.onnx import filter_banks
from operators.core.base import ItemError
from tests.operators.audio.test_listen import heard
from tests.support.speech import RATE_HZ, mixed, needs_espeak, spoken, write_clip

PLANTED = "tests.support.speech:Planted"


def write_model(path: Path, *, ranks: int) -> Path:
    """A model of the spectrum: 3: mean deviation of each filter bank, 2: mean power of the samples in 40 bands."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    nodes, weights = [], []
    if ranks == 2:
        time_s = np.arange(800) / RATE_HZ
        bands = 80.0 * 1.1 ** np.arange(40)
        waves = [f(2 * np.pi * b * time_s) * np.hanning(800) for b in bands for f in (np.cos, np.sin)]
        weights = [numpy_helper.from_array(np.stack(waves)[:, None].astype(np.float32), "w")]
        weights += [numpy_helper.from_array(np.array([1], np.int64), "axis")]
        weights += [numpy_helper.from_array(np.array([2], np.int64), "times")]
        weights += [numpy_helper.from_array(np.array(1e-6, np.float32), "floor")]
        nodes = [
            helper.make_node("Unsqueeze", ["x", "axis"], ["u"]),
            helper.make_node("Conv", ["u", "w"], ["c"], strides=[160]),
            helper.make_node("Mul", ["c", "c"], ["p"]),
            helper.make_node("ReduceMean", ["p", "times"], ["m"], keepdims=0),
            helper.make_node("Add", ["m", "floor"], ["a"]),
            helper.make_node("Log", ["a"], ["l"]),
            helper.make_node("ReduceMean", ["l", "axis"], ["n"], keepdims=1),
            helper.make_node("Sub", ["l", "n"], ["y"]),
        ]
    else:
        weights = [numpy_helper.from_array(np.array([1], np.int64), "axis")]
        nodes = [
            helper.make_node("Abs", ["x"], ["b"]),
            helper.make_node("ReduceMean", ["b", "axis"], ["m"], keepdims=0),
            helper.make_node("ReduceMean", ["m", "axis"], ["n"], keepdims=1),
            helper.make_node("Sub", ["m", "n"], ["y"]),
        ]
    shape = [1, "samples"] if ranks == 2 else [1, "frames", 80]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "voice", [value("x", 1, shape)], [value("y", 1, [1, 80])], initializer=weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


@needs_espeak
@pytest.mark.parametrize("ranks", [2, 3])
def test_the_same_voice_is_one_speaker_in_the_whole_video(ranks: int, tmp_path: Path) -> None:
    woman, man = ("en-us+f3", 60), ("en-gb", 20)
    texts = ["The quick brown fox jumps over the dog.", "Yesterday evening we walked along the harbour.", "Good night."]
    other = 1 if ranks == 2 else 0  # mean deviations depend on what is said, too
    turns = [(1.0, woman, 0), (7.0, man, 0), (13.0, man, other), (20.0, woman, other)]
    said: list[Any] = [(at, spoken(texts[n], voice=v, pitch=p)) for at, (v, p), n in turns]
    clip = write_clip(tmp_path / "talk.mp4", [mixed(26.0, said)], length_s=26.0)
    model = write_model(tmp_path / "voice.onnx", ranks=ranks)
    found = heard(
        clip,
        recogniser={"kind": PLANTED, "texts": ["one two"]},
        speakers={"kind": "onnx", "model": str(model)},
        speaker_likeness=0.8 if ranks == 2 else 0.9,
    )
    assert [line["speaker"] for line in found["speech"]] == ["S1", "S2", "S2", "S1"]
    without = heard(clip, recogniser={"kind": PLANTED, "texts": ["one two"]})
    assert {line["speaker"] for line in without["speech"]} == {None}


def test_filter_banks_are_those_of_a_tone_in_its_bin() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    for hz in (300.0, 1000.0, 3000.0):
        rising = 8000 * np.sin(2 * np.pi * hz * time_s) * np.linspace(0.01, 1, RATE_HZ)
        banks = filter_banks(rising.astype(np.float32), 80)
        assert banks.shape == (98, 80) and abs(float(banks.mean())) < 1e-4
        mel = 1127 * np.log(1 + np.array([20.0, 8000.0, hz]) / 700)
        place = (mel[2] - mel[0]) / (mel[1] - mel[0]) * 81 - 1
        growth = banks[-5:].mean(0) - banks[:5].mean(0)
        assert abs(int(growth[int(place) - 3 : int(place) + 5].argmax()) + int(place) - 3 - place) <= 2.5


def test_a_wrong_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match="is not a file"):
        REGISTRY.parse({"kind": "onnx", "model": str(tmp_path / "none.onnx")}).check()
    with (
        pytest.raises(ItemError, match="does not load"),
        REGISTRY.parse({"kind": "onnx", "model": str(tmp_path / "broken.onnx")}).open(),
    ):
        pass
