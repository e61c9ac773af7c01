"""How an export is named: a word of `EXPORTS`, a name that an installed distribution offers as an entry point of the
group `longcap.exports`, or the place of your own class, `package.module:ClassName`.

Exports are imported when they are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter, ValidationError

from operators.core.entry_points import EXPORTS as GROUP
from operators.core.entry_points import offers
from pipeline.export.base import Export
from pipeline.terminal.errors import UsageError, nearest

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


def names() -> dict[str, str]:
    """name -> "module:Class", of all exports that have a name here.

    Raises:
        ValueError: two installed distributions offer the same name.
    """
    return {**{name: offer.place for name, offer in offers(GROUP).items()}, **EXPORTS}


def export_class(name: str) -> type[Export]:
    """The class that `name` stands for.

    Raises:
        UsageError: in one line, when there is no such name, module or class, or the class is no export.
    """
    named = names()
    module_name, colon, class_name = named.get(name, name).partition(":")
    if not (colon and module_name and class_name):
        known = ", ".join(sorted(named))
        raise UsageError(f"{name!r} is no export{nearest(name, named)} Known: {known}, or package.module:ClassName")
    try:
        found = getattr(import_module(module_name), class_name, None)
    except ImportError as error:
        raise UsageError(f"export {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Export) and is_dataclass(found)):
        raise UsageError(f"export {name!r} is not a dataclass derived from pipeline.export.base.Export")
    return found


def make(name: str, options: Mapping[str, Any]) -> Export:
    """An export from its options, as plain values or as text from a command line.

    Raises:
        UsageError: in one line, for an unknown name or option, or a wrong value.
    """
    cls = export_class(name)
    known = [f.name for f in fields(cls) if f.init]
    for key in options:
        if key not in known:
            raise UsageError(
                f"{key} is no option of export {name}{nearest(key, known)} Known here: {', '.join(known) or 'none'}"
            )
    try:
        return _adapter(cls).validate_python(dict(options))
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise UsageError(
            f"export {name}: {where or 'options'}: {detail['msg']}, and {detail['input']!r:.80} was given"
        ) from error


@lru_cache(maxsize=64)
def _adapter(cls: type[Export]) -> TypeAdapter[Export]:
    return TypeAdapter(cls)
