"""Options of the operator `narrate`, and properties derived from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from operators.core.base import ADDED, SIZING, Operator, Was
from operators.core.fingerprint import digest
from operators.embedding.talk import TalkClassifier, check_talk_classifier, talk_identity
from operators.engines.registry import AnyEngine
from operators.engines.template import MeasureEngine
from operators.prompts import Prompt, load_prompt

if TYPE_CHECKING:
    from operators.narrate.grounding.toolkit import Toolkit


@dataclass(frozen=True, kw_only=True)
class NarrateOptions(Operator):
    """The fields of the operator `narrate`, and properties derived from them."""

    engine: Annotated[
        AnyEngine, Field(description="engine that writes sections from captions, and the opening from sections")
    ] = field(default_factory=MeasureEngine)
    section_s: Annotated[
        float,
        Field(gt=0, description="target length of a section in s; its edges are moved to cuts and edges of windows"),
    ] = 60.0
    keep_lines: Annotated[
        bool,
        ADDED,
        Field(description="begin no section inside a spoken line; for a dataset made from a table of speech"),
    ] = False
    words_per_minute: Annotated[
        float | None,
        Field(
            gt=0,
            description="target words of all sections per minute of video; null: no target, the length follows the "
            "content",
        ),
    ] = None
    target_words: Annotated[
        int | None, Field(ge=50, description="target words of all sections together, independent of the video's length")
    ] = None
    opening_words: Annotated[
        int, Field(ge=10, description="target words of the opening, for an engine with a model")
    ] = 80
    outline: Annotated[
        bool,
        Field(description="let a model plan topics and lengths of the sections before it writes; false: equal shares"),
    ] = True
    continuations: Annotated[
        int,
        Field(ge=0, le=10, description="maximum number of times that a section below 90 % of its target is continued"),
    ] = 4
    grounding: Annotated[
        Literal["lexical", "embedding"],
        Field(
            description="how sentences are compared with captions: lexical, by words; embedding, also by meaning "
            "(needs the extra grounding). Both compare numbers, colours, negation and directions"
        ),
    ] = "lexical"
    embedding_model: Annotated[
        str | None,
        Field(
            description="folder with model.onnx and tokenizer.json of a sentence-embedding model with mean pooling; "
            "null: the English all-MiniLM-L6-v2 of the extra, and only words for other languages"
        ),
    ] = None
    false_pass_rate: Annotated[
        float,
        Field(
            ge=0.01,
            le=0.2,
            description="accepted share of unsupported sentences that pass the comparison with the captions; a larger "
            "share keeps more true sentences that are worded differently from all captions",
        ),
    ] = 0.03
    entailment: Annotated[
        str | None,
        Field(
            description="folder with model.onnx, tokenizer.json and config.json of a natural-language-inference "
            "model, with which clauses that contradict the nearest captions are cut; null: not used"
        ),
    ] = None
    repair: Annotated[
        bool,
        Field(description="request a section or opening once more without its unsupported clauses before cutting them"),
    ] = True
    fallback: Annotated[
        Literal["captions", "fail"],
        Field(
            description="what happens if no answer for a section is valid: captions, the section consists of "
            "sentences of its captions and integrity is false; fail, the video fails"
        ),
        Was("untold"),
    ] = "captions"
    section_prompt: Annotated[str, Field(description="prompt for a section: a name or a path to a .j2 file")] = (
        "section"
    )
    video_prompt: Annotated[str, Field(description="prompt for the opening: a name or a path to a .j2 file")] = "video"
    digest_prompt: Annotated[
        str, Field(description="prompt for a digest of text that exceeds the context: a name or a path to a .j2 file")
    ] = "digest"
    outline_prompt: Annotated[str, Field(description="prompt for the outline: a name or a path to a .j2 file")] = (
        "outline"
    )
    repair_prompt: Annotated[
        str, Field(description="prompt for the repair of unsupported clauses: a name or a path to a .j2 file")
    ] = "repair"
    language: Annotated[str, Field(min_length=1, description="language of the caption, as named in the prompts")] = (
        "English"
    )
    talk_classifier: TalkClassifier = "words"
    tries: Annotated[int, Field(ge=1, le=10, description="maximum attempts of a request before the video fails")] = 3
    concurrency: Annotated[
        int,
        Field(
            ge=1,
            description="videos that one narrator actor processes concurrently, so that their requests are batched",
        ),
        SIZING,
    ] = 4

    def identity_extra(self) -> dict[str, Any]:
        """Hashes of the prompts' texts and of the fitted parameters of grounding and cleaning, on which narrations
        depend."""
        from operators.narrate.grounding.fitted import CENTRE_FILE, FILE

        return {
            "prompts": [p.hash for p in self.prompts().values()],
            "fitted": digest([f.read_text(encoding="utf-8") for f in (FILE, CENTRE_FILE)]),
            **talk_identity(self.talk_classifier),
        }

    def toolkit(self) -> Toolkit:
        """Load the scorers that the config selects.

        Raises:
            ValueError: one line that names the missing package or file.
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
        """Check, without loading, for packages and files that grounding and cleaning need.

        Raises:
            ValueError: one line that says what is missing and what to do.
        """
        from operators.embedding.sentences import model_files
        from operators.narrate.grounding.entailment import check_folder

        if self.grounding == "embedding":
            try:
                model_files(self.embedding_model, where="its model")
            except ValueError as error:
                raise ValueError(f"narrate.grounding is embedding: {error}, or set it to lexical") from None
        check_talk_classifier(self.talk_classifier, "narrate.talk_classifier")
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
        """Total words of all sections for a video of this length in seconds; None leaves it to the engine."""
        if self.target_words is not None:
            return self.target_words
        return None if self.words_per_minute is None else max(50, round(self.words_per_minute * seconds / 60))
