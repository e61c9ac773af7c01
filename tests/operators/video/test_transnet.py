"""TransNet V2: the authors' network, read from their layout of weights, on a real decode."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from operators.analysis.facts import Facts
from operators.analysis.measure import Measure
from operators.core.base import ItemError, Row
from operators.core.fingerprint import identity
from operators.video.decode import Decode
from operators.video.transnet import ShotNet, layout, load, scores
from tests.support.scenes import Scene, render, texture

torch: Any = pytest.importorskip("torch", reason="the extra `transnetv2` is not installed")


def drawn(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Weights drawn at random, of the size that keeps signals alive."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in layout().items():
        x = rng.standard_normal(shape)
        x = np.abs(x) + 0.5 if name.endswith("running_var") else x / max(1.0, np.prod(shape[1:])) ** 0.5
        weights[name] = x.astype(np.float32)
    return weights


def by_colour() -> dict[str, np.ndarray[Any, Any]]:
    """Weights by which a frame ends a shot where the next one's histogram is less than half like its own."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in layout().items()}
    weights["color_hist_layer.fc.weight"][0, 51], weights["color_hist_layer.fc.bias"][0] = -1.0, 1.0
    weights["fc1.weight"][0, 0] = 1.0
    weights["cls_layer1.weight"][0, 0], weights["cls_layer1.bias"][0] = 4.0, -2.0
    return weights


def saved(folder: Path, weights: dict[str, np.ndarray[Any, Any]], name: str = "weights.pth") -> str:
    """Written as the authors' file is: what only training needs, and the second head, are in it as well."""
    state = {name: torch.from_numpy(x) for name, x in weights.items()}
    state["SDDCNN.0.DDCNN.0.bn.num_batches_tracked"] = torch.tensor(7)
    state["cls_layer2.weight"] = torch.zeros(1, 1024)
    torch.save(state, folder / name)
    return str(folder / name)


def noise(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    frames = np.random.default_rng(seed).integers(0, 256, (count, 27, 48, 3)).astype(np.uint8)
    frames[count // 2 :] //= 3
    return frames


def seen(net: ShotNet, frames: np.ndarray[Any, Any]) -> list[float]:
    for k, frame in enumerate(frames):
        net.see(k / 10, av.VideoFrame.from_ndarray(frame, format="rgb24"))
    return net.cuts_s()


def test_scores_are_those_of_the_authors_network(tmp_path: Path) -> None:
    found = scores(load(saved(tmp_path, drawn())), noise(100))
    # from their own code, with the same weights and frames
    theirs = [0.287986, 0.279057, 0.294413, 0.3074, 0.300131, 0.304723, 0.107249]
    assert found[[0, 10, 48, 49, 50, 51, 99]].tolist() == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("count", [1, 50, 51, 75, 149])
def test_every_frame_is_judged_once_in_the_middle_of_a_window(tmp_path: Path, count: int) -> None:
    frames = np.zeros((count, 27, 48, 3), np.uint8)
    changes = [k for k in (1, 30, 50, 73, 99, 148) if k < count]
    for first in changes:
        frames[first:] = 255 - frames[first]
    assert seen(ShotNet(saved(tmp_path, by_colour()), 0.5), frames) == [k / 10 for k in changes]


def test_the_threshold_decides_what_counts(tmp_path: Path) -> None:
    path, frames = saved(tmp_path, drawn()), noise(50)  # one window
    padded = np.concatenate([frames[:1].repeat(25, 0), frames, frames[-1:].repeat(25, 0)])
    judged = scores(load(path), padded)[25:75]
    peak = int(np.argmax(judged))
    for threshold in np.quantile(judged, [0.5, 0.95]):
        over = judged > threshold
        runs = int(over[0]) + int((over[1:] & ~over[:-1]).sum())
        cuts = seen(ShotNet(path, float(threshold)), frames)
        assert runs - 1 <= len(cuts) <= runs, "one a run, but for a run that ends with the last frame"
        assert peak == 49 or (peak + 1) / 10 in cuts
    assert seen(ShotNet(path, float(judged.max())), frames) == []


def row_of(path: Path, seconds: float) -> Row:
    return {
        "uri": str(path),
        "subtitles_uri": None,
        "source_version": None,
        "start_s": 0.0,
        "end_s": seconds,
        "decode_start_s": 0.0,
        "decode_end_s": seconds,
        "duration_s": seconds,
        "first_pts_s": 0.0,
    }


def test_cuts_are_found_in_the_decoding_process_and_measured_with(tmp_path: Path) -> None:
    lengths = {"red": 3.0, "blue": 2.5, "green": 3.0}
    film = [Scene(seconds=s, canvas=texture(c, seed=1)) for c, s in lengths.items()]
    truth = render(tmp_path / "film.mp4", film, fps=10)  # the network takes about a second for 50 frames
    path = saved(tmp_path, by_colour())
    with Decode(shots="transnetv2", shots_weights=path).open() as apply:
        row = apply(row_of(tmp_path / "film.mp4", truth.seconds))
    assert row["signals"]["cuts_s"] == pytest.approx([3.0, 5.5], abs=1e-3)
    with Measure().open() as measure:
        facts = Facts.parse(measure(row)["facts"])
    assert [t.start_s for t in facts.transitions or ()] == pytest.approx([3.0, 5.5], abs=1e-3)

    with Decode(shots="transnetv2", shots_weights=path, shots_threshold=0.95).open() as apply:
        assert apply(row_of(tmp_path / "film.mp4", truth.seconds))["signals"]["cuts_s"] == []


def test_other_weights_are_another_result_and_another_place_is_not(tmp_path: Path) -> None:
    one, other = saved(tmp_path, drawn(0)), saved(tmp_path, drawn(1), "other.pth")
    (tmp_path / "copy.pth").write_bytes(Path(one).read_bytes())
    key = {p: identity(Decode(shots="transnetv2", shots_weights=p)) for p in (one, other, str(tmp_path / "copy.pth"))}
    assert key[one] != key[other] and key[one] == key[str(tmp_path / "copy.pth")]


WRONG = {
    "text": "is no PyTorch state dict",
    "lacks": "color_hist_layer.fc.weight, of shape (128, 101), is not there",
    "shape": "fc1.weight, of shape (1024, 4864), has the shape (3, 3)",
    "absent": "cannot be read: No such file or directory",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_something_else_is_one_line(tmp_path: Path, wrong: str) -> None:
    weights = drawn()
    path = tmp_path / "wrong.pth"
    if wrong == "text":
        path.write_text("these are no weights")
    elif wrong != "absent":
        if wrong == "lacks":
            del weights["color_hist_layer.fc.weight"]
        else:
            weights["fc1.weight"] = np.zeros((3, 3), np.float32)
        saved(tmp_path, weights, "wrong.pth")
    decode = Decode(shots="transnetv2", shots_weights=str(path))
    with pytest.raises(ValueError, match="shots_weights") as error:
        identity(decode)  # what a run asks for before anything else
        decode.check()
    said = str(error.value)
    assert len(said.splitlines()) == 1 and str(path) in said and WRONG[wrong] in said
    with pytest.raises((ValueError, ItemError)), decode.open():
        pytest.fail("an actor came up with weights that it cannot use")


@pytest.mark.parametrize(
    "fields",
    [
        {"shots": "transnetv2"},
        {"shots_weights": "w.pth"},
        {"shots": "transnetv2", "shots_weights": "w", "signals_fps": 0},
    ],
)
def test_half_a_configuration_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="shots"):
        Decode(**fields)


def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    path = saved(tmp_path, drawn())
    code = f"import sys; sys.modules['torch'] = None; from operators.video.transnet import load; load({path!r})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "longcap[transnetv2]" in ended.stderr.splitlines()[-1]
    with pytest.raises(ItemError, match="no PyTorch state dict"):
        load(str(tmp_path))
