"""Errors of folders that cannot be created are of classes whose causes are explained in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.core.causes import explained
from operators.core.folders import make_folder


def test_a_folder_is_created_with_its_parents_once_and_again(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
def test_a_file_where_a_folder_has_to_be_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as caught:
        make_folder(tmp_path / "file" / below)
    assert "a file stands where a folder has to be" in explained(caught.value)


def test_a_place_without_room_for_folders_is_no_missing_file() -> None:
    with pytest.raises(PermissionError, match="no folder can be created there"):
        make_folder(Path("/proc/longcap/videos"))
