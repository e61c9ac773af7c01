"""What cleaning and gates let through, and what they take from human text.

    python -m bench.cleaning [HUMAN_TEXT.jsonl]

Prints, for each kind of defect of model output, how many answers of the lists in `tests/support/defects` land in a
row with their defect. With a file of human descriptions (lines of JSON with lists `first` and `second` of objects with
a `text`) it also prints how many of these, one by one and joined to paragraphs, are sent back or changed.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from operators.cleaning.clean import clean
from operators.engines.base import Generation
from operators.engines.gates import ALWAYS, GENERATIVE, About, first_failed
from tests.support.defects import DEFECTS, DURATION_S, PROMPT
from tests.support.ordinary import ORDINARY

_GATES = (*ALWAYS, *GENERATIVE)
_ABOUT = About(language="English", duration_s=DURATION_S, instructions=PROMPT)


def judged(answer: str, *, cites: bool = False) -> tuple[str, str | None]:
    """The cleaned answer, and the gate that sends it back; None where it is accepted."""
    about = replace(_ABOUT, cites=cites)
    text = clean(Generation(text=answer).text, about).text
    failed = first_failed(_GATES, Generation(text=text), about)
    return text, failed[0] if failed else None


def defects() -> None:
    all_of, landed, lost = Counter[str](), Counter[str](), Counter[str]()
    for defect in DEFECTS:
        text, gate = judged(defect.answer, cites=defect.cites)
        all_of[defect.kind] += 1
        landed[defect.kind] += gate is None and defect.left_in(text)
        lost[defect.kind] += gate is not None and defect.kept
    print(f"{'kind':<24}{'answers':>8}{'landed':>8}{'caption lost':>14}")
    for kind, count in sorted(all_of.items()):
        print(f"{kind:<24}{count:>8}{landed[kind]:>8}{lost[kind]:>14}")
    total = sum(all_of.values())
    print(f"{'all':<24}{total:>8}{sum(landed.values()):>8}{sum(lost.values()):>14}")


def human(name: str, texts: list[str]) -> None:
    began = time.perf_counter()
    made = [judged(text) for text in texts]
    taken_ms = 1000 * (time.perf_counter() - began) / max(1, len(texts))
    back = [gate for _, gate in made if gate]
    changed = sum(
        text != " ".join(source.split()) for (text, gate), source in zip(made, texts, strict=True) if not gate
    )
    gates = dict(Counter(back))
    print(f"{name}: {len(texts)} texts, {len(back)} sent back {gates}, {changed} changed, {taken_ms:.1f} ms each")


def main(arguments: list[str]) -> None:
    defects()
    human("text that looks like a defect", list(ORDINARY))
    for argument in arguments:
        videos = [json.loads(line) for line in Path(argument).read_text(encoding="utf-8").splitlines()]
        told = [[part["text"].strip() for part in video[hand]] for video in videos for hand in ("first", "second")]
        human("captions", [text for texts in told for text in texts])
        human("paragraphs", [" ".join(texts) for texts in told])


if __name__ == "__main__":
    main(sys.argv[1:])
