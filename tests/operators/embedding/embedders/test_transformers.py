"""Models of transformers, with random weights: right shapes, and vectors that do not hang on their company."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from operators.core.base import ItemError
from operators.embedding.embedders.transformers import Transformers
from operators.engines.base import EngineRefused
from tests.support import embedders, video

pytest.importorskip("transformers", reason="the extra transformers is not installed")


def jpeg(index: int) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(video.barcode(index)).save(file, "JPEG")
    return file.getvalue()


TEXTS = ["a dog", "a much longer text about a dog", "", "cats"]


@pytest.mark.parametrize(
    ("make", "dimensions"), [(embedders.tiny_clip, 16), (embedders.tiny_siglip, 32)], ids=["clip", "siglip"]
)
def test_frames_and_texts_lie_in_one_space(tmp_path: Path, make: Callable[[Path], Path], dimensions: int) -> None:
    with Transformers(model=str(make(tmp_path)), device="cpu").open() as model:
        frames, texts = model.frames([jpeg(k) for k in range(20)]), model.texts(TEXTS)
        assert frames.shape == (20, dimensions) and texts.shape == (4, dimensions)
        assert np.allclose(np.linalg.norm(frames, axis=1), 1, atol=1e-5)
        assert not np.allclose(frames[0], frames[1], atol=1e-4), "other frames have other vectors"
        assert np.allclose(model.frames([jpeg(17)])[0], frames[17], atol=1e-5)
        for k, text in enumerate(TEXTS):
            assert np.allclose(model.texts([text])[0], texts[k], atol=1e-5), text
        assert model.texts(["a" * 500]).shape == (1, dimensions), "a long text is cut"
        assert len(model.frames([])) == len(model.texts([])) == 0


@pytest.mark.parametrize("pooling", ["mean", "first", "last"])
def test_a_text_encoder_pools_the_real_tokens(tmp_path: Path, pooling: str) -> None:
    folder = embedders.tiny_bert(tmp_path)
    with Transformers(model=str(folder), device="cpu", pooling=pooling).open() as model:  # type: ignore[arg-type]
        texts = model.texts(TEXTS)
        assert texts.shape == (4, 64)
        for k, text in enumerate(TEXTS):
            assert np.allclose(model.texts([text])[0], texts[k], atol=1e-5), "padding does not count"
        with pytest.raises(ItemError, match="embeds only texts"):
            model.frames([jpeg(0)])
    with Transformers(model=str(folder), device="cpu", pooling=pooling, prefix="query ").open() as other:  # type: ignore[arg-type]
        assert not np.allclose(other.texts(["dog"]), texts[:1], atol=1e-4)


def test_a_folder_without_a_model_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match=r"has no config.json; name the folder of a model\Z"):
        with Transformers(model=str(tmp_path), device="cpu").open():
            pass
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineRefused, match="does not load: ") as caught:
        with Transformers(model=str(tmp_path), device="cpu").open():
            pass
    assert "\n" not in str(caught.value)


def test_loads_that_would_overlap_keep_their_own_dtypes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default dtype is the whole process's. Each thread waits, after it has set it, until the other one has, or
    for half a second where that one is not let in."""
    torch = pytest.importorskip("torch")
    folder = embedders.tiny_bert(tmp_path)
    both, real = threading.Barrier(2, timeout=0.5), torch.set_default_dtype

    def met(dtype: object) -> None:
        real(dtype)
        with suppress(threading.BrokenBarrierError):
            both.wait()

    def load(dtype: str) -> tuple[str, set[str]]:
        with Transformers(model=str(folder), device="cpu", dtype=dtype).open() as model:  # type: ignore[arg-type]
            return dtype, {str(p.dtype) for p in model._model.parameters()}  # type: ignore[attr-defined]

    monkeypatch.setattr(torch, "set_default_dtype", met)
    try:
        with ThreadPoolExecutor(2) as pool:
            for dtype, there in pool.map(load, ("bfloat16", "float16")):
                assert there == {f"torch.{dtype}"}
        assert torch.get_default_dtype() == torch.float32
    finally:
        real(torch.float32)
