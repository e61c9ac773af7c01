"""`expand`: find key points of a segment with questions of six types, confirmed by verifiers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form
from operators.core import structs
from operators.core.base import SIZING, Apply, ItemError, Operator, Row
from operators.core.fingerprint import digest, identity
from operators.embedding.embedders.base import EmbedderSpec, RunningEmbedder
from operators.embedding.embedders.minilm import MiniLM
from operators.embedding.embedders.registry import AnyEmbedder
from operators.engines.ask import Usage, ask
from operators.engines.base import FrameImage, Request, RunningEngine
from operators.engines.gates import About, gates_of, malformed
from operators.engines.provenance import provenance
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.expand.search import Node, search
from operators.prompts import load_prompt

_POINT = pa.struct(
    [
        pa.field("text", pa.string()),
        pa.field("kind", pa.string()),  # type of the question
        pa.field("confirmed", pa.bool_()),  # whether every verifier confirmed it
        pa.field("rollout", pa.int32()),  # number of the rollout, from 1
    ]
)
_ROLLOUT = pa.struct(
    [
        pa.field("rollout", pa.int32()),
        pa.field("parent", pa.int32()),  # number of the parent; 0 is the root
        pa.field("kind", pa.string()),
        pa.field("found", pa.int32()),  # number of new key points
        pa.field("value", pa.float64()),
        pa.field("problem", pa.string()),  # problem of a request without a valid answer; null if there is none
    ]
)


KINDS = {"overall": 1.0, "detail": 2.0, "temporal": 1.0, "spatial": 1.0, "background": 1.0, "camera": 1.0}
"""AutoCaption's six types; detail has twice the weight of the others."""


class KeyPoints(BaseModel):
    """Answer to a question."""

    model_config = ConfigDict(extra="forbid")
    points: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=12)]


class Verdicts(BaseModel):
    """Answer of a verifier, one for each key point."""

    model_config = ConfigDict(extra="forbid")
    right: Annotated[list[bool], Field(max_length=12)]


@dataclass(frozen=True, kw_only=True)
class Expand(Operator):
    """Writes `key_points` and `rollouts` of a segment, `expand_provenance` and `usage`.

    A request that keeps failing counts as no key points or as not confirmed, and is recorded in its rollout. If no
    question of a segment is answered, the segment fails. A retry of a segment repeats the whole search.
    """

    name: ClassVar[str] = "expand"
    version: ClassVar[int] = 3  # 2: an answer without a key point is one; 3: one verdict for each key point
    pool: ClassVar[str] = "ask"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"video_id", "segment_index", "start_s", "end_s", "duration_s", "images"}
    )
    writes: ClassVar[frozenset[str]] = frozenset({"key_points", "rollouts", "expand_provenance", "usage"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "key_points": pa.list_(_POINT),
        "rollouts": pa.list_(_ROLLOUT),
        "expand_provenance": structs.PROVENANCE,
    }

    engine: Annotated[AnyEngine, Field(description="engine that finds key points")]
    verifiers: Annotated[tuple[AnyEngine, ...], Field(description="engines that confirm them; (): `engine`")] = ()
    kinds: Annotated[dict[str, float], Field(min_length=1, description="types of questions and their weights")] = field(
        default_factory=lambda: dict(KINDS)
    )
    rollouts: Annotated[int, Field(ge=1, le=200, description="maximum number of questions per segment")] = 25
    depth: Annotated[int, Field(ge=1, le=12, description="maximum number of questions on one path")] = 4
    frames: Annotated[int, Field(ge=1, le=64, description="frames shown with each question")] = 16
    same: Annotated[float, Field(gt=0, le=1, description="least cosine of equal key points")] = 0.8
    question: Annotated[str, Field(description="prompt of a question")] = "key_points"
    verification: Annotated[str, Field(description="prompt of a verifier")] = "verify_points"
    embedder: Annotated[AnyEmbedder, Field(description="embedder of key points; null: MiniLM from a package")] = None
    language: Annotated[str, Field(min_length=1, description="language of the key points")] = "English"
    tries: Annotated[int, Field(ge=1, le=10, description="tries of a request before it counts as failed")] = 2
    concurrency: Annotated[int, Field(ge=1, description="segments that an actor processes simultaneously"), SIZING] = 4

    @property
    def model(self) -> EmbedderSpec:
        """The embedder; by default the one from a package."""
        return self.embedder if self.embedder is not None else MiniLM()

    def identity_extra(self) -> dict[str, Any]:
        prompts = [load_prompt(name).hash for name in (self.question, self.verification)]
        return {"prompts": prompts, "embedder": identity(self.model)}

    def check(self, *, elsewhere: bool = False) -> None:
        """Check that the embedder's files exist.

        Raises:
            ValueError: in one line, what is missing.
        """
        self.model.check(elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        with ExitStack() as stack:
            engine = stack.enter_context(shared(self.engine))
            verifiers = [(spec, stack.enter_context(shared(spec))) for spec in self.verifiers or (self.engine,)]
            embedder = stack.enter_context(self.model.open())
            yield lambda row: {**row, **_Segment(self, row, engine, verifiers, embedder).made()}


class _Segment:
    def __init__(
        self,
        spec: Expand,
        row: Row,
        engine: RunningEngine,
        verifiers: Sequence[tuple[Any, RunningEngine]],
        embedder: RunningEmbedder,
    ) -> None:
        self._spec, self._row, self._engine, self._verifiers = spec, row, engine, verifiers
        self._embedder = embedder
        own = [FrameImage(**p) for p in row["images"] or () if row["start_s"] <= p["time_s"] < row["end_s"]]
        if not own:
            raise ItemError("undecodable", "no frame of it decoded")
        count = min(spec.frames, len(own))
        self._frames = tuple(own[int((k + 0.5) * len(own) / count)] for k in range(count))
        self._seed = int(digest([row["video_id"], row["segment_index"], "expand"], hex_digits=8), 16)
        self._prompts = {name: load_prompt(name) for name in (spec.question, spec.verification)}
        self._usage = Usage()
        self._problems: dict[int, str] = {}
        self._answered = 0

    def made(self) -> Row:
        spec = self._spec
        nodes = search(
            spec.kinds,
            rollouts=spec.rollouts,
            depth=spec.depth,
            ask=self._question,
            verify=self._confirmed,
            alike=self._alike,
            same=spec.same,
        )
        if not self._answered:
            raise ItemError("gate", f"no question could be answered: {next(iter(self._problems.values()), '')}")
        points = [
            {"text": text, "kind": node.kind, "confirmed": confirmed, "rollout": node.number}
            for node in nodes
            for text, confirmed in zip(node.points, node.confirmed, strict=True)
        ]
        rollouts = [
            {
                "rollout": node.number,
                "parent": node.parent.number if node.parent else 0,
                "kind": node.kind,
                "found": len(node.points),
                "value": round(node.value, 6),
                "problem": self._problems.get(node.number),
            }
            for node in nodes
        ]
        made_by = provenance(spec.engine, list(self._prompts.values()), {"tries": spec.tries, "seed": self._seed})
        return {"key_points": points, "rollouts": rollouts, "expand_provenance": made_by, "usage": self._usage.row()}

    def _question(self, node: Node, kind: str, number: int) -> list[str]:
        known = [point for above in node.above() for point in above.points]
        read = self._ask(0, self._spec.question, KeyPoints, number, kind=kind, known=known)
        if read is None:
            return []
        self._answered += 1
        return [point.strip() for point in read.points if point.strip()]

    def _confirmed(self, points: list[str], number: int) -> list[bool]:
        confirmed = [True] * len(points)
        for place in range(1, len(self._verifiers) + 1):
            read = self._ask(place, self._spec.verification, Verdicts, number, points=points)
            said = read.right if read is not None else [False] * len(points)
            confirmed = [was and right for was, right in zip(confirmed, said, strict=True)]
        return confirmed

    def _ask(self, place: int, name: str, form: Any, number: int, **values: Any) -> Any:
        """Return the answer parsed as `form`; None if there is no valid one. `place` of a verifier counts from 1."""
        row = self._row
        spec, engine = self._verifiers[place - 1] if place else (self._spec.engine, self._engine)
        template = self._prompts[name]
        span = {"start_s": row["start_s"], "end_s": row["end_s"], "language": self._spec.language}
        prompt = template.render(**span, **values)
        request = Request(
            kind="verdict" if place else "key_points",
            start_s=row["start_s"],
            end_s=row["end_s"],
            prompt=prompt.text,
            instructions=template.instructions,
            images=self._frames,
            images_at=prompt.images_at,
            schema=_schema(form, len(values["points"]) if form is Verdicts else None),
            seed=self._seed + 10 * number + place,
        )

        def read(text: str) -> Any:
            found = read_form(text, form)
            if isinstance(found, Verdicts) and len(found.right) != len(values["points"]):
                raise ValueError(
                    f"it has {len(found.right)} verdicts, and there are {len(values['points'])} statements"
                )
            return found

        gates = gates_of(spec)
        about = About(
            language=self._spec.language,
            duration_s=row["duration_s"],
            form=form,
            parse=read,
            prose=lambda read: " ".join(read.points) or "Yes." if isinstance(read, KeyPoints) else "Yes.",
        )
        gates = gates if malformed in gates else (*gates, malformed)
        clean = spec.generative
        answer = ask(engine, request, tries=self._spec.tries, gates=gates, about=about, clean=clean).result()
        self._usage += answer.usage
        if not answer.valid:
            self._problems.setdefault(number, str(answer.problem))
            return None
        return read(answer.text)

    def _alike(self, text: str, others: Sequence[str]) -> float:
        if not others:
            return 0.0
        vectors = np.asarray(self._embedder.texts([text, *others]))
        return float(np.clip(np.max(vectors[1:] @ vectors[0]), 0.0, 1.0))


def _schema(form: type[BaseModel], verdicts: int | None) -> str:
    schema = form.model_json_schema()
    if verdicts is not None:
        schema["properties"]["right"] |= {"minItems": verdicts, "maxItems": verdicts}
    return json.dumps(schema, sort_keys=True)
