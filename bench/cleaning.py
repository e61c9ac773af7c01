"""Measure what cleaning and gates let through, and what they change in human text.

    python -m bench.cleaning [--embedding] [HUMAN_TEXT.jsonl]

For each kind of defect of model output, prints how many answers of the lists in `tests/support/defects` reach a
row with their defect. With a file of human descriptions (JSON Lines with lists `first` and `second` of objects with
a `text`) it also prints how many of these, alone and joined to paragraphs, are rejected or changed.
`--embedding` cleans with `caption.talk_classifier: embedding`.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from operators.cleaning.clean import clean
from operators.cleaning.context import Embed
from operators.embedding.talk import talk_embedder
from operators.engines.base import Generation
from operators.engines.gates import ALWAYS, GENERATIVE, About, first_failed
from tests.support.defects import DEFECTS, DURATION_S, PROMPT
from tests.support.ordinary import ORDINARY

_GATES = (*ALWAYS, *GENERATIVE)
_ABOUT = About(language="English", duration_s=DURATION_S, instructions=PROMPT)


def judged(answer: str, *, cites: bool = False, embed: Embed | None = None) -> tuple[str, str | None]:
    """Return the cleaned answer, and the gate that rejects it; None if it is accepted."""
    about = replace(_ABOUT, cites=cites, embed=embed)
    text = clean(Generation(text=answer).text, about).text
    failed = first_failed(_GATES, Generation(text=text), about)
    return text, failed[0] if failed else None


def defects(embed: Embed | None) -> None:
    all_of, landed, lost = Counter[str](), Counter[str](), Counter[str]()
    for defect in DEFECTS:
        text, gate = judged(defect.answer, cites=defect.cites, embed=embed)
        all_of[defect.kind] += 1
        landed[defect.kind] += gate is None and defect.left_in(text)
        lost[defect.kind] += gate is not None and defect.kept
    print(f"{'kind':<24}{'answers':>8}{'landed':>8}{'caption lost':>14}")
    for kind, count in sorted(all_of.items()):
        print(f"{kind:<24}{count:>8}{landed[kind]:>8}{lost[kind]:>14}")
    total = sum(all_of.values())
    print(f"{'all':<24}{total:>8}{sum(landed.values()):>8}{sum(lost.values()):>14}")


def human(name: str, texts: list[str], embed: Embed | None) -> None:
    began = time.perf_counter()
    made = [judged(text, embed=embed) for text in texts]
    taken_ms = 1000 * (time.perf_counter() - began) / max(1, len(texts))
    back = [gate for _, gate in made if gate]
    changed = sum(
        text != " ".join(source.split()) for (text, gate), source in zip(made, texts, strict=True) if not gate
    )
    gates = dict(Counter(back))
    print(f"{name}: {len(texts)} texts, {len(back)} sent back {gates}, {changed} changed, {taken_ms:.1f} ms each")


def main(arguments: list[str]) -> None:
    embed = talk_embedder("embedding" if "--embedding" in arguments else "words")
    defects(embed)
    human("text that looks like a defect", list(ORDINARY), embed)
    for argument in arguments:
        if argument.startswith("--"):
            continue
        videos = [json.loads(line) for line in Path(argument).read_text(encoding="utf-8").splitlines()]
        described = [[part["text"].strip() for part in video[hand]] for video in videos for hand in ("first", "second")]
        human("captions", [text for texts in described for text in texts], embed)
        human("paragraphs", [" ".join(texts) for texts in described], embed)


if __name__ == "__main__":
    main(sys.argv[1:])
