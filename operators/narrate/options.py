"""What a config says of long captions, and the words and prompts that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from operators.core.base import ADDED, SIZING, Operator, Was
from operators.core.fingerprint import digest
from operators.engines.registry import AnyEngine
from operators.engines.template import MeasureEngine
from operators.prompts import Prompt, load_prompt

if TYPE_CHECKING:
    from operators.narrate.grounding.toolkit import Toolkit


@dataclass(frozen=True, kw_only=True)
class NarrateOptions(Operator):
    """The fields of the operator `narrate`, and what follows from them alone."""

    engine: Annotated[AnyEngine, Field(description="what turns captions into sections and sections into the whole")] = (
        field(default_factory=MeasureEngine)
    )
    section_s: Annotated[
        float, Field(gt=0, description="wanted length of a section in s; its edges move to cuts and windows")
    ] = 60.0
    keep_lines: Annotated[
        bool,
        ADDED,
        Field(description="no section begins inside a spoken line, for a dataset made from a table of speech"),
    ] = False
    words_per_minute: Annotated[
        float | None,
        Field(
            gt=0, description="wanted words of all sections a minute of video; null leaves it to what there is to tell"
        ),
    ] = None
    target_words: Annotated[
        int | None, Field(ge=50, description="wanted words of all sections together, whatever the video's length")
    ] = None
    opening_words: Annotated[
        int, Field(ge=10, description="wanted words of the opening, for an engine with a model")
    ] = 80
    outline: Annotated[
        bool, Field(description="let a model plan topics and words of the sections before it writes; else even shares")
    ] = True
    continuations: Annotated[
        int, Field(ge=0, le=10, description="times a section below 90 % of its wanted words is continued")
    ] = 4
    grounding: Annotated[
        Literal["lexical", "embedding"],
        Field(
            description="how sentences are compared with captions: lexical, by words; embedding, by meaning as well, "
            "with the extra grounding. Numbers, colours, negation and directions are compared in both"
        ),
    ] = "lexical"
    embedding_model: Annotated[
        str | None,
        Field(
            description="folder with model.onnx and tokenizer.json of a sentence-embedding model with mean pooling; "
            "null: the English all-MiniLM-L6-v2 of the extra, and words alone for other languages"
        ),
    ] = None
    false_pass_rate: Annotated[
        float,
        Field(
            ge=0.01,
            le=0.2,
            description="share of sentences about something else that may pass the comparison with the captions. "
            "A larger share keeps more true sentences that say what no caption says in like words",
        ),
    ] = 0.03
    entailment: Annotated[
        str | None,
        Field(
            description="folder with model.onnx, tokenizer.json and config.json of a natural-language-inference model: "
            "what the nearest captions contradict is cut; null: none is asked"
        ),
    ] = None
    repair: Annotated[
        bool,
        Field(description="ask once for a section or opening without its unsupported clauses, before these are cut"),
    ] = True
    fallback: Annotated[
        Literal["captions", "fail"],
        Field(
            description="where a model gives no good answer for a section: the captions' own sentences "
            "stand for it and integrity is false, or the video fails"
        ),
        Was("untold"),
    ] = "captions"
    section_prompt: Annotated[str, Field(description="prompt of a section: a name or a path to a .j2 file")] = "section"
    video_prompt: Annotated[str, Field(description="prompt of the opening: a name or a path to a .j2 file")] = "video"
    digest_prompt: Annotated[
        str, Field(description="prompt that shortens what does not fit: a name or a path to a .j2 file")
    ] = "digest"
    outline_prompt: Annotated[str, Field(description="prompt of the outline: a name or a path to a .j2 file")] = (
        "outline"
    )
    repair_prompt: Annotated[
        str, Field(description="prompt that takes unsupported clauses out: a name or a path to a .j2 file")
    ] = "repair"
    language: Annotated[str, Field(min_length=1, description="language of the caption, as the prompts name it")] = (
        "English"
    )
    tries: Annotated[int, Field(ge=1, le=10, description="times a request is asked before the video fails")] = 3
    concurrency: Annotated[
        int, Field(ge=1, description="videos in one narrator actor at once, so that their requests meet"), SIZING
    ] = 4

    def identity_extra(self) -> dict[str, Any]:
        """The prompts' texts and what grounding was fitted: after a change of these no stale narration is reused."""
        from operators.narrate.grounding.fitted import CENTRE_FILE, FILE

        return {
            "prompts": [p.hash for p in self.prompts().values()],
            "fitted": digest([f.read_text(encoding="utf-8") for f in (FILE, CENTRE_FILE)]),
        }

    def toolkit(self) -> Toolkit:
        """The scorers that the config chooses, loaded.

        Raises:
            ValueError: in one line, which package or file is missing.
        """
        from operators.embedding.sentences import embedder
        from operators.language.identify import language_code
        from operators.narrate.grounding.entailment import entailer
        from operators.narrate.grounding.fitted import centre
        from operators.narrate.grounding.scorers import Embed, centred
        from operators.narrate.grounding.toolkit import Toolkit

        english = language_code(self.language) == "en"
        meaning = self.grounding == "embedding" and (english or self.embedding_model is not None)
        embed: Embed | None = embedder(self.embedding_model) if meaning else None
        if embed is not None and self.embedding_model is None:
            embed = centred(embed, centre())
        return Toolkit(
            embed=embed,
            entail=entailer(self.entailment) if self.entailment else None,
            false_pass_rate=self.false_pass_rate,
        )

    def check(self) -> None:
        """Look, without loading, for packages and files that grounding needs.

        Raises:
            ValueError: in one line, what is missing and what to do.
        """
        from operators.embedding.sentences import model_files
        from operators.narrate.grounding.entailment import check_folder

        if self.grounding == "embedding":
            try:
                model_files(self.embedding_model, where="its model")
            except ValueError as error:
                raise ValueError(f"narrate.grounding is embedding: {error}, or set it to lexical") from None
        if self.entailment is not None:
            check_folder(self.entailment)

    def prompts(self) -> dict[str, Prompt]:
        names = {
            "section": self.section_prompt,
            "video": self.video_prompt,
            "digest": self.digest_prompt,
            "outline": self.outline_prompt,
            "repair": self.repair_prompt,
        }
        return {name: load_prompt(file) for name, file in names.items()}

    def wanted_words(self, seconds: float) -> int | None:
        """Words of all sections of so many seconds of video; None where it is left to the engine."""
        if self.target_words is not None:
            return self.target_words
        return None if self.words_per_minute is None else max(50, round(self.words_per_minute * seconds / 60))
