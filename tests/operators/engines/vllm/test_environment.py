"""Variables for the boot of an engine: what is set, what stays, what is taken back."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from huggingface_hub import constants

from operators.engines.vllm import environment
from operators.engines.vllm.environment import prepared

_SIZES = ("VLLM_CPU_KVCACHE_SPACE", "OMP_NUM_THREADS")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def _boots(model: str) -> dict[str, str]:
    with prepared(model, kv_cache_gib=1, threads=1, alone=True):
        return dict(os.environ) | {"client": str(constants.HF_HUB_OFFLINE)}


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_OFFLINE, *_SIZES):
        monkeypatch.setenv(name, "")  # what is set in a test is taken back after it
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment.installed, "on_cpu", lambda: True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_the_hub_is_not_asked_while_a_folder_boots_and_may_be_afterwards(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    inside = _boots(str(tmp_path))
    assert [inside[name] for name in (*_OFFLINE, "client")] == ["1", "1", "True"]
    assert not {*_OFFLINE} & {*os.environ} and constants.HF_HUB_OFFLINE is False


def test_a_boot_that_fails_takes_them_back(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(KeyError), prepared(str(tmp_path), kv_cache_gib=1, threads=1, alone=True):
        raise KeyError
    assert not {*_OFFLINE} & {*os.environ} and constants.HF_HUB_OFFLINE is False


def test_a_model_of_the_hub_and_the_wish_of_the_user_stay(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not {*_OFFLINE} & {*_boots("Org/Model")}
    os.environ["HF_HUB_OFFLINE"] = "1"
    _boots(str(tmp_path))
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_each_engine_has_its_own_values_and_those_of_the_user_stay() -> None:
    before = dict(os.environ)
    for gib, threads in ((1, 2), (3, 4)):
        with prepared("Org/Model", kv_cache_gib=gib, threads=threads, alone=True):
            assert [os.environ[name] for name in _SIZES] == [str(gib), str(threads)]
        assert os.environ == before
    os.environ["OMP_NUM_THREADS"] = "7"
    with prepared("Org/Model", kv_cache_gib=1, threads=2, alone=True):
        assert [os.environ[name] for name in _SIZES] == ["1", "7"]
    assert os.environ == {**before, "OMP_NUM_THREADS": "7"}


def test_of_two_boots_of_one_kind_the_first_to_end_takes_nothing_back(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    one, two = (prepared(str(tmp_path), kv_cache_gib=1, threads=1, alone=True) for _ in range(2))
    with one:
        two.__enter__()
    assert os.environ["HF_HUB_OFFLINE"] == "1" and constants.HF_HUB_OFFLINE is True
    two.__exit__(None, None, None)
    assert not {*_OFFLINE, *_SIZES} & {*os.environ} and constants.HF_HUB_OFFLINE is False


def test_boots_that_need_other_values_wait_for_each_other() -> None:
    seen: list[str] = []
    asks, entered = threading.Event(), threading.Event()

    def second() -> None:
        asks.set()
        with prepared("Org/Model", kv_cache_gib=5, threads=1, alone=True):
            seen.append(os.environ["VLLM_CPU_KVCACHE_SPACE"])
            entered.set()

    other = threading.Thread(target=second, daemon=True)
    with prepared("Org/Model", kv_cache_gib=1, threads=1, alone=True):
        other.start()
        assert asks.wait(60.0)
        assert not entered.wait(0.1)
        assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert entered.wait(60.0)
    other.join(60.0)
    assert seen == ["5"] and not {*_SIZES} & {*os.environ}
