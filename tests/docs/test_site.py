"""The docs site builds, with every page and frame in it and nothing that is loaded from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT

pytest.importorskip("zensical")


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / ".site"
    for page in (ROOT / "docs").rglob("*.md"):
        html = (site / page.relative_to(ROOT / "docs")).with_suffix(".html").read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|link rel=\"(?:stylesheet|icon)\")[^>]* (?:src|href)=\"([^\"]+)\"", html)
        assert loaded and not [url for url in loaded if re.match(r"https?:|//", url)], page.name
    assert (site / "images" / "start-video.webp").is_file()
