"""Names of recognisers in a config: `recogniser: pocketsphinx`, or `{kind: whisper, model: …}` with fields.

A kind is a key of `RECOGNISERS`, the name of an entry point in the group `longcap.recognisers` of an installed
distribution, or the import path of a spec, `package.module:ClassName`.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from operators.audio.recognisers.base import RecogniserSpec
from operators.core import entry_points
from operators.core.named import Registry

RECOGNISERS: dict[str, str] = {
    "pocketsphinx": "operators.audio.recognisers.pocketsphinx:Pocketsphinx",
    "server": "operators.audio.recognisers.server:Server",
    "vllm": "operators.audio.recognisers.vllm:Vllm",
    "whisper": "operators.audio.recognisers.whisper:Whisper",
}
"""kind -> "module:Class" of the specs that ship with Longcap."""

REGISTRY: Registry[RecogniserSpec] = Registry(
    noun="recogniser",
    base=RecogniserSpec,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours=RECOGNISERS,
    group=entry_points.RECOGNISERS,
)


AnyRecogniser: TypeAlias = Annotated[RecogniserSpec | None, *REGISTRY.annotations(optional=True)]
"""The type of the operator `listen`'s field `recogniser`."""
