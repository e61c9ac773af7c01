"""The option that selects the classifier for removing talk of the model, and the sentence embeddings that it needs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from operators.cleaning.classifier import MEANING
from operators.cleaning.context import Embed
from operators.core.base import ADDED
from operators.core.fingerprint import FINGERPRINT_HEX
from operators.embedding.sentences import embedder, file_digest, model_files
from operators.engines.base import EngineRefused

TalkClassifier = Annotated[
    Literal["words", "embedding"],
    ADDED,
    Field(
        description="classifier that removes sentences in which a model talks about its task, for English: words uses "
        "words and pairs of words; embedding also uses sentence embeddings (the extra grounding) and detects more"
    ),
]


def check_talk_classifier(kind: str, where: str) -> None:
    """Check, without loading, that the packages of `embedding` are installed; `where` is the field's path.

    Raises:
        ValueError: one line that says what is missing and what to do.
    """
    if kind == "embedding":
        try:
            model_files(None, where="its model")
        except ValueError as error:
            raise ValueError(f"{where} is embedding: {error}, or set it to words") from None


def talk_embedder(kind: str) -> Embed | None:
    """Return the `operators.cleaning.context.Context.embed` of this classifier, loaded once per process. Operators
    call it when they open, so that no answer waits for it.

    Raises:
        EngineRefused: the packages of the extra are missing.
    """
    try:
        return embedder() if kind == "embedding" else None
    except ValueError as error:
        raise EngineRefused(str(error)) from error


def talk_identity(kind: str) -> dict[str, Any]:
    """Return the fingerprint of the fitted model; empty for `words`, which is in no fingerprint."""
    return {"talk_model": file_digest(str(MEANING))[:FINGERPRINT_HEX]} if kind == "embedding" else {}
