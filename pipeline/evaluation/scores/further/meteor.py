"""METEOR 1.5 with -norm, as coco-caption runs it: a Java program that is controlled through pipes.

No other algorithm is used under its name. Line breaks, `|||` and empty texts break its protocol and are removed or
replaced first.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Annotated, ClassVar, cast

from pydantic import Field

from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.further.base import CaptionMetric, Measure
from pipeline.evaluation.scores.metrics import Metric
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.tokens import ptb_words

_JAR = "meteor/meteor-1.5.jar"
_HOW = (
    "METEOR needs java and meteor-1.5.jar; give its path with --metric '{kind: meteor, jar: PATH}', "
    "or install pycocoevalcap, which contains it"
)


@dataclass(frozen=True, kw_only=True)
class Meteor(CaptionMetric):
    """METEOR 1.5, English."""

    version: ClassVar[int] = 1
    columns: ClassVar[Mapping[str, Metric]] = {
        "meteor": Metric("further", 1, "METEOR 1.5 with -norm, as coco-caption runs it")
    }

    jar: Annotated[str | None, Field(description="meteor-1.5.jar with its data beside it; null: pycocoevalcap's")] = (
        None
    )
    memory: Annotated[str, Field(pattern=r"\d+[MG]", description="heap of the Java process")] = "2G"

    def check(self) -> None:
        if shutil.which("java") is None:
            raise ValueError(f"java is not installed. {_HOW}")
        path = self.path()
        if path is None or not path.is_file():
            raise ValueError(f"{path or _JAR} does not exist. {_HOW}")

    def path(self) -> Path | None:
        """Return the path of the jar; None if it is not found."""
        if self.jar is not None:
            return Path(self.jar).expanduser()
        spec = find_spec("pycocoevalcap")
        home = next(iter(spec.submodule_search_locations or ()), None) if spec is not None else None
        return Path(home, _JAR) if home else None

    @contextmanager
    def open(self) -> Iterator[Measure]:
        command = ["java", "-jar", f"-Xmx{self.memory}", str(self.path()), "-", "-", "-stdio", "-l", "en", "-norm"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                yield _Scorer(process).measure
            finally:
                process.kill()


class _Scorer:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._in, self._out = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        self._lock = threading.Lock()

    def measure(self, caption: Caption, references: Sequence[Reference]) -> Mapping[str, float | None]:
        truths = [t for r in references if (t := _line(r.text))]
        if not truths:
            return {"meteor": None}
        predicted = _line(caption.text)
        if not predicted:
            return {"meteor": 0.0}
        with self._lock:
            stats = self._asked(f"SCORE ||| {' ||| '.join(truths)} ||| {predicted}")
            value = float(self._asked(f"EVAL ||| {stats}"))
            self._out.readline()  # the same value for the set of one caption
        return {"meteor": value}

    def _asked(self, line: str) -> str:
        self._in.write(line + "\n")
        self._in.flush()
        answer = self._out.readline().strip()
        if not answer:
            raise RuntimeError("METEOR's process has ended; give it more memory with {kind: meteor, memory: 4G}")
        return answer


def _line(text: str) -> str:
    """Prepare a text for the protocol, with coco-caption's replacements."""
    return " ".join(ptb_words(re.sub(r"\|{3}|\s+", " ", text)))
