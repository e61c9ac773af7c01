"""`python -m tests.recipes VIDEO ENGINE [NAME …]`: run recipes with a real engine and note a line of what each wrote.

ENGINE is the JSON of an engine that takes frames and texts; it stands for every engine that a recipe names. The lines
go to `seen.yaml`, from which `python -m tests.support.reference` writes the page of published recipes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

import yaml

import pipeline as longcap
from pipeline.output.verification import verify
from tests.recipes.cases import HERE, cases, config_of


def main(video: str, engine: str, *names: str) -> int:
    spec: dict[str, Any] = json.loads(engine)
    known: dict[str, Any] = yaml.safe_load((HERE / "seen.yaml").read_text()) or {}
    for name in names or sorted(cases()):
        with tempfile.TemporaryDirectory(prefix="recipe-") as out:
            result = longcap.run(video, out, config_of(name, spec, "run.max_failed=1"), quiet=True)
            wrong = verify(longcap.open(out)).findings
            line = _line(longcap.open(out), *cases()[name]["shows"])
            failed = [f"{f['stage']}: {f['message']}" for f in result.failures()]
        print(f"{name}: ok {result.ok}, {len(wrong)} findings, {failed}\n  {line}", flush=True)
        if line is not None and not wrong:
            words = str(spec.get("model", spec["kind"])).rstrip("/").rpartition("/")[2]
            known[name] = {"engine": f"{words} in {spec['kind']} on a CPU", "line": line}
            text = yaml.safe_dump(known, allow_unicode=True, width=110)
            (HERE / "seen.yaml").write_text(text, encoding="utf-8")
    return 0


def _line(output: longcap.Output, table: str, column: str) -> str | None:
    """The first text in a column of a table."""
    for row in output.table(table).to_pylist():
        value = row[column]
        items = value if isinstance(value, list) else [value]
        for item in items:
            text = item if not isinstance(item, dict) else item.get("fields") or item.get("text")
            if text:
                return str(text)
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
