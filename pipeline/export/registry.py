"""Names of exports: a key of `EXPORTS`, a name that an installed distribution declares as an entry point of the group
`longcap.exports`, or the location of a class, `package.module:ClassName`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operators.core import entry_points
from operators.core.named import Registry
from pipeline.export.base import Export
from pipeline.terminal.errors import UsageError

_FORMATS = "pipeline.export.formats"
EXPORTS: dict[str, str] = {
    "sharegpt": f"{_FORMATS}.sharegpt:ShareGPT",
    "llava": f"{_FORMATS}.llava:Llava",
    "messages": f"{_FORMATS}.messages:Messages",
    "dpo": f"{_FORMATS}.preferences:Preferences",
    "frames": f"{_FORMATS}.images:Frames",
    "pages": f"{_FORMATS}.images:Pages",
    "activitynet": f"{_FORMATS}.activitynet:ActivityNet",
    "vidchapters": f"{_FORMATS}.activitynet:VidChapters",
    "qvhighlights": f"{_FORMATS}.moments:QVHighlights",
    "charades": f"{_FORMATS}.moments:Charades",
    "embeddings": f"{_FORMATS}.embeddings:Embeddings",
    "jsonl": f"{_FORMATS}.tables:Lines",
    "musubi": f"{_FORMATS}.generators:Musubi",
    "diffsynth": f"{_FORMATS}.generators:DiffSynth",
    "videox-fun": f"{_FORMATS}.generators:VideoXFun",
    "opensora": f"{_FORMATS}.generators:OpenSora",
    "controls": f"{_FORMATS}.controls:Controls",
    "storyboards": f"{_FORMATS}.stories:Storyboards",
    "stem-txt": f"{_FORMATS}.sidecars:StemText",
    "cosmos": f"{_FORMATS}.sidecars:Cosmos",
    "webvtt": f"{_FORMATS}.subtitles:WebVTT",
    "srt": f"{_FORMATS}.subtitles:SubRip",
    "youtube": f"{_FORMATS}.chapters:YouTube",
    "ffmetadata": f"{_FORMATS}.chapters:FFMetadata",
    "webdataset": f"{_FORMATS}.webdataset:WebDataset",
    "hub": f"{_FORMATS}.hub:Hub",
    "fiftyone": f"{_FORMATS}.fiftyone:FiftyOne",
    "vript": f"{_FORMATS}.stories:Vript",
    "scenewalk": f"{_FORMATS}.stories:SceneWalk",
    "records": f"{_FORMATS}.generated:Records",
    "videoxum": f"{_FORMATS}.generated:VideoXum",
    "distime": f"{_FORMATS}.generated:DisTime",
    "packed": f"{_FORMATS}.packed:Packed",
    "interleaved": f"{_FORMATS}.stories:Interleaved",
}
"""name -> "module:Class" of the exports that ship with Longcap; an entry point cannot replace them."""


REGISTRY: Registry[Export] = Registry(
    noun="export",
    base=Export,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours=EXPORTS,
    group=entry_points.EXPORTS,
)

names = REGISTRY.names


def export_class(name: str) -> type[Export]:
    """Return the class of an export.

    Raises:
        UsageError: the name, module or class does not exist, or the class is not an export; one line.
    """
    try:
        return REGISTRY.find(name)
    except ValueError as error:
        raise UsageError(str(error)) from error


def make(name: str, options: Mapping[str, Any]) -> Export:
    """Construct an export from its options, given as plain values or as text from a command line.

    Raises:
        UsageError: an unknown name or option, or a wrong value; one line.
    """
    try:
        return REGISTRY.make(name, options)
    except ValueError as error:
        raise UsageError(str(error)) from error
