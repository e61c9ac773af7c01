"""Variables for the boot of an engine: what is set, what stays, what is taken back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub import constants

from operators.engines.vllm.environment import prepared

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def _boots(model: str) -> dict[str, str]:
    with prepared(model, kv_cache_gib=1, threads=1, alone=True):
        return dict(os.environ) | {"client": str(constants.HF_HUB_OFFLINE)}


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _OFFLINE:
        monkeypatch.setenv(name, "")  # what is set in a test is taken back after it
        monkeypatch.delenv(name)
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
