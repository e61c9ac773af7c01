"""`python -m tests.recipes VIDEO EYES TEXTS [NAME …]`: run recipes with real engines and note a line of each.

EYES and TEXTS are engines as JSON: EYES stands for every engine of a recipe that is shown frames, TEXTS for those that
read texts only. The lines go to `seen.yaml`, from which `python -m tests.support.reference` writes the page of
published recipes. A run that fails is noted with its reason; `why` beside it is written by hand, and stays.

    python -m tests.support.models .cache/models smollm2
    python -m tests.recipes VIDEO '{"kind": "transformers", "model": "pipeline/evaluation/exam/checkpoint"}' \\
        '{"kind": "transformers", "model": ".cache/models/smollm2"}'
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

import yaml

import pipeline as longcap
from operators.engines.transformers import TransformersEngine
from pipeline.output.verification import verify
from tests.recipes.cases import HERE, OF_TEXTS, cases, config_of

_MOST = 300  # characters of a line
_NAMES = {
    "checkpoint": "the exam's small model",
    "smollm2": "SmolLM2-135M",
    "qwen3_vl": "Qwen3-VL of two layers with random weights",
}


def main(video: str, eyes: str, texts: str, *names: str) -> int:
    # the models stay in this process, so that no Ray is started for each recipe
    TransformersEngine.local_model, TransformersEngine.gpus = False, 0  # type: ignore[assignment]
    specs: list[dict[str, Any]] = [json.loads(eyes), json.loads(texts)]
    for name in names or sorted(cases()):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="recipe-") as out:
            seen = cases()[name].get("seen", ())
            config = config_of(name, specs[0], "run.max_failed=1", *seen, texts=specs[1])
            result = longcap.run(video, out, config, quiet=True)
            output = longcap.open(out)
            wrong = verify(output).findings
            line = _line(output, *cases()[name]["shows"])
            failed = [f"{f['stage']}: {f['message']}" for f in result.failures()]
        took = time.monotonic() - began
        print(f"{name}: ok {result.ok}, {len(wrong)} findings, {failed}, {took:.0f} s\n  {line}", flush=True)
        if wrong:
            continue
        reads = sorted({engine in OF_TEXTS for engine in longcap.load_config(name).engines})
        models = dict.fromkeys(_name(specs[one]) for one in reads)
        engine = (
            f"{' and '.join(models)} in {specs[reads[0]]['kind']}" if models else "captions that are measured, models"
        )
        said = {"line": line} if line else {"failed": " ".join(failed)[:_MOST] or "it ran and found nothing"}
        _note(name, {"engine": f"{engine} on a CPU", **said})
    return 0


def _name(spec: dict[str, Any]) -> str:
    name = str(spec.get("model", spec["kind"])).rstrip("/").rpartition("/")[2]
    return _NAMES.get(name, name)


def _note(name: str, what: dict[str, str]) -> None:
    known: dict[str, Any] = yaml.safe_load((HERE / "seen.yaml").read_text()) or {}
    why = {"why": known[name]["why"]} if "failed" in what and "why" in known.get(name, {}) else {}
    text = yaml.safe_dump({**known, name: {**what, **why}}, allow_unicode=True, width=110)
    (HERE / "seen.yaml").write_text(text, encoding="utf-8")


def _line(output: longcap.Output, table: str, column: str) -> str | None:
    """The first valid text in a column of a table."""
    for row in output.table(table).to_pylist():
        value = row[column]
        for item in value if isinstance(value, list) else [value]:
            text = item if not isinstance(item, dict) else item.get("fields") or item.get("text")
            if text:
                line = " ".join(str(text).split())
                return line if len(line) <= _MOST else f"{line[:_MOST].rsplit(' ', 1)[0]} …"
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
