from __future__ import annotations

import pytest

from pipeline.sources.subtitles import subtitles_by_stem

SUFFIXES = [".mp4", ".mkv"]


@pytest.mark.parametrize(
    ("files", "paired"),
    [
        ("talk.mp4 talk.de.mp4 talk.de.srt", {"talk.de": "talk.de.srt"}),  # subtitles of the other video
        ("Dr.mp4 Dr.Who.MKV Dr.Who.srt", {"Dr.Who": "Dr.Who.srt"}),
        ("talk.mp4 talk.de.srt", {"talk": "talk.de.srt"}),
        ("talk.mp4 talk.de.srt talk.de.mp4 talk.fr.srt", {"talk": "talk.fr.srt", "talk.de": "talk.de.srt"}),
        ("talk.mp4 talk.sdh.srt", {"talk": "talk.sdh.srt"}),
        ("talk.mp4 talk.cc.srt talk.sv.srt", {"talk": "talk.sv.srt"}),  # a language is preferred
        ("talk.mp4 talk.raw2.srt talk.hd.srt talk.forced.srt", {}),
        ("talk.mp4 talk.iw.srt", {"talk": "talk.iw.srt"}),  # withdrawn
        ("talk.mp4 talk.jp.ass", {"talk": "talk.jp.ass"}),
        ("talk.mp4 talk.EN-us.vtt", {"talk": "talk.EN-us.vtt"}),
    ],
)
def test_a_subtitle_file_belongs_to_the_video_that_its_name_says(files: str, paired: dict[str, str]) -> None:
    names = files.split()
    found = subtitles_by_stem([f"/v/{name}" for name in names], SUFFIXES)
    videos = {name.rpartition(".")[0] for name in names if name.lower().endswith((".mp4", ".mkv"))}
    assert {stem: found[f"/v/{stem}"].removeprefix("/v/") for stem in videos if f"/v/{stem}" in found} == paired
