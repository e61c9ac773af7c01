"""How a config names a recogniser: `recogniser: pocketsphinx`, or `{kind: whisper, model: …}` with its own fields.

A kind is a word of `RECOGNISERS`, a name that an installed distribution offers as an entry point of the group
`longcap.recognisers`, or the place of your own spec, `package.module:ClassName`.
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
"""kind -> "module:Class" of the spec, of the recognisers that ship with Longcap."""

REGISTRY: Registry[RecogniserSpec] = Registry(
    noun="recogniser",
    base=RecogniserSpec,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours=RECOGNISERS,
    group=entry_points.RECOGNISERS,
)


AnyRecogniser: TypeAlias = Annotated[RecogniserSpec | None, *REGISTRY.annotations(optional=True)]
"""The type of the operator `listen`'s field `recogniser`."""
